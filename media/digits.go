package media

import (
	"ringback/dtmf"
	"ringback/media/audio"
)

// job is one call of SendDigits: done once that many digits were sent in all.
type job struct {
	until int
	done  func(error)
}

// jobs are the calls of SendDigits that one way of sending works on.
type jobs struct {
	queued, sent int
	open         []job
}

func (j *jobs) add(digits int, done func(error)) {
	j.queued += digits
	j.open = append(j.open, job{until: j.queued, done: done})
}

// abort ends all jobs with err.
func (j *jobs) abort(out *outbox, err error) {
	for _, one := range j.open {
		if one.done != nil {
			out.calls = append(out.calls, func() { one.done(err) })
		}
	}
	*j = jobs{}
}

// sentOne counts a digit and ends the jobs it completes.
func (j *jobs) sentOne(out *outbox) {
	j.sent++
	for len(j.open) > 0 && j.open[0].until <= j.sent {
		if done := j.open[0].done; done != nil {
			out.calls = append(out.calls, func() { done(nil) })
		}
		j.open = j.open[1:]
	}
}

func (t *transmitter) queueDigits(digits dtmf.Sequence, method SendMethod, done func(error)) {
	n := len(digits.Digits())
	if method == RFC4733 {
		if t.sender == nil { // most calls never send one
			t.sender = dtmf.NewSender(dtmf.SenderConfig{ClockRate: t.events.ClockRate, PacketTime: audio.FrameTime})
		}
		t.sender.Send(digits)
		t.byRTP.add(n, done)
		return
	}
	if t.tone == nil {
		t.tone = dtmf.NewTone(dtmf.ToneConfig{Rate: t.rate})
	}
	t.tone.Send(digits)
	t.inBand.add(n, done)
}

func (s *Session) digitSent(j *jobs, digit dtmf.Digit) {
	if digit == 0 {
		return
	}
	s.out.add(DigitSent{Digit: digit})
	j.sentOne(&s.out)
}

// pause ends what was being sent, because nothing may be sent any more.
func (t *transmitter) pause(out *outbox) { t.abort(out, ErrNotSending) }

func (t *transmitter) abort(out *outbox, err error) {
	t.sender, t.tone = nil, nil
	t.byRTP.abort(out, err)
	t.inBand.abort(out, err)
}
