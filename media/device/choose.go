package device

import (
	"context"
	"errors"
	"time"
)

// What answers a choice that was overtaken.
var (
	errOther = errors.New("another device was chosen meanwhile")
	errEnded = errors.New("the phone ends")
)

// choice is a preference list to take, and where to say how the first of it does.
type choice struct {
	devices []Device
	answer  chan error // holds one
}

// Use takes another preference list, of at least one device. What is at work goes on until
// one of the list does. It returns once the first of the list is at work, or at rest is
// there, or why it is not: it stays the first, and is taken when it comes. Any goroutine
// but that of Run.
func (s *Supervisor) Use(ctx context.Context, devices []Device) error {
	c := choice{devices, make(chan error, 1)}
	select {
	case s.choices <- c:
	case <-s.ended:
		return errEnded
	case <-ctx.Done():
		return ErrHangs
	}
	select {
	case err := <-c.answer:
		return err
	case <-s.ended:
		return errEnded
	case <-ctx.Done():
		return ErrHangs
	}
}

// choosing is where choices come from: nowhere while something is under way that knows
// devices by their place in the list.
func (s *Supervisor) choosing() <-chan choice {
	if s.trying || s.outside.busy {
		return nil
	}
	return s.choices
}

// choose puts a new list in the place of the one before. What is known of devices that are
// in both is kept, and so is the one at work, as the last, until another one is.
func (s *Supervisor) choose(c choice) {
	s.answer(errOther)
	s.chosen = c.answer
	list, known := c.devices, map[string]int{}
	for i, d := range s.cfg.Devices {
		known[d.Name()] = i
	}
	if s.live != nil {
		list = withDevice(list, s.cfg.Devices[s.live.at])
	}
	devices, places, at := make([]Device, 0, len(list)), make([]place, 0, len(list)), 0
	for _, d := range list {
		p := place{dog: newWatchdog(hangLimit, s.over)}
		if i, is := known[d.Name()]; is {
			d, p = s.cfg.Devices[i], s.places[i]
			if s.live != nil && s.live.at == i {
				at = len(devices)
			}
		}
		p.next, p.misses = time.Time{}, 0
		devices, places = append(devices, d), append(places, p)
	}
	s.cfg.Devices, s.places, s.told = devices, places, false
	s.outside.again, s.outside.next = outsideAgain, time.Time{}
	switch {
	case s.live != nil:
		if s.live.at = at; at == 0 {
			s.answer(nil)
		}
	case s.resting.Load():
		s.named = false // so that the list is looked through
	}
}

// withDevice is the list with a device behind it, unless one of its name is in it.
func withDevice(list []Device, one Device) []Device {
	for _, d := range list {
		if d.Name() == one.Name() {
			return list
		}
	}
	return append(list[:len(list):len(list)], one)
}

// answer says how the chosen device does, if somebody waits for that.
func (s *Supervisor) answer(err error) {
	if s.chosen != nil {
		s.chosen <- err
		s.chosen, s.refused = nil, nil
	}
}

// refuse answers that the chosen device does not start, unless it may be one that has come
// and that only another process sees: then that is waited for.
func (s *Supervisor) refuse(err error) {
	if s.chosen != nil && s.live != nil && s.cfg.Outside != nil {
		_, is := s.cfg.Devices[0].(newcomer)
		_, also := s.cfg.Devices[s.live.at].(newcomer)
		if is && also {
			s.refused = err
			return
		}
	}
	s.answer(err)
}
