package device

import (
	"context"
	"time"
)

// begin starts a device and waits until sound moves through it.
func (s *Supervisor) begin(ctx context.Context, at int) (a attempt) {
	a.at = at
	defer func() {
		if a.err == nil {
			return
		}
		if a.gate.cut(); a.stream != nil {
			_ = s.call(at, a.stream.Stop, nil) // what counts is why it did not work
			a.stream = nil
		}
	}()
	var io IO
	io, a.gate = wrap(s.cfg.IO)
	if a.stream, a.err = s.start(at, io); a.err != nil {
		return a
	}
	limit := time.NewTimer(firstFrame)
	defer limit.Stop()
	poll := time.NewTicker(flowPoll)
	defer poll.Stop()
	for {
		if captured, played := a.stream.Frames(); s.flows(captured, played) {
			return a
		}
		select {
		case <-ctx.Done():
			a.err = ctx.Err()
			return a
		case a.err = <-a.stream.Failed():
			return a
		case <-limit.C:
			a.err = ErrGone
			return a
		case <-poll.C:
		}
	}
}

// call calls into a device's code. A panic in it is logged, with where.
func (s *Supervisor) call(at int, fn func() error, late func()) error {
	err := s.places[at].dog.call(fn, late)
	logPanic(s.cfg.Log, s.cfg.Devices[at].Name(), err)
	return err
}

// start calls a device's Start. What a Start that hung gives after all is stopped.
func (s *Supervisor) start(at int, io IO) (Stream, error) {
	var started Stream
	err := s.call(at, func() (err error) {
		started, err = s.cfg.Devices[at].Start(io)
		return err
	}, func() {
		if started != nil {
			_ = started.Stop() // nobody waits for it
		}
	})
	if err != nil {
		return nil, err
	}
	return started, nil
}

// flows says that both wanted directions have moved.
func (s *Supervisor) flows(captured, played uint64) bool {
	return (captured > 0 || s.cfg.IO.Capture == nil) && (played > 0 || s.cfg.IO.Playback == nil)
}
