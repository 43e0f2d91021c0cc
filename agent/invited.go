package agent

import (
	"errors"

	"ringback/sip"
)

// upcalls is the agent as its user agent's handler.
type upcalls struct{ a *Agent }

// Invited serves a call that came.
func (u upcalls) Invited(s *sip.Session) { u.a.input(func() { u.a.invited(s) })() }

// Requested serves a request outside of calls.
func (u upcalls) Requested(r *sip.IncomingRequest) { u.a.input(func() { u.a.requested(r) })() }

func isCancelled(err error) bool { return errors.Is(err, sip.ErrCancelled) }

// invited decides about a call: takes a call over, refuses it, or offers it.
func (a *Agent) invited(s *sip.Session) {
	if old := s.ReplacesSession(); old != nil {
		a.takeOver(s, old)
		return
	}
	callback := readCallback(a.headers, s.Headers(), s.Parts(), a.now())
	kind := KindCall
	if callback != nil {
		kind = KindVoiceCallback
	}
	if why := a.unavailable(kind, callback); why != "" {
		code := a.cfg.Callbacks.NotReadyCode
		headers := reasonHeader(sip.ReasonHeader{Protocol: "SIP", Cause: code, Text: why})
		if err := s.Reject(code, "", headers); err != nil {
			a.log.Debug("refuse call", "error", err)
		}
		return
	}
	if refusal := a.unfit(s); refusal != nil {
		a.refuseOffer(s, refusal)
		return
	}
	in := a.newInteraction(kind, contactOf(s, callback))
	a.holdCallback(in, callback)
	l := a.newLeg(in, RoleMain, true)
	l.session, l.remote = s, s.Identity()
	s.Handle(sip.SessionHandlerFunc(func(_ *sip.Session, e sip.Event) { a.input(func() { a.sessionEvent(l, e) })() }))
	if err := s.Ring(); err != nil {
		a.log.Debug("ring", "call", string(l.id), "error", err)
	}
	means := meansAnswer
	if callback != nil && callback.FirstLeg == firstLegAgent {
		means = meansDial
	}
	a.putOffer(in, means)
	a.armAutoAnswer(in)
}

// holdCallback gives an interaction the callback that an INVITE brought.
func (a *Agent) holdCallback(in *interaction, c *Callback) {
	if c == nil {
		return
	}
	in.callback, in.source, in.since, in.zone = c, "invite", a.now(), c.Timezone
	if in.key = c.ID; in.key == "" {
		in.key = a.ownKey(in.id)
	}
	known, have, err := a.store.Callback(in.key)
	if err != nil { // it is offered all the same
		a.log.Warn("look for a callback", "callback", in.key, "error", err)
	}
	if have { // it was here before: what is counted of it goes on
		in.since, in.attempts = known.Created, known.Attempts
	}
	for key, value := range c.Data {
		in.setCase(key, value)
	}
}

// contactOf is who the agent will talk to: as the callback says, or who calls.
func contactOf(s *sip.Session, c *Callback) Contact {
	who := s.Identity()
	contact := Contact{Name: cleanText(sip.DecodeText(who.Display)), Number: numberOf(who.URI)}
	if c != nil && c.Number != "" {
		contact.Number = c.Number
	}
	if c != nil && c.Name != "" {
		contact.Name = c.Name
	}
	return contact
}

// unavailable says why a call cannot be offered now; empty when it can.
func (a *Agent) unavailable(kind Kind, c *Callback) string {
	why := a.closed(a.voice)
	switch {
	case why != "" && (kind == KindVoiceCallback || a.cfg.Calls.WhenNotReady == "refuse" || !a.voice.mayRing() || a.stopping):
		return why
	case kind == KindVoiceCallback && c.ID != "" && a.openCallback(c.ID) != nil:
		return "offered already"
	case kind == KindVoiceCallback && !a.cfg.Callbacks.RingWhileInUse && a.occupied():
		return busyWith
	case kind == KindCall && !a.cfg.Calls.Waiting && a.occupied():
		return busyWith
	}
	return ""
}

// busyWith is why a contact is not offered while the agent has another.
const busyWith = "busy with another contact"

// closed says why a channel takes no offers; empty when it does.
func (a *Agent) closed(c *channel) string {
	switch {
	case a.stopping:
		return "the phone is being switched off"
	case c.state == channelReady:
		return ""
	case c.state == channelDND:
		return "do not disturb"
	case c.state == channelOut:
		return "logged out"
	case c.reason != "":
		return c.state + ": " + c.reason
	}
	return c.state
}

// available is the code that a call would get now, for OPTIONS.
func (a *Agent) available() int {
	if a.unavailable(KindCall, nil) != "" {
		return a.cfg.Callbacks.NotReadyCode
	}
	return 0
}

// occupied: a call is up, or another offer is open.
func (a *Agent) occupied() bool {
	for _, in := range a.interactions {
		if in.inCall() || in.offer.open() && !in.closed {
			return true
		}
	}
	return false
}

// openCallback is the interaction that works on a callback now.
func (a *Agent) openCallback(id string) *interaction {
	for _, in := range a.interactions {
		if !in.closed && in.callback != nil && in.callback.ID == id {
			return in
		}
	}
	return nil
}

// requested serves a MESSAGE: it is recorded and answered. The user agent has
// refused whoever is not our PBX.
func (a *Agent) requested(r *sip.IncomingRequest) {
	code := 200
	switch {
	case r.Method() != "MESSAGE":
		code = 405
	case !r.FromRegistrar():
		code = 403
	case isOrder(r):
		a.orderReceived(r)
		return
	case !readableMessage(mediaType(r.ContentType())):
		code = 415
	}
	var headers []sip.Header
	if code == 415 {
		headers = []sip.Header{{Name: "Accept", Value: "text/plain, application/json"}}
	}
	if err := r.Respond(code, "", headers, "", nil); err != nil {
		a.log.Debug("answer message", "error", err)
	}
	if code == 200 {
		a.emit(Event{Type: MessageReceived, Remote: r.From().URI.Bare().String(), SIPCallID: string(r.CallID()),
			ContentType: mediaType(r.ContentType()), Text: cleanText(string(r.Body()))})
	}
}

func readableMessage(kind string) bool {
	return kind == "" || kind == "text/plain" || kind == "application/json"
}
