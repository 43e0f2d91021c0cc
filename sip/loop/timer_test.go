package loop

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestSchedule has timers made, stopped and run at random, and compares the order in
// which they run with that of a sorted list.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		s := &schedule{}
		var open []*Timer
		due := func(now time.Duration) []*Timer {
			slices.SortFunc(open, func(a, b *Timer) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seq, b.seq)) })
			n, _ := slices.BinarySearchFunc(open, now, func(t *Timer, now time.Duration) int {
				if t.at <= now {
					return -1
				}
				return 1
			})
			first := slices.Clone(open[:n])
			open = slices.Clone(open[n:])
			return first
		}
		ran := 0
		for range 20000 {
			switch rng.IntN(4) {
			case 0, 1:
				open = append(open, s.add(time.Duration(rng.IntN(int(3*time.Second))), func() {}))
			case 2:
				if len(open) > 0 {
					i := rng.IntN(len(open))
					if !open[i].Stop() || open[i].Stop() {
						t.Fatal("a timer was not to be stopped once")
					}
					open = slices.Delete(open, i, i+1)
				}
			case 3:
				next := s.again(s.since()) - s.since()
				<-time.After(min(next+time.Duration(rng.IntN(int(20*time.Millisecond))), time.Second) + 1) // virtual
				now := s.since()
				for _, want := range due(now) {
					if got := s.next(now); got != want {
						t.Fatalf("at %v came %v, not the timer of %v", now, got, want.at)
					}
					ran++
				}
				if got := s.next(now); got != nil {
					t.Fatalf("at %v a timer of %v came", now, got.at)
				}
			}
		}
		if ran < 1000 {
			t.Errorf("only %d timers ran", ran)
		}
		left := open
		s.end()
		for _, timer := range left {
			if timer.Stop() {
				t.Fatal("a timer was to run after the end")
			}
		}
	})
}

// A timer of 32 s among 100,000 others, as a call leaves three behind.
func BenchmarkTimer(b *testing.B) {
	s := &schedule{}
	for i := range 100_000 {
		s.add(time.Duration(i)*320*time.Microsecond, func() {})
	}
	b.ReportAllocs()
	for b.Loop() {
		s.add(32*time.Second, func() {}).Stop()
	}
}

// TestLoop_WhatNobodyMeasuresIsDoneTogether: timers of Around run up to 16 ms before their
// time, never after it, those of Behind the other way round, and those of one moment at the
// same instant.
func TestLoop_WhatNobodyMeasuresIsDoneTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, stop := start(t)
		defer stop()
		begin, moments := time.Now(), map[time.Duration]int{}
		ran := func(d, early, late time.Duration) func() {
			return func() {
				at := time.Since(begin)
				if moments[at]++; at > max(d, 0)+late || at < d-early {
					t.Errorf("%v later is %v", d, at)
				}
			}
		}
		l.Post(func() {
			for d := -time.Millisecond; d < time.Second; d += time.Millisecond {
				l.Around(d, ran(d, 16*time.Millisecond, 0))
				l.Behind(d, ran(d, 0, 16*time.Millisecond))
			}
		})
		<-time.After(time.Hour) // virtual
		l.Do(t.Context(), func() {})
		if most := int(time.Second/(16*time.Millisecond)) + 2; len(moments) > most {
			t.Errorf("2,002 timers in a second ran at %d moments, %d are enough", len(moments), most)
		}
	})
}
