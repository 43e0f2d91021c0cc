package agent

import (
	"errors"
	"strings"
	"time"

	"ringback/agent/verdict"
	"ringback/sip"
)

// transfer is a REFER of ours on the contact's call, from the order to its
// outcome.
type transfer struct {
	target   string
	referral *sip.Referral
	refused  bool // it has failed; the contact's call is being looked at
	consult  *leg // attended: the call that the contact is to take over
	request  *request
}

func (a *Agent) actTransfer(r *request) {
	if r.args.Target == "" {
		if refused := a.checkAllowed("consult-transfer", r.in); refused != nil {
			if r.in.phase() != PhaseConsulting {
				refused = refuse(CodeInvalid, "transfer: the argument target is missing").hint("an extension, an E.164 number, or a SIP URI")
			}
			r.fail(refused)
			return
		}
		a.actConsultTransfer(r)
		return
	}
	to, refused := a.target(r.args.Target)
	if refused == nil {
		refused = a.checkRegistered()
	}
	if refused != nil {
		r.fail(refused)
		return
	}
	if a.cfg.Calls.Transfer == "ring-first" {
		if r.in.consult.live() { // its place is what the call to the target needs
			r.fail(refuse(CodeInvalid, "transfer: a consultation with %s is open", r.in.consult.remote.URI.Bare().String()).
				hint("consult-transfer completes it, consult-end ends it"))
			return
		}
		a.transferRingFirst(r, to)
		return
	}
	a.startTransfer(r, to, nil)
}

// startTransfer puts the contact on hold first, so that it is here whatever
// becomes of the transfer, and then asks the PBX to bring it to the target.
func (a *Agent) startTransfer(r *request, to sip.URI, consult *leg) {
	l := r.in.main
	t := &transfer{target: to.Bare().String(), consult: consult, request: r}
	l.transfer = t
	e := l.event(CallTransferring)
	e.Target = t.target
	a.emit(e)
	a.wish(l, true)
	a.await(func() bool {
		switch {
		case l.transfer != t || t.referral != nil:
			return true // ended meanwhile
		case l.exchange.open || l.wantHold && !l.held && l.exchange.failed == nil:
			return false
		}
		a.refer(l, to) // a hold that was refused does not stand in the way
		return true
	})
}

func (a *Agent) refer(l *leg, to sip.URI) {
	options := sip.ReferOptions{}
	if c := l.transfer.consult; c != nil {
		options.Replaces = c.session
	}
	referral, err := l.session.Refer(to, options)
	if err != nil {
		code := CodeFailed
		if errors.Is(err, sip.ErrNotSupported) {
			err = errors.New("the far end does not know REFER")
		}
		a.transferFailed(l, refuse(code, "transfer: %v", err), 0)
		return
	}
	l.transfer.referral = referral
}

func (a *Agent) transferProgressed(l *leg, e sip.TransferProgressed) {
	if l.transfer == nil || l.transfer.referral != e.Referral {
		return
	}
	event := l.event(CallTransferring)
	event.Target, event.Code, event.Text = l.transfer.target, e.Code, cleanText(e.Reason)
	a.emit(event)
}

// transferEnded is the outcome that the NOTIFYs tell. The agent's leg ends only
// when the target has the contact.
func (a *Agent) transferEnded(l *leg, e sip.TransferEnded) {
	t := l.transfer
	if t == nil || t.referral != e.Referral {
		return
	}
	if e.OK {
		a.transferWorked(l)
		return
	}
	why := refuse(transferCode(e), "transfer to %s failed: %s", t.target, strings.TrimSpace(codeText(e.Code)+" "+cleanText(e.Reason)))
	if e.TimedOut {
		why.Message = verdict.CallTransfer.Say("target", t.target).Error()
	}
	t.referral, t.refused = nil, true
	if e.Refused {
		a.transferFailed(l, why, e.Code)
		return
	}
	a.stillThere(l, func() {
		if l.transfer == t {
			a.transferFailed(l, why, e.Code)
		}
	})
}

func transferCode(e sip.TransferEnded) string {
	switch {
	case e.TimedOut, e.Code == 408, e.Code == 480, e.Code == 487, e.Code == 504:
		return CodeTimeout
	case e.Code == 486 || e.Code == 600:
		return CodeBusy
	case e.Code == 404 || e.Code == 410 || e.Code == 484 || e.Code == 604:
		return CodeNotFound
	case e.Code >= 300:
		return CodeRejected
	}
	return CodeFailed
}

// transferWorked: the target has the contact; our calls with both can go.
func (a *Agent) transferWorked(l *leg) {
	t := l.transfer
	l.transfer = nil
	e := l.event(CallTransferred)
	e.Target = t.target
	a.emit(e)
	if t.consult != nil {
		done := t.consult.event(ConsultationCompleted)
		done.Method, done.Target = "transfer", t.target
		a.emit(done)
		if t.consult.live() {
			_ = t.consult.session.Hangup(sip.ReasonHeader{})
		}
	}
	if l.live() {
		_ = l.session.Hangup(sip.ReasonHeader{Protocol: "SIP", Cause: 200, Text: "transferred"})
	}
	r := t.request
	a.await(func() bool {
		if l.live() {
			return false
		}
		r.ok(l)
		return true
	})
}

// transferFailed: the contact is here, on hold, and can be resumed; unless the PBX
// had moved it before it knew, as some do for a blind transfer.
func (a *Agent) transferFailed(l *leg, why *ActionError, code int) {
	t := l.transfer
	l.transfer = nil
	e := l.event(CallTransferFailed)
	e.Target, e.Code, e.Reason, e.Text = t.target, code, transferReason(why.Code), why.Message
	a.emit(e)
	why.Hint = "the contact is still here, on hold"
	if !l.live() {
		why.Hint = "the contact's call has ended: call again; calls.transfer: ring-first avoids this with a PBX that moves the contact first"
	}
	t.request.fail(why)
}

// transferReason is the word for a failed transfer that the ends of calls use.
func transferReason(code string) string {
	switch code {
	case CodeTimeout:
		return "no-answer"
	case CodeNotFound:
		return "not-found"
	case CodeBusy, CodeRejected:
		return code
	}
	return "failed"
}

// transferLost: a call ended with a transfer under way on it. A PBX may end it as
// soon as it took the REFER and tell later how it went: the NOTIFYs still come
// (RFC 5057 4), or their clock runs out.
func (a *Agent) transferLost(l *leg, c sip.Cause) {
	t := l.transfer
	if t == nil || t.refused || t.referral != nil && c.ByRemote {
		return
	}
	a.transferFailed(l, refuse(CodeFailed, "transfer to %s: the call ended before its outcome was known", t.target), l.code)
}

// referReceived: the far end of a call asks us to call somebody else.
func (a *Agent) referReceived(l *leg, refer *sip.IncomingRefer) {
	if a.stopping || !a.mayCall(refer.To()) {
		_ = refer.Refuse(603)
		return
	}
	in := a.newInteraction(KindCall, Contact{Number: refer.To().String()})
	in.setCase("referred_by", l.remote.URI.Bare().String()) // whose wish it is, for consent
	// The far end waits for an answer for less than some agents may think.
	a.putOfferFor(in, meansDial, min(a.cfg.Callbacks.OfferTimeout, refer.Until().Sub(a.now())-time.Second))
	in.offer.refer = refer
	if a.cfg.Calls.Refer == "accept" {
		if _, refused := a.accept(in); refused != nil {
			a.emit(Event{Type: ErrorHappened, Interaction: in.id, Text: refused.Message})
		}
	}
}

// mayCall: what others want us to call is called at our own PBX only.
func (a *Agent) mayCall(to sip.URI) bool {
	_, refused := a.target(to.String())
	return refused == nil
}

// referWithdrawn: the call that brought the wish has ended.
func (a *Agent) referWithdrawn(refer *sip.IncomingRefer) {
	for _, in := range a.interactions {
		if in.offer == nil || in.offer.refer != refer || !a.closeOffer(in, offerWithdrawn) {
			continue
		}
		e := in.offerEvent(OfferCancelled)
		e.Reason, e.Target = "cancelled", in.contact.Number
		a.emit(e)
	}
}

// dialReferred calls whom a REFER names, and tells the referrer how it goes.
func (a *Agent) dialReferred(in *interaction, refer *sip.IncomingRefer) (*leg, *ActionError) {
	if err := refer.Accept(); err != nil {
		in.closed, in.result = true, ResultFailed
		a.save(in, "dial-failed")
		return nil, refuse(CodeFailed, "accept: the request to call is over: %v", err)
	}
	l, refused := a.dialContact(in, refer.To(), &callOptions{replaces: refer.Replaces(), referredBy: refer.ReferredBy()})
	if refused != nil {
		_ = refer.Notify(503, "", true)
		in.closed, in.result = true, ResultFailed
		a.save(in, "dial-failed")
		return nil, refused
	}
	l.referredBy = refer
	return l, nil
}

// tellReferrer tells whoever asked for a call that it failed.
func (a *Agent) tellReferrer(l *leg, c sip.Cause) {
	if l.referredBy == nil {
		return
	}
	code := c.Code
	if code < 300 {
		code = 503
	}
	_ = l.referredBy.Notify(code, c.Reason, true)
	l.referredBy = nil
}

// takeOver answers a call that replaces one of ours (RFC 3891): the new call
// takes its place in the interaction. The user agent has checked who asks.
func (a *Agent) takeOver(s *sip.Session, old *sip.Session) {
	for _, in := range a.interactions {
		for _, was := range in.live() {
			if was.session != old {
				continue
			}
			main, consult := in.main, in.consult
			l := a.newLeg(in, was.role, true)
			l.session, l.remote = s, s.Identity()
			l.joined, l.suspended, l.muted = was.joined, was.suspended, was.muted
			held := was.onHold()
			l.wantHold = held                   // whoever waits hears nothing from the first packet on
			if err := a.answer(l); err != nil { // it was refused; the old call goes on
				a.log.Debug("take call over", "error", err)
				in.legs = in.legs[:len(in.legs)-1]
				in.main, in.consult = main, consult
				return
			}
			s.Handle(sip.SessionHandlerFunc(func(_ *sip.Session, e sip.Event) { a.input(func() { a.sessionEvent(l, e) })() }))
			a.emit(l.event(CallConnected))
			a.identityChanged(l, l.remote)
			if held {
				a.wish(l, true)
			}
			return
		}
	}
	_ = s.Reject(481, "")
}
