package agent

import (
	"errors"
	"time"

	"ringback/media/sdp"
	"ringback/sip"
	"ringback/sip/loop"
)

// exchange is where a call stands with offers of ours inside the dialog.
type exchange struct {
	open    bool // our offer is out
	late    bool // our offer stands in a 200; the answer comes with the ACK
	offered sdp.Direction
	holds   bool // what the open offer does
	renews  bool // the open offer changes nothing
	again   bool // offer once more, although nothing is to change
	failed  *ActionError
	retry   *loop.Timer
	tries   int

	theirs   *sip.OfferReceived // that is not answered before STUN and TURN servers have
	patience *loop.Timer        // with them
}

// Retrying an offer that the session has no room for yet.
const (
	exchangeRetry = 100 * time.Millisecond
	exchangeTries = 100
)

// holdDirection is what we offer: we send while we hold, nothing flows when they
// hold too, and a resume leaves their hold alone (RFC 3264 8.4, RFC 6337 5.3).
func holdDirection(held, heldRemote bool) sdp.Direction {
	switch {
	case held && heldRemote:
		return sdp.Inactive
	case held:
		return sdp.SendOnly
	case heldRemote:
		return sdp.RecvOnly
	}
	return sdp.SendRecv
}

// heldByRemote decides whether the far end holds us after it answered: an
// inactive answer to a hold of ours says nothing about its own wish.
func heldByRemote(before bool, offered, theirs sdp.Direction) bool {
	if !offered.Receives() && theirs == sdp.Inactive {
		return before
	}
	if offered == sdp.RecvOnly && theirs == sdp.SendOnly {
		return true // it could not say more
	}
	return !theirs.Receives()
}

// wish sets whether a call shall be on hold and brings it about.
func (a *Agent) wish(l *leg, hold bool) {
	l.wantHold = hold
	l.exchange.failed = nil
	l.exchange.tries = 0
	a.negotiate(l)
}

// negotiate offers what is wished for, unless it is so, or an offer is out: then
// it is looked at again when that is answered.
func (a *Agent) negotiate(l *leg) {
	x := &l.exchange
	if !l.up() || l.media == nil || x.open || x.late || l.wantHold == l.held && !x.again || l.incoming && !l.confirmed {
		return
	}
	dir := holdDirection(l.wantHold, l.heldRemote)
	body, err := l.media.CreateOffer(dir)
	if err != nil {
		a.later(l, err)
		return
	}
	if err := l.session.Reinvite(body); err != nil {
		l.media.RollbackOffer()
		a.later(l, err)
		return
	}
	x.open, x.again, x.offered, x.tries = true, false, dir, 0
	x.holds, x.renews = l.wantHold, l.wantHold == l.held
}

// stillThere offers a call's state once more and runs then when that is answered
// or the call has ended. A PBX that has taken the far end away ends the call at
// that, where it would have kept it up for nobody.
func (a *Agent) stillThere(l *leg, then func()) {
	l.exchange.again = l.live()
	a.negotiate(l)
	a.await(func() bool {
		if l.live() && (l.exchange.open || l.exchange.again) {
			return false
		}
		then()
		return true
	})
}

// later tries again: the far end's offer is open.
func (a *Agent) later(l *leg, err error) {
	x := &l.exchange
	if x.tries++; x.tries > exchangeTries || errors.Is(err, sip.ErrEnded) {
		a.giveUpWish(l, refuse(CodeTimeout, "change the call: %v", err))
		return
	}
	x.retry.Stop()
	x.retry = a.loop.After(exchangeRetry, a.input(func() { a.negotiate(l) }))
}

func (a *Agent) giveUpWish(l *leg, why *ActionError) {
	l.exchange.failed = why
	l.exchange.again = false
	l.wantHold = l.held
	e := l.event(ErrorHappened)
	e.Text = why.Message
	a.emit(e)
}

// answerReceived: the far end agreed to our offer.
func (a *Agent) answerReceived(l *leg, e sip.AnswerReceived) {
	x := &l.exchange
	if l.media == nil {
		return
	}
	if err := l.media.AcceptAnswer(e.SDP, false); err != nil {
		l.media.RollbackOffer()
		x.open, x.late = false, false
		a.hangUpUnusable(l, err)
		return
	}
	_, theirs := l.media.Direction()
	l.refreshMedia()
	if x.late {
		x.late = false
		a.setHeldRemote(l, l.media.HeldByRemote())
		a.negotiate(l)
		return
	}
	x.open = false
	changed := l.held != x.holds
	l.held = x.holds
	if changed {
		if l.held {
			a.emit(l.event(CallHeld))
		} else {
			a.emit(l.event(CallResumed))
		}
	}
	a.setHeldRemote(l, heldByRemote(l.heldRemote, x.offered, theirs))
	a.negotiate(l)
}

// offerRefusedByPeer: the session is as before. An overtaken offer is made again
// once theirs is answered.
func (a *Agent) offerRefusedByPeer(l *leg, e sip.OfferRefused) {
	x := &l.exchange
	if l.media != nil {
		l.media.RollbackOffer()
	}
	x.open, x.late = false, false
	if e.Overtaken {
		a.later(l, sip.ErrOfferPending)
		return
	}
	word := "hold"
	switch {
	case x.renews:
		word = "renew the call"
	case !x.holds:
		word = "resume"
	}
	code := CodeRejected
	if e.Code == 408 || e.Code == 0 {
		code = CodeTimeout
	}
	again := x.again // it has become necessary since
	a.giveUpWish(l, refuse(code, "%s: the far end refused it: %d %s", word, e.Code, e.Reason))
	x.again = again
	a.negotiate(l)
}

// offerReceived takes an offer of the far end's: hold and resume by them, a
// refresh, a new address. One that restarts ICE is answered when servers have said where
// we are now.
func (a *Agent) offerReceived(l *leg, e sip.OfferReceived) {
	l.exchange.theirs = nil
	if l.media != nil && !e.Late && l.media.Gather(e.SDP) {
		a.letWait(l, e)
		return
	}
	a.answerOffer(l, e)
}

// answerOffer answers an offer of the far end's.
func (a *Agent) answerOffer(l *leg, e sip.OfferReceived) {
	if l.media == nil {
		_ = l.session.RefuseOffer(488)
		return
	}
	dir := sdp.SendRecv
	if l.held {
		dir = sdp.SendOnly
	}
	if e.Late {
		a.offerLate(l, dir)
		return
	}
	body, err := l.media.AcceptOffer(e.SDP, dir)
	if err != nil {
		code, why := 488, []sip.Header(nil)
		var refusal *sdp.Refusal
		if errors.As(err, &refusal) {
			code, why = refusal.Code, a.warning(l.session, refusal)
			a.refusedChange(l, refusal)
			a.Refuse(RefusedOffer)
		}
		if err := l.session.RefuseOffer(code, why...); err != nil {
			a.log.Debug("refuse offer", "call", string(l.id), "error", err)
		}
		return
	}
	if err := l.session.AnswerOffer(body); err != nil {
		a.log.Debug("answer offer", "call", string(l.id), "error", err)
		return
	}
	l.refreshMedia()
	a.setHeldRemote(l, l.media.HeldByRemote())
	a.negotiate(l)
}

// offerLate answers an offer without a description with a full one of ours
// (RFC 3261 14.2).
func (a *Agent) offerLate(l *leg, dir sdp.Direction) {
	body, err := l.media.CreateOffer(dir)
	if err != nil {
		_ = l.session.RefuseOffer(491)
		return
	}
	l.exchange.late = true
	if err := l.session.AnswerOffer(body); err != nil {
		l.exchange.late = false
		l.media.RollbackOffer()
	}
}

func (a *Agent) setHeldRemote(l *leg, held bool) {
	if held == l.heldRemote {
		return
	}
	l.heldRemote = held
	if held {
		a.emit(l.event(CallHeldByRemote))
		return
	}
	a.emit(l.event(CallResumedByRemote))
}

// holdOthers puts every other interaction's talk on hold: the agent speaks with
// one at a time.
func (a *Agent) holdOthers(but *interaction) {
	for _, in := range a.interactions {
		if in == but {
			continue
		}
		if in.phase() == PhaseConference {
			in.away = true
			continue
		}
		for _, l := range in.live() {
			if l.up() && !l.onHold() {
				a.wish(l, true)
			}
		}
	}
}

func (a *Agent) actHold(r *request) {
	in := r.in
	if in.phase() == PhaseConference {
		in.away = true
		r.ok(in.main)
		return
	}
	a.changeHold(r, in.talking(), true)
}

func (a *Agent) actResume(r *request) {
	in := r.in
	a.holdOthers(in)
	if in.phase() == PhaseConference {
		in.away = false
		for _, l := range in.joined() {
			if l.onHold() && !l.suspended { // a transfer of it failed
				a.wish(l, false)
			}
		}
		r.ok(in.main)
		return
	}
	l := in.main
	if in.consult.live() {
		l = in.resumable()
		in.onMain = l == in.main
	}
	a.changeHold(r, l, false)
}

// resumable is the call of a consultation that a resume means: the one that the
// agent talked with last.
func (in *interaction) resumable() *leg {
	if in.onMain && in.main.up() || !in.consult.up() {
		return in.main
	}
	return in.consult
}

// changeHold brings the wish about and answers with the outcome.
func (a *Agent) changeHold(r *request, l *leg, hold bool) {
	if !l.up() {
		r.fail(refuse(CodeNotAllowed, "%s is not allowed: the call is not connected", r.spec.Name))
		return
	}
	a.wish(l, hold)
	a.await(func() bool {
		switch {
		case l.exchange.failed != nil:
			r.fail(l.exchange.failed)
		case !l.up():
			r.fail(refuse(CodeFailed, "%s: the call has ended (%s)", r.spec.Name, l.reason))
		case l.wantHold != hold:
			r.fail(refuse(CodeFailed, "%s: something else was asked for meanwhile", r.spec.Name))
		case l.held == hold && !l.exchange.open:
			r.ok(l)
		default:
			return false
		}
		return true
	})
}
