package device

import (
	"time"
)

// Rest stops the device at work until Wake: nothing listens to a room in which
// nobody speaks on the phone. A device of the list that is found missing is told
// once, at the start; what comes and goes later is seen at the next Wake. Any
// goroutine; it does not wait.
func (s *Supervisor) Rest() { s.set(true) }

// Wake puts the best device of the list to work. Any goroutine; it does not wait.
func (s *Supervisor) Wake() { s.set(false) }

func (s *Supervisor) set(resting bool) {
	if s.resting.Swap(resting) == resting {
		return
	}
	select {
	case s.nudge <- struct{}{}:
	default: // Run has not seen the one before yet, and will see this with it
	}
}

// rest lets go of the device at work; a supervisor that never had one looks which
// it would be.
func (s *Supervisor) rest() {
	s.rested = true
	s.drop()
	if s.named || s.trying {
		return
	}
	s.trying = true
	s.tasks.Go(func() { s.results <- s.look() })
}

// wake has every device tried anew after a rest.
func (s *Supervisor) wake() {
	if !s.rested {
		return
	}
	s.rested, s.told = false, false
	s.flow.anew(0, 0, time.Now())
	for i := range s.places {
		s.places[i].next = time.Time{}
	}
}

// look finds the best device that is there without starting it.
func (s *Supervisor) look() (a attempt) {
	a.looked = true
	for i, d := range s.cfg.Devices {
		err := s.there(i)
		if err == nil {
			a.at = i
			return a
		}
		if a.missing == "" {
			a.missing, a.err = d.Name(), err
		}
	}
	a.at = -1
	return a
}

func (s *Supervisor) there(at int) error {
	if f, ok := s.cfg.Devices[at].(Finder); ok {
		return s.call(at, func() error { return f.Find(s.cfg.IO) }, nil)
	}
	return nil
}

// found takes the outcome of a look, unless a device was started since.
func (s *Supervisor) found(a attempt) {
	if s.named || !s.resting.Load() {
		return
	}
	name := ""
	if a.at >= 0 {
		name = s.cfg.Devices[a.at].Name()
	}
	if s.lost == "" {
		s.lost, s.lostErr = a.missing, a.err
	}
	s.change(name)
	if a.at == 0 {
		s.answer(nil)
	} else {
		s.answer(a.err)
	}
}
