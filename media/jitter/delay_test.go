package jitter

import (
	"testing"
	"time"
)

// TestBuffer_OneLatePacketChangesNothing: but two in four seconds do, at once.
func TestBuffer_OneLatePacketChangesNothing(t *testing.T) {
	b := New(Config{})
	s := &sender{ssrc: 1}
	now := epoch
	push := func(late time.Duration) { b.Push(s.next(now.Add(late))); now = now.Add(step) }
	for i := range 600 {
		push(time.Duration(i%3) * time.Millisecond)
	}
	calm := b.Target()
	push(150 * time.Millisecond)
	if b.Target() > calm+5*time.Millisecond {
		t.Errorf("target %v after one late packet, %v before", b.Target(), calm)
	}
	push(150 * time.Millisecond)
	if b.Target() < 150*time.Millisecond {
		t.Errorf("target %v after two", b.Target())
	}
	for range 3000 {
		push(0)
	}
	if b.Target() > calm+5*time.Millisecond {
		t.Errorf("target %v after a minute of peace, %v before", b.Target(), calm)
	}
}

// TestBuffer_CalmIsShort: where no packet is late none waits for longer than what is due
// and one tick, whenever in the tick packets come.
func TestBuffer_CalmIsShort(t *testing.T) {
	for phase := time.Duration(0); phase < step; phase += time.Millisecond {
		b, s := &player{Buffer: New(Config{})}, &sender{ssrc: 1}
		var played []int
		for i := range 500 {
			now := epoch.Add(time.Duration(i) * step)
			b.Push(s.next(now.Add(-phase)))
			played = tick(b, now, played)
		}
		// The last packet played fills the tick, with what is left of the one before.
		waits := time.Duration(499-played[len(played)-1])*step + phase + time.Duration(b.ahead)*time.Second/8000
		if due := b.Target(); due > 8*time.Millisecond || waits < due-5*time.Millisecond || waits > due+step+2*time.Millisecond {
			t.Errorf("packets that come %v before the tick wait %v, of which %v are due", phase, waits, due)
		}
		if c := b.Counters(); c.Lost > 0 || c.Late > 0 {
			t.Errorf("%+v", c)
		}
	}
}

// TestBuffer_FirstTarget: a buffer begins with 25 ms, or with what it is told.
func TestBuffer_FirstTarget(t *testing.T) {
	for first, want := range map[time.Duration]time.Duration{0: DefaultFirst, 60 * time.Millisecond: 60 * time.Millisecond, time.Millisecond: 7500 * time.Microsecond} {
		b, s := New(Config{First: first}), &sender{ssrc: 1}
		for i := range 30 {
			b.Push(s.next(epoch.Add(time.Duration(i) * step)))
		}
		if b.Target() != want {
			t.Errorf("first %v: %v, want %v", first, b.Target(), want)
		}
	}
}

// TestBuffer_AStallIsOneEvent: five packets that come at once after 100 ms of nothing do not
// keep the delay up.
func TestBuffer_AStallIsOneEvent(t *testing.T) {
	b := &player{Buffer: New(Config{Max: 400 * time.Millisecond})}
	s := &sender{ssrc: 1}
	var held []Packet
	for i := range 1000 {
		now := epoch.Add(time.Duration(i) * step)
		if held = append(held, s.next(now)); i < 500 || i >= 505 {
			for _, p := range held {
				p.Arrival = now
				b.Push(p)
			}
			held = held[:0]
		}
		tick(b, now.Add(3*time.Millisecond), nil)
		if i == 605 && (b.Target() > 40*time.Millisecond || b.Len() > 3) {
			t.Errorf("two seconds after a stall: target %v, %d packets held", b.Target(), b.Len())
		}
	}
}
