package lab

import (
	"errors"
	"time"

	"ringback/dtmf"
	"ringback/media"
	"ringback/media/mixer"
	"ringback/media/sdp"
	"ringback/sip"
)

// leg is the lab's session with a registered agent, and its media. Loop
// goroutine.
type leg struct {
	boot     *boot
	user     string
	watcher  watcher
	session  *sip.Session // nil until called or taken
	media    *media.Session
	headers  []sip.Header  // of an INVITE of ours
	ringTime time.Duration // for how long it may ring; zero: for ever
	late     bool          // an INVITE of ours has no offer
	answer   []byte        // to the INVITE's offer, made once
	form     HoldForm      // how a party of the lab holds the agent; empty: not
	up       bool
	over     bool
}

func (b *boot) newLeg(user string) (*leg, error) {
	g := &leg{boot: b, user: user}
	m, err := b.sound.newSession(func(e media.Event) {
		b.loop.Post(func() { g.mediaEvent(e) })
	})
	if err != nil {
		return nil, err
	}
	g.media = m
	return g, nil
}

func (g *leg) party() string    { return g.user }
func (g *leg) attach(w watcher) { g.watcher = w }

func (g *leg) slots() (says, hears mixer.Slot, echo bool) {
	slot := g.media.Slot()
	return slot, slot, false
}

// take makes the leg the far side of a call that came in.
func (g *leg) take(s *sip.Session) {
	g.session = s
	g.boot.legs[s] = g
	s.Handle(g)
}

// ring calls the agent at his newest contact.
func (g *leg) ring(from sip.Address) {
	at := g.boot.registrar.newest(g.user)
	if at == nil {
		g.fail(sip.Cause{Kind: sip.CauseUnavailable, Code: 480, Reason: "Temporarily Unavailable"})
		return
	}
	var offer []byte
	if !g.late {
		var err error
		if offer, err = g.media.CreateOffer(sdp.SendRecv); err != nil {
			g.fail(sip.Cause{Kind: sip.CauseFailed, Code: 500, Reason: err.Error()})
			return
		}
	}
	contact := at.contact.URI
	s, err := g.boot.ua.Invite(sip.InviteOptions{
		To: g.boot.uri(g.user), Target: &contact, Flow: at.flow, From: &from,
		Offer: offer, Headers: g.headers, Timeout: g.ringTime,
	}, g)
	if err != nil {
		g.fail(sip.Cause{Kind: sip.CauseFailed, Code: 500, Reason: err.Error()})
		return
	}
	g.session = s
	g.boot.legs[s] = g
}

// fail tells later that the leg could not be called, so that who rings it never
// hears back before it has finished ringing.
func (g *leg) fail(cause sip.Cause) {
	g.boot.loop.After(0, func() {
		if !g.over {
			g.close()
			g.watcher.leaves(g, cause)
		}
	})
}

func (g *leg) hearsRinging() {
	if g.session.Incoming() && !g.up {
		g.note("ring", g.session.Ring())
	}
}

func (g *leg) hearsEarly() {
	if !g.session.Incoming() || g.up {
		return
	}
	if answer := g.answerOnce(); answer != nil {
		g.note("send early media", g.session.Progress(183, answer))
	}
}

// connected answers the agent's INVITE; it does nothing where he was called.
func (g *leg) connected() {
	if g.up || g.over || !g.session.Incoming() {
		return
	}
	body := g.answerOnce()
	if body == nil && g.session.Offer() != nil {
		return // refused by answerOnce
	}
	if body == nil {
		var err error
		if body, err = g.media.CreateOffer(sdp.SendRecv); err != nil {
			g.note("offer", err)
			return
		}
	}
	g.up = true
	g.note("answer", g.session.Answer(body))
}

// answerOnce answers the offer of the agent's INVITE; nil when it had none or it
// cannot be taken, and then the call is refused.
func (g *leg) answerOnce() []byte {
	if g.answer == nil && g.session.Offer() != nil {
		answer, err := g.media.AcceptOffer(g.session.Offer(), sdp.SendRecv)
		if err != nil {
			g.note("accept offer", err)
			g.leave(sip.Cause{Kind: sip.CauseNotAcceptable, Code: 488, Reason: "Not Acceptable Here"})
			return nil
		}
		g.answer = answer
	}
	return g.answer
}

// press sends digits to the agent by RFC 4733, and by INFO where he does not take
// that.
func (g *leg) press(digits string) {
	seq, err := dtmf.ParseDigits(digits)
	if err == nil {
		err = g.media.SendDigits(seq, media.RFC4733, nil)
	}
	if errors.Is(err, media.ErrNoEvents) {
		err = g.inform(digits)
	}
	g.note("send digits", err)
	g.boot.lab.happened(Event{Type: Digit, Party: g.user, Text: digits})
}

// inform sends each digit in an INFO of its own.
func (g *leg) inform(digits string) error {
	seq, err := dtmf.ParseDigits(digits)
	if err != nil {
		return err
	}
	for _, step := range seq {
		if step.Digit == 0 {
			continue
		}
		body, err := dtmf.FormatInfo(dtmf.TypeRelay, dtmf.Info{Digit: step.Digit, Duration: step.For})
		if err == nil {
			err = g.session.Info(dtmf.TypeRelay, body, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leave ends the leg by the lab's own will and tells.
func (g *leg) leave(cause sip.Cause) {
	w := g.watcher
	g.hangUp(cause)
	if w != nil {
		w.leaves(g, cause)
	}
}

// hangUp ends the session as its state asks: CANCEL, BYE, or a refusal with the
// cause's code.
func (g *leg) hangUp(cause sip.Cause) {
	if g.over {
		return
	}
	g.over = true
	if g.session == nil {
		g.release()
		return
	}
	if g.session.Incoming() && !g.up {
		code := cause.Code
		if code < 300 {
			code = 480
		}
		g.note("refuse", g.session.Reject(code, cause.Reason))
		return
	}
	g.note("hang up", g.session.Hangup(reasonOf(cause)))
}

// reasonOf says in a BYE or CANCEL why, where there is more to say than goodbye.
func reasonOf(cause sip.Cause) sip.ReasonHeader {
	if cause.Code == 0 {
		return sip.ReasonHeader{}
	}
	return sip.ReasonHeader{Protocol: "SIP", Cause: cause.Code, Text: cause.Reason}
}

// close gives the media back without a word to anybody.
func (g *leg) close() {
	g.over = true
	g.release()
}

// release ends the media once the session is over.
func (g *leg) release() {
	_ = g.media.Close() // leaves the bridge too; it may be closed already
	delete(g.boot.legs, g.session)
	if len(g.boot.legs) == 0 && g.boot.idle != nil {
		g.boot.idle()
	}
}

func (g *leg) note(what string, err error) {
	if err != nil {
		g.boot.lab.cfg.Log.Info("lab leg", "user", g.user, "what", what, "cause", err)
	}
}
