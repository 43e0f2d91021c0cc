package lab

import (
	"time"

	"ringback/sip"
	"ringback/sip/loop"
)

// transfer is a REFER that the lab carries out: it calls the target, tells the
// transferor by NOTIFY how it goes (RFC 3515), and connects the transferee with
// the target once that one has answered. It watches the target until then.
type transfer struct {
	boot       *boot
	call       *call // of transferor and transferee
	transferor end
	transferee end
	target     end
	refer      *sip.IncomingRefer
	deadline   *loop.Timer
	gone       bool // the transferor has left
	over       bool
}

// lingering is how long the transferor has to hang up by itself.
const lingering = 500 * time.Millisecond

// refer takes a REFER from e inside the call c.
func (b *boot) refer(c *call, e end, r *sip.IncomingRefer) {
	policy := b.lab.callPolicy()
	switch {
	case policy.RefuseRefer != 0:
		b.noteRefer(r.Refuse(policy.RefuseRefer))
		return
	case c.over || !c.up || c.transfer != nil:
		b.noteRefer(r.Refuse(491))
		return
	}
	t := &transfer{boot: b, call: c, transferor: e, transferee: c.other(e), refer: r}
	b.noteRefer(r.Accept())
	c.tell(Event{Type: TransferStarted, Party: e.party(), Peer: t.transferee.party(), Text: r.To().UserText()})
	c.transfer = t
	if r.Replaces() != nil {
		t.attended(*r.Replaces())
		return
	}
	target, code := b.callee(r.To().UserText())
	if target == nil {
		t.fail(sip.Cause{Code: code})
		return
	}
	t.ring(target)
}

func (b *boot) noteRefer(err error) {
	if err != nil {
		b.lab.cfg.Log.Info("lab transfer", "cause", err)
	}
}

func (t *transfer) ring(target end) {
	t.target = target
	target.attach(t)
	t.deadline = t.boot.loop.After(t.boot.lab.callPolicy().TransferRingTime, func() {
		t.target.hangUp(sip.Cause{Kind: sip.CauseNoAnswer})
		t.fail(sip.Cause{Code: 408})
	})
	t.boot.reroute()
	target.ring(t.boot.addressOf(t.transferee))
}

// attended connects the far ends of two calls of the transferor (RFC 5589 7).
func (t *transfer) attended(replaces sip.Replaces) {
	other := t.boot.find(replaces)
	if other == nil || !other.up || other.over || other == t.call {
		t.fail(sip.Cause{Code: 481})
		return
	}
	second := other.caller
	if g, ok := second.(*leg); !ok || string(g.session.ID()) != replaces.CallID {
		second = other.callee
	}
	t.target = other.other(second)
	other.drop()
	t.hangUpLater(second)
	t.connect()
}

// find is the call whose leg a Replaces names, in the far end's order of tags.
func (b *boot) find(r sip.Replaces) *call {
	for _, c := range b.calls {
		for _, e := range []end{c.caller, c.callee} {
			g, ok := e.(*leg)
			if ok && g.session != nil && string(g.session.ID()) == r.CallID &&
				string(g.session.LocalTag()) == r.ToTag && string(g.session.RemoteTag()) == r.FromTag {
				return c
			}
		}
	}
	return nil
}

func (t *transfer) rings(end)  { t.notify(180, false) }
func (t *transfer) speaks(end) { t.notify(183, false) }

func (t *transfer) answers(e end) {
	if !t.over {
		t.connect()
	}
}

// connect: the target is there; the transferee is his from now on.
func (t *transfer) connect() {
	t.over = true
	t.deadline.Stop()
	t.call.drop()
	t.boot.join(t.transferee, t.target).callback = t.call.callback
	t.notify(200, true)
	t.call.tell(Event{Type: TransferDone, Party: t.transferor.party(), Peer: t.transferee.party(), Text: t.target.party()})
	if !t.gone {
		t.hangUpLater(t.transferor)
	}
}

// hangUpLater ends a leg of the transferor's that it does not end by itself.
func (t *transfer) hangUpLater(e end) {
	if t.boot.lab.callPolicy().KeepLeg {
		return
	}
	t.boot.loop.After(lingering, func() { e.hangUp(sip.Cause{Kind: sip.CauseTransferred}) })
}

// leaves: the target refused, or left before it was connected.
func (t *transfer) leaves(e end, cause sip.Cause) {
	if !t.over && e == t.target {
		t.fail(cause)
	}
}

// fail gives the transferee back to the transferor.
func (t *transfer) fail(cause sip.Cause) {
	code := cause.Code
	if code < 300 {
		code = 503
	}
	t.over = true
	t.deadline.Stop()
	t.call.transfer = nil
	t.notify(code, true)
	t.call.tell(Event{Type: TransferFailed, Party: t.transferor.party(), Peer: t.transferee.party(), Code: code})
	if t.gone {
		t.call.end(cause)
		return
	}
	t.boot.reroute()
}

// transferorLeft: the transferor does not wait for the outcome.
func (t *transfer) transferorLeft() { t.gone = true }

// abandon: the transferee has left; there is nobody to be transferred.
func (t *transfer) abandon() {
	if t.over {
		return
	}
	t.over = true
	t.deadline.Stop()
	if t.target != nil {
		t.target.hangUp(sip.Cause{Kind: sip.CauseCancelled})
	}
	t.notify(487, true)
}

func (t *transfer) digit(end, string)                  {}
func (t *transfer) holds(end, bool)                    {}
func (t *transfer) refers(_ end, r *sip.IncomingRefer) { t.boot.noteRefer(r.Refuse(491)) }

// notify tells the transferor, as far as the policy lets it.
func (t *transfer) notify(code int, final bool) {
	mode := t.boot.lab.callPolicy().Notify
	if t.gone || mode == NotifyNone || mode == NotifyLost && final {
		return
	}
	t.boot.noteRefer(t.refer.Notify(code, "", final))
}
