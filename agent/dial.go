package agent

import (
	"errors"
	"strings"
	"time"

	"ringback/media/sdp"
	"ringback/sip"
)

// callOptions go with a call out.
type callOptions struct {
	headers    []sip.Header
	replaces   *sip.Replaces
	referredBy string
	autoHangup time.Duration // after the answer; 0: never
}

// forbiddenHeaders are written by the phone alone: whoever could set them could
// forge, route or authorise.
var forbiddenHeaders = map[string]bool{
	"via": true, "from": true, "to": true, "call-id": true, "cseq": true, "contact": true, "route": true,
	"record-route": true, "max-forwards": true, "content-length": true, "content-type": true, "authorization": true,
	"proxy-authorization": true, "require": true, "supported": true, "replaces": true, "allow": true,
	"v": true, "f": true, "t": true, "i": true, "m": true, "l": true, "c": true, "k": true,
}

// extraHeaders reads the headers and the User-to-User data of a dial action.
func (r *request) extraHeaders() ([]sip.Header, *ActionError) {
	var headers []sip.Header
	for _, h := range r.args.Headers {
		switch {
		case !isToken(h.Name) || strings.ContainsAny(h.Value, "\r\n\x00"):
			return nil, refuse(CodeInvalid, "%s: header %q is no header", r.spec.Name, h.Name).hint("write it like X-Case: 4711")
		case forbiddenHeaders[lower(h.Name)]:
			return nil, refuse(CodeInvalid, "%s: header %s is written by the phone itself", r.spec.Name, h.Name)
		}
		headers = append(headers, sip.Header{Name: h.Name, Value: h.Value})
	}
	if uui := r.args.UUI; uui != "" {
		if strings.ContainsAny(uui, "\r\n\x00") {
			return nil, refuse(CodeInvalid, "%s: uui has control characters", r.spec.Name)
		}
		headers = append(headers, sip.Header{Name: "User-to-User", Value: uui})
	}
	return headers, nil
}

func (a *Agent) actDial(r *request) {
	to, refused := a.target(r.args.Target)
	if refused == nil {
		refused = a.checkRegistered()
	}
	if refused != nil {
		r.fail(refused)
		return
	}
	headers, refused := r.extraHeaders()
	if refused != nil {
		r.fail(refused)
		return
	}
	hangup, refused := r.duration("auto_hangup", r.args.AutoHangup, 0, time.Millisecond, 24*time.Hour)
	if refused != nil {
		r.fail(refused)
		return
	}
	in := a.newInteraction(KindCall, Contact{Number: numberOf(to)})
	r.in = in
	a.emit(Event{Type: InteractionCreated, Interaction: in.id})
	a.holdOthers(in)
	l, refused := a.dialContact(in, to, &callOptions{headers: headers, autoHangup: hangup})
	if refused != nil {
		in.closed, in.result = true, ResultFailed
		if in.recorded {
			a.save(in, "dial-failed")
		}
		a.emit(Event{Type: InteractionDone, Interaction: in.id, Reason: refused.Code})
		r.fail(refused)
		return
	}
	r.ok(l)
}

func (a *Agent) actCall(r *request) {
	number := r.in.contact.Number
	if r.args.Number != "" {
		number = r.args.Number
	}
	to, refused := a.target(number)
	if refused == nil {
		refused = a.checkRegistered()
	}
	if refused != nil {
		r.fail(refused)
		return
	}
	a.holdOthers(r.in)
	l, refused := a.dialContact(r.in, to, nil)
	if refused != nil {
		r.fail(refused)
		return
	}
	r.ok(l)
}

// dialContact calls the contact of an interaction: an attempt, which is in the
// store before anything is sent.
func (a *Agent) dialContact(in *interaction, to sip.URI, o *callOptions) (*leg, *ActionError) {
	refused := a.amend(in, "attempt", func(in *interaction) { in.beginAttempt("", numberOf(to), a.now()) })
	if refused != nil {
		return nil, refused
	}
	l, refused := a.callOut(in, RoleMain, to, o)
	if refused != nil {
		a.attemptFailed(in, refused)
		return nil, refused
	}
	in.editAttempt("").Call = l.id
	return l, nil
}

// callOut makes a call. The leg is there and dialling when it returns.
func (a *Agent) callOut(in *interaction, role Role, to sip.URI, o *callOptions) (*leg, *ActionError) {
	if o == nil {
		o = &callOptions{}
	}
	main, consult := in.main, in.consult
	l := a.newLeg(in, role, false)
	l.remote, l.target = sip.Address{URI: to}, to
	err := a.openMedia(l)
	var body []byte
	if err == nil {
		body, err = l.media.CreateOffer(sdp.SendRecv)
	}
	if err == nil {
		l.session, err = a.ua.Invite(sip.InviteOptions{Account: a.account, To: to, Offer: body, Headers: o.headers,
			Replaces: o.replaces, ReferredBy: o.referredBy, Timeout: a.cfg.Calls.RingTimeout},
			sip.SessionHandlerFunc(func(_ *sip.Session, e sip.Event) { a.input(func() { a.sessionEvent(l, e) })() }))
	}
	if err != nil {
		a.closeMedia(l)
		in.legs = in.legs[:len(in.legs)-1]
		in.main, in.consult = main, consult
		code := CodeFailed
		if errors.Is(err, sip.ErrOwnAddress) {
			code = CodeInvalid
		}
		return nil, refuse(code, "call %s: %v", to.String(), err)
	}
	if o.autoHangup > 0 {
		l.hangupAfter = o.autoHangup
	}
	e := l.event(CallDialling)
	e.Target = to.String()
	a.emit(e)
	return l, nil
}

// progressed: it rings, or early media comes.
func (a *Agent) progressed(l *leg, e sip.Progressed) {
	if l.referredBy != nil {
		_ = l.referredBy.Notify(e.Code, e.Reason, false)
	}
	if len(e.SDP) > 0 && l.media != nil {
		if err := l.media.AcceptAnswer(e.SDP, true); err != nil {
			a.log.Debug("take early media", "call", string(l.id), "error", err)
		} else if !l.early {
			l.early = true
			l.refreshMedia()
			l.move(legEarly)
			a.emitCode(l, CallEarlyMedia, e.Code)
			return
		}
	}
	if e.Code == 180 && l.move(legRings) {
		a.emitCode(l, CallRinging, e.Code)
	}
}

func (a *Agent) emitCode(l *leg, t EventType, code int) {
	e := l.event(t)
	e.Code = code
	a.emit(e)
}

// answered: the far end took our call.
func (a *Agent) answered(l *leg, e sip.Answered) {
	if l.media == nil {
		return
	}
	if e.Late { // we always offer: an offer in a 200 is an answer to nothing
		a.hangUpUnusable(l, errors.New("the answer is an offer"))
		return
	}
	if len(e.SDP) > 0 {
		if err := l.media.AcceptAnswer(e.SDP, false); err != nil {
			a.hangUpUnusable(l, err)
			return
		}
	} else {
		l.media.RollbackOffer() // closed: what was said reliably before stands
	}
	a.legUp(l)
	if l.referredBy != nil {
		_ = l.referredBy.Notify(200, "OK", true)
		l.referredBy = nil
	}
	if id := l.session.Identity(); id.URI.Host != "" {
		l.remote = id
	}
	if l.hangupAfter > 0 {
		l.hangup = a.loop.After(l.hangupAfter, a.input(func() { _ = l.session.Hangup(sip.ReasonHeader{}) }))
	}
	if l.role == RoleMain {
		a.attemptAnswered(l)
	}
	a.emit(l.event(CallConnected))
	switch l.role {
	case RoleConsultation:
		a.emit(l.event(ConsultationConnected))
	case RoleParty:
		a.join(l)
	}
	a.setHeldRemote(l, l.media != nil && l.media.HeldByRemote())
	a.negotiate(l)
}
