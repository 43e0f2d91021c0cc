package agent

import (
	"time"

	"ringback/media/sdp"
	"ringback/sip"
)

// errand is the wish of a PBX that this phone dials a contact: an INVITE whose
// callback has the agent as its first leg. Nobody talks on its call, which stays
// ringing until it ends.
type errand struct {
	to      sip.URI      // the contact
	stands  bool         // acknowledged, and not taken back
	refused *ActionError // why nobody was dialled
}

// takeErrand answers the INVITE that brought an errand. Nobody is dialled before the
// PBX has acknowledged that: until then its CANCEL may be on the way, and another
// agent may have the errand.
func (a *Agent) takeErrand(l *leg, to sip.URI) error {
	if err := a.respond(l, sdp.Inactive); err != nil {
		return err
	}
	l.errand = &errand{to: to}
	return nil
}

// errandAcknowledged: the ACK came. A PBX whose CANCEL crossed our answer sends a BYE
// after it.
func (a *Agent) errandAcknowledged(l *leg) {
	a.loop.After(acceptStays, a.input(func() {
		if !l.live() {
			return
		}
		reason := sip.ReasonHeader{Protocol: "SIP", Cause: 200, Text: "accepted, the agent calls"}
		if l.errand.stands = !l.session.Crossed(); !l.errand.stands {
			reason = sip.ReasonHeader{Protocol: "SIP", Cause: 487, Text: "cancelled"}
		}
		_ = l.session.Hangup(reason)
	}))
}

// errandOver: the call that brought an errand has ended. The contact is dialled when
// the errand stands. When the PBX took it back with a CANCEL, it is cancelled; when
// it ended otherwise, the PBX may still count on us, or may not: nobody is dialled,
// and the interaction stays open for the agent to decide.
func (a *Agent) errandOver(l *leg, c sip.Cause) {
	in, o := l.in, l.errand
	if o.stands {
		c = sip.Cause{Kind: sip.CauseCompleted}
	}
	l.noteEnd(a.now(), c)
	a.closeMedia(l)
	if c.Kind == sip.CauseCancelled || l.session.Crossed() {
		a.callerGone(in, c)
		a.followCalls()
		a.wrapUpDone(in)
		return
	}
	e := l.event(CallEnded)
	e.Code, e.Reason, e.Text = c.Code, l.reason, a.causeText(c)
	a.emit(e)
	switch {
	case o.stands && !a.stopping:
		_, o.refused = a.dialContact(in, o.to, nil)
	case c.Kind == sip.CauseLostACK:
		o.refused = refuse(CodeTimeout, "accept: the PBX did not acknowledge that %s was taken; nobody was dialled", in.id)
	default:
		o.refused = refuse(CodeRejected, "accept: the errand to call ended (%s) before the PBX had left it to us; nobody was dialled", l.reason)
	}
	if o.refused == nil {
		return
	}
	if !o.stands {
		o.refused.Hint = "call dials the contact, if nobody else does"
	}
	e = l.event(ErrorHappened)
	e.Text = o.refused.Message
	a.emit(e)
}

// errandSettled answers an accept once the contact is dialled, or will not be.
func (r *request) errandSettled(l *leg) bool {
	switch {
	case r.in.closed:
		r.fail(refuse(CodeRejected, "accept: %s was cancelled by the caller in the same moment", r.in.id))
	case l.live():
		return false
	case l.errand.refused != nil:
		r.fail(l.errand.refused)
	default:
		r.ok(r.in.main)
	}
	return true
}

// acceptPatience and acceptStays are how long an accept waits for the caller's ACK,
// and then for the BYE of a caller whose CANCEL crossed it.
const (
	acceptPatience = 2 * time.Second
	acceptStays    = 50 * time.Millisecond
)
