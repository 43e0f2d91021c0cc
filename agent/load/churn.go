package load

import (
	"time"

	"ringback/sip"
)

// churn sends users away and lets them come back, at the shard's part of the plan's
// rate, until end. On the loop, once the users have registered.
func (s *shard) churn(rate float64, end time.Time) {
	if rate <= 0 || s.ending {
		return
	}
	apart := time.Duration(float64(time.Second) / rate)
	s.churnNext(s.loop.Now().Add(apart), apart, end)
}

func (s *shard) churnNext(due time.Time, apart time.Duration, end time.Time) {
	if !due.Before(end) {
		return
	}
	s.loop.After(due.Sub(s.loop.Now()), func() {
		if s.ending {
			return
		}
		record(s.tally.late, s.loop.Now().Sub(due))
		if p := s.stays(); p != nil {
			s.leaves(p, end)
		}
		s.churnNext(due.Add(apart), apart, end)
	})
}

// stays is any user who is registered; nil: none is.
func (s *shard) stays() *phone {
	first := s.rng.IntN(len(s.phones))
	for i := range s.phones {
		if p := s.phones[(first+i)%len(s.phones)]; p.binding != nil && !p.away && p.status.State == sip.Registered {
			return p
		}
	}
	return nil
}

// leaves unregisters a user, who comes back after a time; after the end nobody does.
func (s *shard) leaves(p *phone, end time.Time) {
	p.away, p.status = true, sip.RegistrationStatus{}
	binding := p.binding
	p.binding = nil
	s.leaving++
	s.tally.went++
	binding.Unregister(func(err error) {
		s.leaving--
		if err != nil {
			s.tally.refused++
			s.tally.refusals["unregister: "+err.Error()]++
		}
		if s.gone != nil {
			s.gone()
		}
		s.loop.After(s.plan.Churn.Away.draw(s.rng), func() {
			if s.ending || !s.loop.Now().Before(end) {
				return
			}
			p.away = false
			s.binds(p, func() { s.returned(p) })
		})
	})
}

// returned counts a user who has come back, or was not let in again.
func (s *shard) returned(p *phone) {
	if p.status.State == sip.Registered {
		s.tally.cameBack++
		return
	}
	s.tally.refused++
	s.tally.refusals[refusal(p.status)]++
}
