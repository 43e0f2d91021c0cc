package device

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

const (
	hangLimit = 5 * time.Second         // for a call into a device; its own limits are shorter
	overLimit = 2500 * time.Millisecond // for one that hangs when the phone ends
)

// ErrHangs is what a call into a device that does not come back gets, and all others
// until it does.
var ErrHangs = errors.New("the sound system does not answer: unplug the device, or restart the sound server")

// watchdog lets one call at a time into what may hang, and nobody wait for ever for one:
// a call that hangs is left behind, and no other is made until it comes back.
type watchdog struct {
	limit time.Duration   // for a call, and for the one before it
	over  <-chan struct{} // closed when the phone ends; nil: it is not waited for less then
	turn  chan struct{}   // empty during a call, also one that hangs
}

func newWatchdog(limit time.Duration, over <-chan struct{}) *watchdog {
	w := &watchdog{limit: limit, over: over, turn: make(chan struct{}, 1)}
	w.turn <- struct{}{}
	return w
}

// call calls fn, alone. When that takes too long it returns ErrHangs, and late is called,
// as alone, once fn has come back after all. A panic is an error.
func (w *watchdog) call(fn func() error, late func()) error {
	limit := time.NewTimer(w.limit)
	defer limit.Stop()
	if !w.comes(w.turn, limit) {
		return ErrHangs
	}
	var settled atomic.Bool // by who came first: fn, or its limit
	var failed error
	back := make(chan struct{})
	go func() {
		defer func() { w.turn <- struct{}{} }()
		failed = unpanicked(fn)
		if settled.CompareAndSwap(false, true) {
			close(back)
		} else if late != nil {
			late()
		}
	}()
	if !w.comes(back, limit) && settled.CompareAndSwap(false, true) {
		return ErrHangs
	}
	<-back
	return failed
}

// comes waits for a call to be over, and reports whether it was in time.
func (w *watchdog) comes(out <-chan struct{}, limit *time.Timer) bool {
	select {
	case <-out:
		return true
	case <-limit.C:
		return false
	case <-w.over:
	}
	last := time.NewTimer(overLimit)
	defer last.Stop()
	select {
	case <-out:
		return true
	case <-last.C:
	case <-limit.C:
	}
	return false
}

// panicked is the error of a call whose code panicked.
type panicked struct {
	cause any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("the device's code panicked: %v", p.cause) }

// logPanic logs where a device's code panicked, if that is why it failed.
func logPanic(log *slog.Logger, device string, err error) {
	var p *panicked
	if errors.As(err, &p) {
		log.Error("panic in a device's code, the device has failed", "device", device, "cause", p.cause, "stack", string(p.stack))
	}
}

func unpanicked(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{cause: p, stack: debug.Stack()}
		}
	}()
	return fn()
}
