package load

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// MostRate is by how much the plan's rate or concurrency can be raised while it runs.
const MostRate = 10

// Steer changes a run from outside, while it lasts. Make one with NewSteer, and give
// it to one run; any goroutine may call its methods.
type Steer struct {
	mu      sync.Mutex
	rate    float64
	why     string
	end     chan struct{} // closed by End
	finish  chan struct{} // closed by Finish
	changed chan struct{} // closed by Rate, and made anew
	changes []Change
}

// Change is what somebody changed of a run while it lasted.
type Change struct {
	At          time.Time `json:"at"`
	Rate        float64   `json:"rate"`                  // times the plan's, from then on
	Finished    bool      `json:"finished,omitempty"`    // no call began from then on
	Interrupted bool      `json:"interrupted,omitempty"` // and those that were up were hung up
}

// maxChanges bounds those that are kept: who turns a run more often knows it.
const maxChanges = 1000

// NewSteer is a Steer that changes nothing yet.
func NewSteer() *Steer {
	return &Steer{rate: 1, end: make(chan struct{}), finish: make(chan struct{}), changed: make(chan struct{})}
}

// SetRate makes the rate, or the concurrency, so many times the plan's: 0 (no call
// begins, those that are up go on) to MostRate.
func (s *Steer) SetRate(times float64) error {
	if times < 0 || times > MostRate || math.IsNaN(times) {
		return fmt.Errorf("set rate: %g times the plan's: write 0 to %d", times, MostRate)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if times != s.rate {
		s.rate = times
		s.note(Change{At: time.Now(), Rate: times})
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return nil
}

// End ends the run early: calls are hung up, users unregistered. With a reason it
// counts as aborted, without one as interrupted. Only the first one counts.
func (s *Steer) End(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.end:
	default:
		if s.why = why; why == "" {
			s.note(Change{At: time.Now(), Interrupted: true})
		}
		close(s.end)
	}
}

// Rate is what SetRate set, and a channel that is closed when it changes.
func (s *Steer) Rate() (times float64, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rate, s.changed
}

// Finish lets no call begin any more; those that are up come to their own end, and
// then the run does, as one whose time is over.
func (s *Steer) Finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.finish:
	default:
		s.note(Change{At: time.Now(), Finished: true})
		close(s.finish)
	}
}

// Finished is closed by Finish.
func (s *Steer) Finished() <-chan struct{} { return s.finish }

// finished reports whether Finish was called.
func (s *Steer) finished() bool {
	select {
	case <-s.finish:
		return true
	default:
		return false
	}
}

// note keeps a change, an interruption in any case; the caller holds the lock.
func (s *Steer) note(c Change) {
	if len(s.changes) < maxChanges || c.Interrupted {
		s.changes = append(s.changes, c)
	}
}

// Changes are those so far, by their time.
func (s *Steer) Changes() []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Change(nil), s.changes...)
}

// Ended is closed by End.
func (s *Steer) Ended() <-chan struct{} { return s.end }

// Why is what End was given.
func (s *Steer) Why() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why
}

// planClock tells when calls are due while their rate is turned: so many times that of
// the plan's step at that moment.
type planClock struct {
	steps profile
	from  time.Duration // after the start: since when it goes at this rate
	calls float64       // that were due until then
	rate  float64
}

// turn lets it go at another rate from a time after the start on.
func (c *planClock) turn(at time.Duration, rate float64) {
	at = max(at, c.from, 0) // before the start it has not begun to go
	c.calls += c.rate * (c.steps.dueBy(at) - c.steps.dueBy(c.from))
	c.from, c.rate = at, rate
}

// due is the time after the start at which call n, from 0, is due; false: never, at this
// rate.
func (c *planClock) due(n int) (time.Duration, bool) {
	if c.rate == 0 {
		return 0, false
	}
	return c.steps.comes(c.steps.dueBy(c.from) + (float64(n)-c.calls)/c.rate)
}
