package agent

import (
	"time"

	"ringback/agent/store"
)

func (a *Agent) actAccept(r *request) {
	l, refused := a.accept(r.in)
	if refused != nil {
		r.fail(refused)
		return
	}
	switch {
	case l == nil:
		r.ok(nil)
		return
	case l.errand != nil:
		a.await(func() bool { return r.errandSettled(l) })
		return
	}
	// The answer counts when the caller has acknowledged it and is still there: its
	// CANCEL may have been on the way, and its BYE follows the ACK.
	wait := func(d time.Duration) time.Time {
		a.loop.After(d, a.input(func() {}))
		return a.now().Add(d)
	}
	latest := wait(acceptPatience)
	var stays time.Time
	a.await(func() bool {
		switch {
		case r.in.closed:
			r.fail(refuse(CodeRejected, "accept: %s was cancelled by the caller in the same moment", r.in.id))
		case !l.incoming || !l.live() || !a.now().Before(latest) || !stays.IsZero() && !a.now().Before(stays):
			r.ok(l)
		default:
			if l.confirmed && stays.IsZero() {
				stays = wait(acceptStays)
			}
			return false
		}
		return true
	})
}

// accept takes an offer: answers the call, dials, or opens a preview. It returns
// the call that was answered or made; for an errand the one that brought it, for a
// preview none. That the agent has it is in the store before anybody hears of it.
func (a *Agent) accept(in *interaction) (*leg, *ActionError) {
	switch in.offer.means {
	case meansDial:
		return a.acceptAndDial(in)
	case meansPreview:
		return nil, a.acceptPreview(in)
	}
	l := in.main
	refused := a.amend(in, "accept", func(in *interaction) {
		in.opened()
		in.beginAttempt(l.id, in.contact.Number, l.started)
		in.result = ResultAnswered
	}, a.reporting(ReportAccepted, nil))
	if refused != nil {
		return nil, refused
	}
	a.holdOthers(in)
	if err := a.answer(l); err != nil {
		return nil, a.acceptFailed(in, err)
	}
	a.offerTaken(in)
	a.attemptAnswered(l)
	e := l.event(OfferAccepted)
	e.Channel = in.channel
	a.emit(e)
	a.emit(l.event(CallConnected))
	return l, nil
}

// opened is the change that an accepted offer is: its callback is in our hands.
func (in *interaction) opened() {
	if in.key != "" {
		in.place = store.CallbackOpen
	}
}

// offerTaken ends an offer that the agent took.
func (a *Agent) offerTaken(in *interaction) {
	in.offer.move(offerTaken)
	a.channelOf(in).missed = 0
	a.agenda.remove(in.key)
}

// acceptPreview shows a callback that came without a call. Nobody is dialled.
func (a *Agent) acceptPreview(in *interaction) *ActionError {
	refused := a.amend(in, "accept", func(in *interaction) {
		in.opened()
		in.previewing = true
	}, a.reporting(ReportAccepted, nil))
	if refused != nil {
		return refused
	}
	a.offerTaken(in)
	a.emit(in.offerEvent(OfferAccepted))
	return nil
}

// acceptFailed tells the truth about an accept that came too late, or could not
// be answered.
func (a *Agent) acceptFailed(in *interaction, err error) *ActionError {
	if isCancelled(err) {
		if a.closeOffer(in, offerWithdrawn, a.reporting(ReportCancelled, nil)) {
			e := in.offerEvent(OfferCancelled)
			e.Reason = "cancelled"
			a.emit(e)
		}
		return refuse(CodeRejected, "accept: %s was cancelled by the caller in the same moment", in.id)
	}
	withdrawn := a.reporting(ReportWithdrawn, func(_ *interaction, r *Report) { r.Reason = err.Error() })
	if a.closeOffer(in, offerWithdrawn, withdrawn) {
		e := in.offerEvent(OfferCancelled)
		e.Reason, e.Text = "failed", err.Error()
		a.emit(e)
	}
	return refuse(CodeFailed, "accept: %v", err)
}

// acceptAndDial takes an errand: the PBX's callback whose first leg is the
// agent, or a REFER. The INVITE that brought it is answered and ended, so
// that the PBX does not give it to another agent; then the contact is dialled.
func (a *Agent) acceptAndDial(in *interaction) (*leg, *ActionError) {
	if refused := a.checkRegistered(); refused != nil {
		return nil, refused
	}
	to, refused := a.target(in.contact.Number)
	if refused != nil {
		return nil, refused
	}
	if refused := a.amend(in, "accept", (*interaction).opened, a.reporting(ReportAccepted, nil)); refused != nil {
		return nil, refused
	}
	brought, refer := in.main, in.offer.refer
	if brought != nil {
		if err := a.takeErrand(brought, to); err != nil {
			return nil, a.acceptFailed(in, err)
		}
	}
	a.offerTaken(in)
	a.emit(in.offerEvent(OfferAccepted))
	a.holdOthers(in)
	if brought != nil {
		return brought, nil
	}
	return a.dialReferred(in, refer)
}
