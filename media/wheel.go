package media

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringback/media/audio"
)

const (
	wheelStep  = 2 * time.Millisecond
	wheelSlots = int(audio.FrameTime / wheelStep)
	maxBehind  = 200 * time.Millisecond
)

// node is what a shard works on every 20 ms: a bridge, or a session that is in
// none. skipped is the number of ticks left out before this one. It reports
// false when it has ended, or rests, and is to be taken off the wheel.
type node interface {
	tick(now time.Time, skipped int) bool
}

// entry is one stay of a node on the wheel: a bridge that rested comes back as
// another, so that the end of the one stay is not taken for that of the other.
type entry struct{ node }

// shard is one goroutine's part of the wheel.
type shard struct {
	engine *Engine
	load   atomic.Int64 // nodes
	wake   chan struct{}

	mu    sync.Mutex
	slots [wheelSlots]wheelSlot

	work []*entry // of the slot being worked on; the shard's goroutine only
}

type wheelSlot struct {
	nodes []*entry
	next  time.Time // when its nodes are due
}

func newShard(e *Engine) *shard { return &shard{engine: e, wake: make(chan struct{}, 1)} }

// add puts n into the emptiest slot. Any goroutine.
func (s *shard) add(n node) {
	s.load.Add(1)
	s.mu.Lock()
	best := 0
	for i := range s.slots {
		if len(s.slots[i].nodes) < len(s.slots[best].nodes) {
			best = i
		}
	}
	s.slots[best].nodes = append(s.slots[best].nodes, &entry{n})
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run works slot after slot until ctx is done.
func (s *shard) run(ctx context.Context) {
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	start := time.Now()
	for ctx.Err() == nil {
		slot, due := s.soonest(start)
		if slot >= 0 {
			if wait := time.Until(due); wait <= 0 {
				s.turn(slot)
				continue
			} else {
				alarm.Reset(wait)
			}
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-alarm.C:
		}
	}
}

// soonest finds the slot that is due next; -1 when there is nothing to do. A
// slot that was empty starts at its place in the round that began at start.
func (s *shard) soonest(start time.Time) (int, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	best := -1
	var now time.Time
	for i := range s.slots {
		slot := &s.slots[i]
		if len(slot.nodes) == 0 {
			slot.next = time.Time{}
			continue
		}
		if slot.next.IsZero() {
			if now.IsZero() {
				now = time.Now()
			}
			place := start.Add(time.Duration(i) * wheelStep)
			rounds := max(0, now.Sub(place)+audio.FrameTime-1) / audio.FrameTime
			slot.next = place.Add(rounds * audio.FrameTime)
		}
		if best < 0 || slot.next.Before(s.slots[best].next) {
			best = i
		}
	}
	if best < 0 {
		return -1, time.Time{}
	}
	return best, s.slots[best].next
}

// turn works on one slot and sets it to its next absolute time.
func (s *shard) turn(i int) {
	now := time.Now()
	s.mu.Lock()
	slot := &s.slots[i]
	skipped := 0
	if behind := now.Sub(slot.next); behind > maxBehind {
		skipped = int(behind / audio.FrameTime)
		slot.next = slot.next.Add(time.Duration(skipped) * audio.FrameTime)
	}
	slot.next = slot.next.Add(audio.FrameTime)
	s.work = append(s.work[:0], slot.nodes...)
	s.mu.Unlock()
	ended := false
	for k, n := range s.work {
		if n.tick(now, skipped) {
			s.work[k] = nil
		} else {
			ended = true
		}
	}
	if ended {
		s.remove(i)
	}
	clear(s.work)
}

// remove takes the nodes still in work, those that ended, off slot i.
func (s *shard) remove(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slot := &s.slots[i]
	before := len(slot.nodes)
	slot.nodes = slices.DeleteFunc(slot.nodes, func(n *entry) bool { return slices.Contains(s.work, n) })
	s.load.Add(int64(len(slot.nodes) - before))
}
