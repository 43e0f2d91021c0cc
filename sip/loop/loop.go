package loop

import (
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
	spare  []func() // the queue before, empty: its room is used again
	ended  bool
	wake   chan struct{} // capacity 1: a token means that the queue has something
	done   chan struct{}
	timers schedule // loop goroutine only
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
	var set time.Duration // when the alarm rings, by the timers' clock; zero: it rang, or does in an hour
	for ctx.Err() == nil {
		l.drain(ctx)
		now, next := l.fire(ctx)
		if l.pending() || next <= now {
			continue
		}
		if next != set {
			set = next
			alarm.Reset(next - now)
		}
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-alarm.C:
			set = 0
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
	l.queue, l.spare = l.spare, nil
	l.mu.Unlock()
	for i, fn := range batch {
		if ctx.Err() != nil {
			return
		}
		batch[i] = nil
		l.run(fn)
	}
	if cap(batch) > mostSpare {
		return
	}
	l.mu.Lock()
	l.spare = batch[:0]
	l.mu.Unlock()
}

// mostSpare bounds what a loop that was busy once keeps of it.
const mostSpare = 1024

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
	l.queue, l.spare = nil, nil
	l.mu.Unlock()
	l.timers.end()
	close(l.done)
}

// fire runs the timers that are due and returns the time, and when to look again.
func (l *Loop) fire(ctx context.Context) (now, next time.Duration) {
	now = l.timers.since()
	for ctx.Err() == nil {
		t := l.timers.next(now)
		if t == nil {
			break
		}
		l.run(t.fn)
	}
	now = l.timers.since()
	return now, l.timers.again(now)
}
