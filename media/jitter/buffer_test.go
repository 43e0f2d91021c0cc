package jitter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// sender makes packets of 20 ms whose payload is their running number.
type sender struct {
	ssrc uint32
	seq  uint16
	ts   uint32
	n    int
}

func (s *sender) next(at time.Time) Packet {
	p := Packet{SSRC: s.ssrc, Sequence: s.seq, Timestamp: s.ts, Arrival: at, Payload: payload(s.n)}
	s.seq++
	s.ts += 160
	s.n++
	return p
}

func payload(n int) []byte {
	b := make([]byte, 160)
	b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n)
	return b
}

func number(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

// player is a buffer with what was taken out of it and not heard yet.
type player struct {
	*Buffer
	ahead int
}

// tick plays 20 ms and appends the numbers of what was played.
func tick(b *player, now time.Time, played []int) []int {
	for b.ahead < 160 {
		item := b.Next(now, b.ahead)
		if item.Payload == nil {
			b.ahead += item.Units
			continue
		}
		played = append(played, number(item.Payload))
		b.Played(160)
		n := min(max(item.Off, -100), 100)
		b.Changed(n)
		b.ahead += 160 - n
	}
	b.ahead -= 160
	return played
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const step = 20 * time.Millisecond

func TestConformance_M06_EachPlayedOnceInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	b := &player{Buffer: New(Config{})}
	s := &sender{ssrc: 1, seq: 65000, ts: 1 << 31}
	type flight struct {
		p  Packet
		at time.Time
	}
	var air []flight
	var played []int
	sent, lost := 0, map[int]bool{}
	for i := range 30_000 {
		now := epoch.Add(time.Duration(i) * step)
		p := s.next(now)
		sent++
		if rng.Float64() < 0.1 {
			lost[sent-1] = true
		} else {
			air = append(air, flight{p, now.Add(time.Duration(rng.Int64N(int64(60 * time.Millisecond))))}) // reorders by up to 3
			if rng.Float64() < 0.05 {
				air = append(air, flight{p, now.Add(time.Duration(rng.Int64N(int64(60 * time.Millisecond))))})
			}
		}
		slices.SortFunc(air, func(x, y flight) int { return x.at.Compare(y.at) })
		for len(air) > 0 && !air[0].at.After(now) {
			air[0].p.Arrival = air[0].at
			b.Push(air[0].p)
			air = air[1:]
		}
		played = tick(b, now.Add(7*time.Millisecond), played)
		if b.Len() > 16 {
			t.Fatalf("%d packets held at %d", b.Len(), i)
		}
	}
	for i := 1; i < len(played); i++ {
		if played[i] <= played[i-1] {
			t.Fatalf("%d played after %d", played[i], played[i-1])
		}
	}
	c := b.Counters()
	if missing := sent - len(lost) - len(played); missing > sent/200 {
		t.Errorf("%d of %d that came were not played: %+v", missing, sent, c)
	}
	if off := int(c.Lost) - len(lost); off < -len(lost)/20 || off > len(lost)/20 {
		t.Errorf("concealed %d, lost %d", c.Lost, len(lost))
	}
	if c.Resyncs != 0 || c.Overflows != 0 || c.Duplicates == 0 {
		t.Errorf("%+v", c)
	}
}

func TestBuffer_BoundedThroughAnHourOfDrift(t *testing.T) {
	for _, ppm := range []int{500, -500, 0} {
		t.Run(fmt.Sprintf("ppm=%d", ppm), func(t *testing.T) {
			b := &player{Buffer: New(Config{})}
			s := &sender{ssrc: 1}
			drifting := step - step*time.Duration(ppm)/1_000_000
			due := epoch
			var played []int
			worst := time.Duration(0)
			for i := range 180_000 { // an hour
				now := epoch.Add(time.Duration(i) * step)
				for !due.After(now) {
					b.Push(s.next(due))
					due = due.Add(drifting)
				}
				played = tick(b, now, played)
				if n := len(played); i > 500 && n > 0 {
					delay := now.Sub(epoch.Add(time.Duration(played[n-1]) * drifting))
					worst = max(worst, delay)
				}
				if b.Len() > 5 {
					t.Fatalf("%d packets held after %v", b.Len(), now.Sub(epoch))
				}
			}
			c := b.Counters()
			t.Logf("worst delay %v, %+v", worst, c)
			if worst > 100*time.Millisecond || b.Target() > 40*time.Millisecond {
				t.Errorf("delay %v, target %v", worst, b.Target())
			}
			// 500 ppm are 1.8 s an hour, 14,400 units; little more than that may be touched.
			if c.Late > 2 || c.Accelerated > 16000 || c.Decelerated > 16000 || c.Lost > 2 || c.Resyncs != 0 {
				t.Errorf("%+v", c)
			}
			if ppm == 0 && (c.Accelerated > 200 || c.Decelerated > 200 || c.Lost != 0) {
				t.Errorf("without drift: %+v", c)
			}
		})
	}
}

func TestConformance_M05_WrapJumpAndRestart(t *testing.T) {
	b := &player{Buffer: New(Config{})}
	s := &sender{ssrc: 1, seq: 0xFFF0, ts: 0xFFFFFFFF - 1000}
	now := epoch
	var played []int
	run := func(n int) {
		for range n {
			b.Push(s.next(now))
			played = tick(b, now.Add(time.Millisecond), played)
			now = now.Add(step)
		}
	}
	run(100)
	if c := b.Counters(); c.Lost != 0 || c.Late != 0 || c.Resyncs != 0 || len(played) < 97 || b.Sequence() != 0xFFF0+99 {
		t.Errorf("wrap: %+v, %d played", c, len(played))
	}
	before := len(played)
	s.seq += 3000
	s.ts += 77
	run(20)
	if c := b.Counters(); c.Resyncs != 1 || len(played)-before < 17 || played[before] > 101 {
		t.Errorf("jump: %+v, played %v", c, played[before:])
	}
	s.seq, s.ts, s.ssrc = 5, 0, 2
	before = len(played)
	run(20)
	if c := b.Counters(); c.Resyncs != 2 || len(played)-before < 16 {
		t.Errorf("new SSRC: %+v, played %v", c, played[before:])
	}
	if ssrc, ok := b.SSRC(); ssrc != 2 || !ok {
		t.Error("SSRC")
	}
}

func TestPush_StrayPacketsChangeNothing(t *testing.T) {
	b := &player{Buffer: New(Config{})}
	s, other := &sender{ssrc: 1}, &sender{ssrc: 2, seq: 500}
	now := epoch
	for range 50 {
		b.Push(s.next(now))
		if got := b.Push(other.next(now)); got != Held {
			t.Fatalf("a stray packet is %v", got)
		}
		tick(b, now, nil)
		now = now.Add(step)
	}
	if c := b.Counters(); c.Resyncs != 0 || c.Lost != 0 {
		t.Errorf("%+v", c)
	}
	b.Push(s.next(now))
	if b.Push(other.next(now)) != Held || b.Push(other.next(now)) != Resynced {
		t.Error("two in sequence do not start anew")
	}
}

func TestPush_DuplicateLateAndOverflow(t *testing.T) {
	b := &player{Buffer: New(Config{Slots: 16})}
	s := &sender{ssrc: 1}
	first := s.next(epoch)
	if b.Push(first) != Queued || b.Push(first) != Duplicate {
		t.Error("duplicate")
	}
	missing := s.next(epoch)
	for i := range 10 {
		b.Push(s.next(epoch.Add(time.Duration(i+2) * step)))
		tick(b, epoch.Add(time.Duration(i+2)*step), nil)
	}
	missing.Arrival = epoch.Add(12 * step)
	if got := b.Push(missing); got != Late {
		t.Errorf("late: %v", got)
	}
	for range 1000 { // nobody plays
		b.Push(s.next(epoch.Add(13 * step)))
	}
	if b.Len() > 16 || b.Counters().Overflows == 0 {
		t.Errorf("%d held, %+v", b.Len(), b.Counters())
	}
}

func TestNext_EventsAreNotLostAudio(t *testing.T) {
	b := &player{Buffer: New(Config{})}
	s := &sender{ssrc: 1}
	now := epoch
	run := func(n int, event bool) {
		for range n {
			p := s.next(now)
			p.Event = event
			b.Push(p)
			tick(b, now, nil)
			now = now.Add(step)
		}
	}
	run(20, false)
	run(15, true)
	run(20, false)
	if c := b.Counters(); c.Lost > 4 || c.Late != 0 || c.Resyncs != 0 {
		t.Errorf("%+v", c)
	}
}

func TestNext_LongerWayIsFoundAgain(t *testing.T) {
	b := &player{Buffer: New(Config{})}
	s := &sender{ssrc: 1}
	var played []int
	delay := time.Duration(0)
	type flight struct {
		p  Packet
		at time.Time
	}
	var air []flight
	for i := range 400 {
		now := epoch.Add(time.Duration(i) * step)
		if i == 200 {
			delay = 700 * time.Millisecond
		}
		air = append(air, flight{s.next(now), now.Add(delay)})
		for len(air) > 0 && !air[0].at.After(now) {
			air[0].p.Arrival = air[0].at
			b.Push(air[0].p)
			air = air[1:]
		}
		played = tick(b, now, played)
	}
	if c := b.Counters(); c.Late > 8 || len(played) < 400-35-15 {
		t.Errorf("%d played, %+v", len(played), c)
	}
}

// TestPush_WhatWasMadeUpBeforeALateRunCounts: the network stands still for 300 ms, and then hands over
// all at once: the frames that were made up meanwhile are told, though no packet was lost.
func TestPush_WhatWasMadeUpBeforeALateRunCounts(t *testing.T) {
	b, s := &player{Buffer: New(Config{})}, &sender{ssrc: 1}
	var played []int
	for i := range 400 {
		now := epoch.Add(time.Duration(i) * step)
		if i < 300 || i >= 315 {
			for due := s.n; due <= i; due++ {
				b.Push(s.next(now))
			}
		}
		played = tick(b, now.Add(time.Millisecond), played)
	}
	if c := b.Counters(); c.Lost < lostTicks || c.Lost > pauseTicks || c.Late != lateRun-1 {
		t.Errorf("made up %d, late %d; want %d to %d and %d: %+v", c.Lost, c.Late, lostTicks, pauseTicks, lateRun-1, c)
	}
}

// TestNext_LatePacketsArePlayed: one that comes 60 ms late is played after what was made
// up, and the delay is taken back.
func TestNext_LatePacketsArePlayed(t *testing.T) {
	b := &player{Buffer: New(Config{})}
	s := &sender{ssrc: 1}
	var played []int
	var held []Packet
	for i := range 2500 {
		now := epoch.Add(time.Duration(i) * step)
		p := s.next(now)
		if held = append(held, p); i < 200 || i > 203 { // then five come at once
			for _, p := range held {
				p.Arrival = now
				b.Push(p)
			}
			held = held[:0]
		}
		played = tick(b, now.Add(3*time.Millisecond), played)
	}
	c := b.Counters()
	if c.Waited == 0 || c.Late != 0 || c.Lost == 0 || c.Lost > 4 || c.Accelerated == 0 || len(played) < 2497 {
		t.Errorf("%d played, %+v", len(played), c)
	}
	for i, n := range played {
		if n != i {
			t.Fatalf("%d played as number %d", n, i)
		}
	}
}

// TestNext_PausesAreNoLosses: a sender that says nothing for a while, without a gap in
// its sequence numbers, lost nothing; one with a gap did.
func TestNext_PausesAreNoLosses(t *testing.T) {
	for _, gap := range []uint16{0, 3} {
		b := &player{Buffer: New(Config{})}
		s := &sender{ssrc: 1}
		now := epoch
		run := func(n int) {
			for range n {
				b.Push(s.next(now))
				tick(b, now.Add(time.Millisecond), nil)
				now = now.Add(step)
			}
		}
		for range 5 {
			run(50)
			for range 20 {
				tick(b, now.Add(time.Millisecond), nil)
				now = now.Add(step)
				s.ts += 160
			}
			s.seq += gap
		}
		run(50)
		if c := b.Counters(); (gap == 0) != (c.Lost == 0) || c.Late != 0 {
			t.Errorf("%d missing in each pause: %+v", gap, c)
		}
	}
}

// TestNext_ShowsWhatComesBehindALostPacket: for forward error correction.
func TestNext_ShowsWhatComesBehindALostPacket(t *testing.T) {
	b := New(Config{Min: 60 * time.Millisecond})
	s := &sender{ssrc: 1}
	now, shown := epoch, 0
	for i := range 100 {
		if p := s.next(now); i != 50 {
			b.Push(p)
		}
		item := b.Next(now, 0)
		b.Played(len(item.Payload))
		if item.Kind == Lost {
			if shown++; item.Next == nil || number(item.Next) != 51 {
				t.Errorf("next is %v", item.Next)
			}
		}
		now = now.Add(step)
	}
	if shown != 1 {
		t.Errorf("%d lost", shown)
	}
}

func TestBuffer_AllocatesNothingOnceWarm(t *testing.T) {
	b := &player{Buffer: New(Config{})}
	s := &sender{ssrc: 1}
	now := epoch
	pcm := payload(1)
	one := func() {
		p := Packet{SSRC: 1, Sequence: s.seq, Timestamp: s.ts, Arrival: now, Payload: pcm}
		s.seq++
		s.ts += 160
		b.Push(p)
		if item := b.Next(now, 0); item.Payload != nil {
			b.Played(160)
		}
		now = now.Add(step)
	}
	for range 200 {
		one()
	}
	if n := testing.AllocsPerRun(1000, one); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 1, 0, 2, 0, 1, 7, 0, 9}, uint8(16))
	f.Fuzz(func(t *testing.T, data []byte, slots uint8) {
		b := New(Config{Slots: int(slots)})
		now := epoch
		for len(data) >= 4 {
			d := data[:4]
			data = data[4:]
			now = now.Add(time.Duration(d[3]) * time.Millisecond)
			b.Push(Packet{
				SSRC: uint32(d[0] & 3), Sequence: uint16(d[1]) * (1 + uint16(d[0]>>4)*997), Timestamp: uint32(d[2]) * 1600 << (d[0] >> 3 & 15),
				Marker: d[0]&4 != 0, Event: d[0]&8 != 0, Payload: d, Arrival: now,
			})
			for range d[3] % 4 {
				item := b.Next(now, 0)
				if item.Payload != nil {
					b.Played(int(d[2]) * 8)
				} else if item.Units <= 0 {
					t.Fatalf("%+v takes no time", item)
				}
			}
			if b.Len() > len(b.slots) {
				t.Fatalf("%d held of %d", b.Len(), len(b.slots))
			}
		}
	})
}

func BenchmarkBuffer(b *testing.B) {
	buf := New(Config{})
	p := Packet{SSRC: 1, Payload: payload(1), Arrival: epoch}
	b.ReportAllocs()
	for b.Loop() {
		p.Sequence++
		p.Timestamp += 160
		p.Arrival = p.Arrival.Add(step)
		buf.Push(p)
		if item := buf.Next(p.Arrival, 0); item.Payload != nil {
			buf.Played(160)
		}
	}
}
