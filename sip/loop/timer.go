package loop

import (
	"container/heap"
	"time"
)

// slotWidth is how much time one slot of a schedule holds.
const slotWidth = 64 * time.Millisecond

// farthest is 146 years.
const farthest = time.Duration(1 << 62)

// Timer is a function that waits for its time on the loop.
type Timer struct {
	of    *schedule
	in    *slot         // nil: in the heap of those that are near, or nowhere
	at    time.Duration // after the schedule's start
	seq   uint64
	index int // place in the slot or heap; -1 when fired or stopped
	fn    func()
}

// After runs fn on the loop once d has gone by; d of zero or less means as soon
// as possible. Timers that are due at the same instant run in the order in which
// they were made. Call it on the loop, or before Run.
func (l *Loop) After(d time.Duration, fn func()) *Timer {
	return l.timers.add(l.timers.in(d), fn)
}

// shared is the grid of the timers of Around and Behind.
const shared = 16 * time.Millisecond

// Around runs fn on the loop when d has gone by, or up to 16 ms before, together with the
// others of that moment: for what thousands wait for and nobody measures, such as the refresh
// of a binding, so that the process is not woken for each. As After otherwise.
func (l *Loop) Around(d time.Duration, fn func()) *Timer {
	at := l.timers.in(d)
	return l.timers.add(at-at%shared, fn)
}

// Behind runs fn when d has gone by, or up to 16 ms later, together with the others of that
// moment: for what must not come early. As After otherwise.
func (l *Loop) Behind(d time.Duration, fn func()) *Timer {
	at := l.timers.in(d)
	return l.timers.add(at+(shared-at%shared)%shared, fn)
}

// Stop makes sure that the function does not run any more, and reports whether
// it was still to run. On the loop only; a nil timer is stopped already.
func (t *Timer) Stop() bool {
	if t == nil || t.index < 0 {
		return false
	}
	t.fn = nil // what it held is free, though somebody keeps the timer
	if t.in != nil {
		t.in.remove(t)
	} else {
		heap.Remove(&t.of.near, t.index)
	}
	return true
}

// schedule orders timers. Nearly all timers of SIP are stopped before their time,
// or wait half a minute for it; so only those of the slot of time that is now lie in
// a heap. The others lie in the slot of their time, in no order: to add and to stop
// one costs the same for ten and for a million.
type schedule struct {
	start time.Time // zero until the first timer is made
	seq   uint64
	now   int64           // the number of the latest slot that has come
	near  timerHeap       // timers of the slots that have come
	later map[int64]*slot // the others, by number
	order numbers         // of the slots in later
	spare *slot           // an empty one
}

// slot holds the timers that are due within one slotWidth, in no order.
type slot struct{ timers []*Timer }

func (s *slot) remove(t *Timer) {
	last := len(s.timers) - 1
	moved := s.timers[last]
	s.timers[t.index], s.timers[last] = moved, nil
	moved.index = t.index
	s.timers = s.timers[:last]
	t.in, t.index = nil, -1
}

// since is the time by the schedule's own clock, which no change of the day's time moves.
func (s *schedule) since() time.Duration {
	if s.start.IsZero() {
		s.start = time.Now()
	}
	return time.Since(s.start)
}

// in is the time in d from now.
func (s *schedule) in(d time.Duration) time.Duration { return s.since() + min(max(d, 0), farthest) }

func (s *schedule) add(at time.Duration, fn func()) *Timer {
	s.seq++
	t := &Timer{of: s, at: at, seq: s.seq, fn: fn}
	n := int64(t.at / slotWidth)
	if n <= s.now {
		heap.Push(&s.near, t)
		return t
	}
	in := s.later[n]
	if in == nil {
		in = s.open(n)
	}
	t.in, t.index = in, len(in.timers)
	in.timers = append(in.timers, t)
	return t
}

func (s *schedule) open(n int64) *slot {
	in := s.spare
	if s.spare = nil; in == nil {
		in = &slot{}
	}
	if s.later == nil {
		s.later = map[int64]*slot{}
	}
	s.later[n] = in
	heap.Push(&s.order, n)
	return in
}

// close takes the earliest slot away, whose timers have gone.
func (s *schedule) close() {
	n := heap.Pop(&s.order).(int64)
	s.spare = s.later[n]
	delete(s.later, n)
}

// next takes out the next timer that is due by now; nil when there is none.
func (s *schedule) next(now time.Duration) *Timer {
	s.now = max(s.now, int64(now/slotWidth))
	for len(s.order) > 0 && s.order[0] <= s.now {
		in := s.later[s.order[0]]
		for i, t := range in.timers {
			t.in, in.timers[i] = nil, nil
			heap.Push(&s.near, t)
		}
		in.timers = in.timers[:0]
		s.close()
	}
	if len(s.near) == 0 || s.near[0].at > now {
		return nil
	}
	return heap.Pop(&s.near).(*Timer)
}

// again is when it is worth to look again: when the next timer is due, or its slot begins.
func (s *schedule) again(now time.Duration) time.Duration {
	if len(s.near) > 0 {
		return s.near[0].at
	}
	for len(s.order) > 0 && len(s.later[s.order[0]].timers) == 0 {
		s.close()
	}
	if len(s.order) == 0 {
		return now + time.Hour
	}
	return time.Duration(s.order[0]) * slotWidth
}

// end stops all timers.
func (s *schedule) end() {
	for _, t := range s.near {
		t.index = -1
	}
	for _, in := range s.later {
		for _, t := range in.timers {
			t.in, t.index = nil, -1
		}
	}
	*s = schedule{}
}

// timerHeap is ordered by time, then by making.
type timerHeap []*Timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at == h[j].at {
		return h[i].seq < h[j].seq
	}
	return h[i].at < h[j].at
}
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t := x.(*Timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	t.index = -1
	return t
}

// numbers is a heap of numbers.
type numbers []int64

func (h numbers) Len() int           { return len(h) }
func (h numbers) Less(i, j int) bool { return h[i] < h[j] }
func (h numbers) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *numbers) Push(x any)        { *h = append(*h, x.(int64)) }
func (h *numbers) Pop() any {
	last := len(*h) - 1
	n := (*h)[last]
	*h = (*h)[:last]
	return n
}
