package agent

import (
	"fmt"

	"ringback/sip"
)

// transferRingFirst is an instant transfer for PBXs that move the contact before
// the target has answered, as Asterisk does: a blind REFER there to a busy target
// loses the contact. The target is called from here while the contact waits on
// hold, and gets the contact by REFER with Replaces as soon as it answers; until
// then nothing has happened to the contact's call.
func (a *Agent) transferRingFirst(r *request, to sip.URI) {
	in, l := r.in, r.in.main
	t := &transfer{target: to.Bare().String(), request: r}
	a.holdOthers(in)
	a.wish(l, true)
	ring, refused := a.callOut(in, RoleConsultation, to, nil)
	if refused != nil {
		r.fail(refused)
		return
	}
	in.onMain = false
	t.consult = ring
	l.transfer = t
	e := l.event(CallTransferring)
	e.Target = t.target
	a.emit(e)
	a.await(func() bool { return a.ringFirstSettled(l, ring, to, t) })
}

// ringFirstSettled goes on when the target has answered, refused, or the contact
// has gone; until then it is asked again.
func (a *Agent) ringFirstSettled(l, ring *leg, to sip.URI, t *transfer) bool {
	switch {
	case l.transfer != t: // the contact hung up
		if ring.live() {
			_ = ring.session.Hangup(sip.ReasonHeader{})
		}
	case !ring.live():
		end := sip.TransferEnded{Code: ring.code}
		a.transferFailed(l, refuse(transferCode(end), "transfer to %s failed: %s", t.target, ringEnd(ring)), ring.code)
	case !ring.up() || l.exchange.open:
		return false
	default:
		// The target's ACK goes first: it is on its way when this input is done.
		a.loop.After(0, a.input(func() {
			if l.transfer == t {
				a.refer(l, to)
			}
		}))
	}
	return true
}

func ringEnd(l *leg) string {
	if l.code == 0 {
		return l.reason
	}
	return fmt.Sprintf("%s (%s)", codeText(l.code), l.reason)
}
