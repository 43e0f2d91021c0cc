package loop

import (
	"container/heap"
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// ErrEnded is returned by Do when the loop ended before the function ran.
var ErrEnded = errors.New("run on loop: the loop has ended")

// Loop runs posted functions in order on one goroutine. Make one with New.
type Loop struct {
	log    *slog.Logger
	mu     sync.Mutex
	queue  []func()
	ended  bool
	wake   chan struct{} // capacity 1: a token means that the queue has something
	done   chan struct{}
	timers timerHeap // loop goroutine only
	seq    uint64
	panics atomic.Uint64
}

// New returns a loop that is not running yet. Functions may be posted before
// Run. A nil logger discards.
func New(log *slog.Logger) *Loop {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Loop{log: log, wake: make(chan struct{}, 1), done: make(chan struct{})}
}

// Run runs posted functions and timers until ctx is done, then drops what is
// left and returns. It must be called once.
func (l *Loop) Run(ctx context.Context) {
	defer l.end()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	for ctx.Err() == nil {
		l.drain(ctx)
		next := l.fire(ctx)
		if l.pending() {
			continue
		}
		alarm.Reset(next)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-alarm.C:
		}
	}
}

// Post appends fn to the queue and returns at once. It reports false, and drops
// fn, when the loop has ended. Any goroutine. The queue has no bound of its own:
// what comes from outside is bounded where it comes in.
func (l *Loop) Post(fn func()) bool {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return false
	}
	l.queue = append(l.queue, fn)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return true
}

// Do posts fn and waits until it ran, ctx is done (its error is returned, and fn
// may still run) or the loop ended (ErrEnded). Never call it on the loop.
func (l *Loop) Do(ctx context.Context, fn func()) error {
	ran := make(chan struct{})
	if !l.Post(func() { defer close(ran); fn() }) {
		return ErrEnded
	}
	select {
	case <-ran:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.done:
		select {
		case <-ran:
			return nil
		default:
			return ErrEnded
		}
	}
}

// Now is the time that the loop's timers go by.
func (l *Loop) Now() time.Time { return time.Now() }

// Done is closed when Run has returned.
func (l *Loop) Done() <-chan struct{} { return l.done }

// Panics counts the functions that panicked since the start.
func (l *Loop) Panics() uint64 { return l.panics.Load() }

// drain runs what was queued when it was called; what those functions post
// waits for the next round, so that due timers are never starved.
func (l *Loop) drain(ctx context.Context) {
	l.mu.Lock()
	batch := l.queue
	l.queue = nil
	l.mu.Unlock()
	for _, fn := range batch {
		if ctx.Err() != nil {
			return
		}
		l.run(fn)
	}
}

func (l *Loop) pending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) > 0
}

func (l *Loop) run(fn func()) {
	defer func() {
		if cause := recover(); cause != nil {
			l.panics.Add(1)
			l.log.Error("recovered a panic on the loop", "cause", cause, "stack", string(debug.Stack()))
		}
	}()
	fn()
}

func (l *Loop) end() {
	l.mu.Lock()
	l.ended = true
	l.queue = nil
	l.mu.Unlock()
	l.timers = nil
	close(l.done)
}

// Timer is a function that waits for its time on the loop.
type Timer struct {
	loop  *Loop
	at    time.Time
	seq   uint64
	index int // place in the heap; -1 when fired or stopped
	fn    func()
}

// After runs fn on the loop once d has gone by; d of zero or less means as soon
// as possible. Timers that are due at the same instant run in the order in which
// they were made. Call it on the loop, or before Run.
func (l *Loop) After(d time.Duration, fn func()) *Timer {
	l.seq++
	t := &Timer{loop: l, at: time.Now().Add(d), seq: l.seq, fn: fn}
	heap.Push(&l.timers, t)
	return t
}

// Stop makes sure that the function does not run any more, and reports whether
// it was still to run. On the loop only; a nil timer is stopped already.
func (t *Timer) Stop() bool {
	if t == nil || t.index < 0 || t.index >= len(t.loop.timers) {
		return false
	}
	heap.Remove(&t.loop.timers, t.index)
	return true
}

// fire runs the timers that are due and returns the time until the next.
func (l *Loop) fire(ctx context.Context) time.Duration {
	now := time.Now()
	for ctx.Err() == nil && len(l.timers) > 0 && !l.timers[0].at.After(now) {
		t := heap.Pop(&l.timers).(*Timer)
		l.run(t.fn)
	}
	if len(l.timers) == 0 {
		return time.Hour
	}
	return time.Until(l.timers[0].at)
}

type timerHeap []*Timer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
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
