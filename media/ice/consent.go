package ice

import (
	"errors"
	"time"
)

// consentTime is how long a peer that answers no check may still be sent to (RFC 7675
// section 5.1).
const consentTime = 30 * time.Second

var errNoConsent = errors.New("the far end has answered no check for " + consentTime.String())

// consent waits until the peer has answered no check of the pair for consentTime. What else
// comes from it, checks of its own among it, does not count, as it does for pion: where only
// what we send is lost, that would go on for ever.
func (a *Agent) consent() {
	for next := time.Now().Add(consentTime); ; {
		wait := time.NewTimer(time.Until(next))
		select {
		case <-wait.C:
		case <-a.ctx.Done():
			wait.Stop()
			return
		}
		if next = a.lastConsent().Add(consentTime); !next.After(time.Now()) {
			a.expire()
			return
		}
	}
}

// lastConsent is when the peer last said that it wants to be sent to by the pair of now.
func (a *Agent) lastConsent() time.Time {
	a.mu.Lock()
	last := a.chosen
	a.mu.Unlock()
	selected, _ := a.agent.GetSelectedCandidatePairStats()
	for _, p := range a.agent.GetCandidatePairsStats() {
		same := p.LocalCandidateID == selected.LocalCandidateID && p.RemoteCandidateID == selected.RemoteCandidateID
		if same && p.LastResponseTimestamp.After(last) {
			last = p.LastResponseTimestamp
		}
	}
	return last
}

// expire is the end of the pair: another one needs credentials that are new (RFC 7675
// section 5.1), which another Agent has.
func (a *Agent) expire() {
	if a.ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	a.expired = true
	a.mu.Unlock()
	a.fail(errNoConsent)
}

// fail tells that there is no way, once until there is one again.
func (a *Agent) fail(err error) {
	a.mu.Lock()
	told := a.failed
	a.failed = true
	a.mu.Unlock()
	if !told {
		a.cfg.Failed(err)
	}
}
