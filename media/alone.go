package media

import "time"

// solo is a session that is in no bridge, on the wheel by itself.
type solo Session

func (o *solo) tick(now time.Time, skipped int) (stays bool) {
	s := (*Session)(o)
	stays, tell := s.tickAlone(now, skipped)
	if tell != nil {
		s.engine.tell("session", tell)
	}
	return stays
}

func (s *Session) tickAlone(now time.Time, skipped int) (stays bool, tell func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() {
		if cause := recover(); cause != nil {
			s.stop(s.engine.recovered("session", cause))
			stays, tell = true, s.out.take()
		}
	}()
	if s.closed || s.seat.bridge != nil {
		s.onWheel = false
		return false, nil
	}
	s.hear(nil, now, skipped)
	s.say(nil, now)
	return true, s.out.take()
}

// hear takes in what has come, and fills dst with what of it is due; nil: for nobody. mu is
// held.
func (s *Session) hear(dst frame, now time.Time, skipped int) {
	if s.closed || s.failed {
		clear(dst)
		return
	}
	s.ticks++
	s.tx.skip(skipped)
	s.readRTP(now)
	switch {
	case s.ticks%rtcpEvery != 0:
	case s.out.tell != nil:
		s.readRTCP(now)
		s.watch(now)
		s.look(now)
	case s.ticks%rtcpSeldom == 0:
		s.readRTCP(now)
	}
	switch {
	case s.rx.passes:
		s.rx.pass(now, s.link.active.Receives())
	case dst == nil:
		s.rx.frame(s.borrow().own[:s.rx.samples], now, s.link.active.Receives())
	default:
		s.rx.frame(dst, now, s.link.active.Receives())
	}
	s.giveBack()
	s.hearDigits(now)
}

// say sends src; nil: what a session in no bridge says. mu is held.
func (s *Session) say(src frame, now time.Time) {
	if s.closed || s.failed {
		return
	}
	if src == nil {
		s.announce(now)
	} else {
		s.transmit(src, now)
	}
	s.giveBack()
	if s.ticks%rtcpEvery == 0 {
		s.report(now)
	}
}
