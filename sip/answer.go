package sip

import (
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transaction"
)

// inCall is what a session keeps of the INVITE that came.
type inCall struct {
	server   *transaction.Server
	flow     Flow
	offer    []byte
	seq      uint32
	answered []byte            // the answer or offer of ours that a reliable 1xx carried
	reliable reliableQueue     // RFC 3262 3
	last     *message.Response // the last provisional response, repeated every minute
	again    *loop.Timer
	expires  *loop.Timer
	redirect []URI        // contacts of a 302
	waiting  *happening   // the answer that waits for a PRACK
	because  ReasonHeader // of the BYE that waits for the ACK
	final    *message.Response
	finalAt  time.Time
	resend   *loop.Timer // of the 2xx
	deadline *loop.Timer // 64*T1 after it
}

func (c *inCall) stopTimers() {
	c.again.Stop()
	c.expires.Stop()
	c.resend.Stop()
	c.deadline.Stop()
	c.reliable.timer.Stop()
}

// provisionalEvery keeps proxies from giving up: "a UAS will send a
// non-100 provisional response at every minute" (RFC 3261 13.3.1.1).
const provisionalEvery = time.Minute

// Ring sends 180 Ringing.
func (s *Session) Ring(headers ...Header) error { return s.Progress(180, nil, headers...) }

// Progress sends a provisional response, 101 to 199; with SDP it is early media.
// It goes reliably where the caller requires it, and where it supports it and
// the account asks for it (RFC 3262 3). While an earlier reliable
// one waits for its PRACK it is queued.
func (s *Session) Progress(code int, sdp []byte, headers ...Header) error {
	switch {
	case s.in == nil || code <= 100 || code > 199:
		return ErrState
	case s.cause.Kind == CauseCancelled || s.cause.Kind == CauseAnsweredElsewhere:
		return ErrCancelled
	case !s.happen(askProgress, &happening{code: code, sdp: sdp, headers: headers}):
		return ErrState
	}
	return nil
}

// Answer takes the call: 200 with our answer, or with our offer where theirs was
// late (Offer is nil). ErrCancelled when the caller's CANCEL came first; then
// nothing was sent and the session has ended. Confirmed follows with the ACK.
func (s *Session) Answer(sdp []byte, headers ...Header) error {
	if s.in == nil {
		return ErrState
	}
	if s.in.cancelled() && s.phase == phaseEnded {
		return ErrCancelled
	}
	if s.phase == phaseEnded {
		return ErrEnded
	}
	if err := checkHeaders(headers); err != nil {
		return err
	}
	h := &happening{code: 200, sdp: sdp, headers: headers}
	on := askAnswer
	if s.in.reliable.busy() {
		on = askHold
	}
	if !s.happen(on, h) {
		return ErrState
	}
	return nil
}

func (c *inCall) cancelled() bool { return c.final != nil && c.final.StatusCode == 487 }

// Reject refuses the call with a code from 300 to 699; an empty reason is filled
// in. ErrCancelled when the caller's CANCEL came first.
func (s *Session) Reject(code int, reason string, headers ...Header) error {
	switch {
	case s.in == nil || code < 300 || code > 699:
		return ErrState
	case s.in.cancelled():
		return ErrCancelled
	}
	if err := checkHeaders(headers); err != nil {
		return err
	}
	if !s.happen(askReject, &happening{code: code, reason: reason, headers: headers}) {
		return ErrState
	}
	return nil
}

// Redirect refuses the call with 302 and the contacts where it should go.
func (s *Session) Redirect(contacts ...URI) error {
	if s.in == nil || len(contacts) == 0 {
		return ErrState
	}
	if s.in.cancelled() {
		return ErrCancelled
	}
	s.in.redirect = contacts
	if !s.happen(askReject, &happening{code: 302}) {
		return ErrState
	}
	return nil
}

// sendProgress sends or queues a provisional response.
func (s *Session) sendProgress(h *happening) {
	c := s.in
	res := s.response(h.code, h.reason, h.headers)
	if h.sdp != nil {
		message.SetBody(res, typeSDP, h.sdp)
	}
	if s.mustBeReliable() {
		c.reliable.queue = append(c.reliable.queue, res)
		s.nextReliable()
		return
	}
	s.provide(res)
}

// provide sends a provisional response and repeats it every minute.
func (s *Session) provide(res *message.Response) {
	c := s.in
	_ = c.server.Respond(res)
	c.last = res
	c.again.Stop()
	c.again = s.ua.loop.After(provisionalEvery, func() {
		if c.final == nil {
			s.provide(c.last)
		}
	})
}

// keepAnswer holds the answer back until the reliable provisional response is
// acknowledged: "if the UAS does receive ... the UAS MUST NOT send a 2xx while
// a reliable provisional with a session description is unacknowledged" (RFC 3262 3).
func (s *Session) keepAnswer(h *happening) { s.in.waiting = h }

// sendAnswer sends the 2xx and repeats it until its ACK comes
// (RFC 3261 13.3.1.4).
func (s *Session) sendAnswer(h *happening) {
	c := s.in
	res := s.response(200, "OK", h.headers)
	s.grantTimer(res)
	switch {
	case c.answered != nil: // agreed in a reliable provisional response
	case s.oa.phase == offerReceived:
		s.negotiate(sendAnswer, h.sdp)
		message.SetBody(res, typeSDP, h.sdp)
	default:
		s.negotiate(sendOffer, h.sdp)
		message.SetBody(res, typeSDP, h.sdp)
	}
	c.stopTimers()
	c.final, c.finalAt, c.last = res, s.ua.loop.Now(), nil
	s.dialog.confirmed = true
	if err := c.server.Respond(res); err != nil {
		s.ua.loop.After(0, func() { s.happen(onGone, &happening{err: err}) })
		return
	}
	s.repeatAnswer(s.ua.cfg.T1)
	c.deadline = s.ua.loop.After(64*s.ua.cfg.T1, func() { s.guarded("no ACK", func() { s.happen(onNoAck, nil) }) })
	if s.replaces != nil {
		s.replaces.replacedBy(s)
	}
}

// repeatAnswer sends the 2xx again after d, then after 2d, up to T2. It does so
// over every transport: a proxy behind the first hop may use UDP.
func (s *Session) repeatAnswer(d time.Duration) {
	c := s.in
	c.resend = s.ua.loop.After(d, func() {
		s.ua.count.add("answer.resent")
		_ = c.server.Respond(c.final)
		s.repeatAnswer(min(2*d, s.ua.cfg.T2))
	})
}

// Crossed reports whether our 2xx crossed the caller's CANCEL: it never wanted this
// call, and ends it with a BYE as soon as the 2xx has come (RFC 3261 9.1).
func (s *Session) Crossed() bool {
	return s.in != nil && s.in.server.Crossed() && s.ua.loop.Now().Sub(s.in.finalAt) <= 64*s.ua.cfg.T1
}

// takeAck: the call is up. The ACK to a late offer carries the answer; one
// without it leaves nothing to talk with (RFC 3261 13.2.1).
func (s *Session) takeAck(h *happening) {
	s.in.resend.Stop()
	s.in.deadline.Stop()
	sdp := sdpOf(h.req)
	if s.oa.phase == offerSent {
		if sdp == nil || !s.negotiate(receiveAnswer, sdp) {
			s.abandon(CauseNotAcceptable, "no answer to our offer in the ACK")
			return
		}
	} else {
		sdp = nil
	}
	s.emit(Confirmed{SDP: sdp})
	s.startTimers()
}

// endNoAck: "If the server retransmits the 2xx response for 64*T1 seconds without
// receiving an ACK, the dialog is confirmed, but the session SHOULD be
// terminated" with a BYE (RFC 3261 13.3.1.4).
func (s *Session) endNoAck(*happening) {
	cause := Cause{Kind: CauseLostACK, Reason: ErrUnconfirmed.Error(), Err: ErrUnconfirmed}
	if s.Crossed() {
		cause = Cause{Kind: CauseCancelled, ByRemote: true}
	}
	s.finish(cause)
	s.sendBye(nil)
}

// sendReject sends the final refusal.
func (s *Session) sendReject(h *happening) {
	code, reason := h.code, h.reason
	if code == 0 {
		code = 603
	}
	res := s.response(code, reason, h.headers)
	for _, to := range s.in.redirect {
		message.Add(res, "Contact", Address{URI: to}.String())
	}
	s.refuseInvite(res)
	s.finish(causeOf(code, res.Reason, false))
	s.close(nil)
}

// refuseInvite sends a final response other than 2xx; the transaction repeats it
// until its ACK.
func (s *Session) refuseInvite(res *message.Response) {
	s.in.stopTimers()
	s.in.final = res
	_ = s.in.server.Respond(res)
}

// endByCancel: the CANCEL was answered 200 by the transaction; the INVITE gets
// 487 with the same tag (RFC 3261 9.2).
func (s *Session) endByCancel(h *happening) {
	s.refuseInvite(s.response(487, "", nil))
	cause := Cause{Kind: CauseCancelled, Code: 487, Text: message.Value(h.req, "Reason"), ByRemote: true}
	if r := reasonOf(h.req); r.Cause == 200 && oneOf(r.Protocol, "SIP", "sip") {
		cause.Kind = CauseAnsweredElsewhere
	}
	s.finish(cause)
	s.close(nil)
}

// endByEarlyBye: the caller ends the early dialog: its BYE gets 200, its INVITE
// 487 (RFC 3261 15.1.2).
func (s *Session) endByEarlyBye(h *happening) {
	s.answerBye(h)
	s.refuseInvite(s.response(487, "", nil))
	s.finish(Cause{Kind: CauseCancelled, Code: 487, Text: message.Value(h.req, "Reason"), ByRemote: true})
	s.close(nil)
}

// endGone ends a call whose transaction has died: nobody hears us.
func (s *Session) endGone(h *happening) {
	s.finish(causeOfError(h.err))
	s.close(nil)
}

// startExpires refuses a call that rings longer than its Expires header allows
// (RFC 3261 13.3.1).
func (s *Session) startExpires(d time.Duration) {
	s.in.expires = s.ua.loop.After(d, func() {
		s.guarded("Expires", func() {
			s.cause = Cause{Kind: CauseNoAnswer, Code: 487, Reason: "the INVITE has expired", ByRemote: true}
			s.happen(askReject, &happening{code: 487})
		})
	})
}

// response makes a response to the INVITE of a call that came: with our tag, and
// with Contact and abilities where a dialog can begin.
func (s *Session) response(code int, reason string, headers []Header) *message.Response {
	res := s.ua.response(s.invite, code, reason, string(s.localTag))
	if code > 100 && code < 300 {
		message.Add(res, "Contact", s.contact(s.in.flow))
		message.AddLine(res, s.ua.lines.allow)
		message.AddLine(res, s.ua.lines.supported)
	}
	_ = addHeaders(res, headers) // checked by whoever gave them
	return res
}
