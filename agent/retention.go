package agent

import (
	"time"

	"ringback/agent/store"
)

// Retention is looked after at the start and once an hour, in steps that are too small
// to be felt: each is one update of the store.
const (
	forgetEvery = time.Hour
	forgetStep  = 20                     // records of each kind
	forgetPause = 100 * time.Millisecond // between two steps
)

// forget removes from the store what has been over for longer than the
// configuration says.
func (a *Agent) forget() {
	c := a.cfg.Store
	if c.KeepHistory == 0 && c.KeepNotes == 0 {
		return
	}
	before := store.Retention{History: a.ago(c.KeepHistory), Notes: a.ago(c.KeepNotes)}
	if a.cfg.Callbacks.ReportTo == "" {
		before.Untold = before.History
	}
	gone := make(chan store.Forgotten, 1) // a late update must not touch anything here
	err := a.store.UpdateNamed("forget", func(tx *store.Tx) error {
		f, err := tx.Forget(before, forgetStep)
		gone <- f
		return err
	})
	next := forgetEvery
	if err != nil {
		a.emit(Event{Type: ErrorHappened, Text: a.storeFailed("forget what is old", err).Message})
	} else {
		f := <-gone
		if f.More {
			next = forgetPause
		}
		if f.Untold > 0 { // what the outbox knows of them
			a.outbox.begun = false
			a.outbox.kick()
		}
	}
	a.loop.After(next, a.input(a.forget))
}

// ago is zero for 0: for ever.
func (a *Agent) ago(d time.Duration) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return a.now().Add(-d)
}
