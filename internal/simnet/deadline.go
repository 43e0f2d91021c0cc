package simnet

import (
	"sync"
	"time"
)

// deadline is one deadline of a socket: it wakes the waiting when it passes.
// The socket's mutex guards it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// set replaces the deadline; wake is called without the mutex when it passes.
func (d *deadline) set(at time.Time, mu *sync.Mutex, wake *sync.Cond) {
	mu.Lock()
	defer mu.Unlock()
	d.stop()
	d.at = at
	if !at.IsZero() && at.After(time.Now()) {
		d.timer = time.AfterFunc(time.Until(at), func() {
			mu.Lock()
			defer mu.Unlock()
			wake.Broadcast()
		})
	}
	wake.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func (d *deadline) passed() bool {
	return !d.at.IsZero() && !d.at.After(time.Now())
}
