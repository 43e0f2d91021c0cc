package loop

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func start(t *testing.T) (*Loop, func()) {
	l := New(nil)
	ctx, cancel := context.WithCancel(t.Context())
	go l.Run(ctx)
	return l, func() { cancel(); <-l.Done() }
}

func TestLoop(t *testing.T) {
	t.Run("posted functions run in order", func(t *testing.T) {
		l, stop := start(t)
		defer stop()
		var got []int
		for i := range 1000 {
			l.Post(func() { got = append(got, i) })
		}
		if err := l.Do(t.Context(), func() {}); err != nil {
			t.Fatal(err)
		}
		if len(got) != 1000 || !slices.IsSorted(got) {
			t.Fatalf("got %d functions, sorted %v", len(got), slices.IsSorted(got))
		}
	})
	t.Run("timers fire in the order of their times, then of their making", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, stop := start(t)
			defer stop()
			var got []string
			begin := time.Now()
			mark := func(s string) func() {
				return func() { got = append(got, s+time.Since(begin).String()) }
			}
			l.Post(func() {
				l.After(2*time.Second, mark("c"))
				l.After(time.Second, mark("a"))
				l.After(time.Second, mark("b"))
				l.After(3*time.Second, mark("never")).Stop()
			})
			<-time.After(time.Hour) // virtual
			l.Do(t.Context(), func() {})
			if want := []string{"a1s", "b1s", "c2s"}; !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
		})
	})
	t.Run("a timer stopped by one that is due with it does not run", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l, stop := start(t)
			defer stop()
			ran := false
			l.Post(func() {
				var second *Timer
				l.After(time.Second, func() { second.Stop() })
				second = l.After(time.Second, func() { ran = true })
			})
			<-time.After(time.Minute) // virtual
			l.Do(t.Context(), func() {})
			if ran {
				t.Fatal("the stopped timer ran")
			}
		})
	})
	t.Run("a panic is counted and the loop goes on", func(t *testing.T) {
		l, stop := start(t)
		defer stop()
		l.Post(func() { panic("on purpose") })
		if err := l.Do(t.Context(), func() {}); err != nil || l.Panics() != 1 {
			t.Fatalf("err %v, panics %d", err, l.Panics())
		}
	})
	t.Run("after the end nothing is taken", func(t *testing.T) {
		l, stop := start(t)
		stop()
		if l.Post(func() {}) {
			t.Fatal("post was taken")
		}
		if err := l.Do(t.Context(), func() {}); err != ErrEnded {
			t.Fatalf("do: %v", err)
		}
	})
}
