package sip

import (
	"errors"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
)

// hangUp ends a confirmed session: told at once, then the BYE (RFC 3261 15.1.1).
func (s *Session) hangUp(h *happening) {
	if s.out != nil && s.out.kept != nil && s.out.kept.unacked != nil {
		s.acknowledge(s.out.kept, nil) // a 2xx gets its ACK whatever follows
	}
	if c := s.re.late; c != nil {
		s.re.late = nil
		s.ackChange(c, nil)
	}
	if s.cause.Kind == "" {
		s.cause = Cause{Kind: CauseCompleted}
	}
	s.refuseOpen(487)
	s.sendBye(h)
	s.finish(s.cause)
}

// endBeforeAck: the callee hangs up before the ACK: "the callee's UA MUST NOT send
// a BYE on a confirmed dialog until it has received an ACK for its 2xx response
// or until the server transaction times out" (RFC 3261 15).
func (s *Session) endBeforeAck(h *happening) {
	s.in.because = h.because
	if s.cause.Kind == "" {
		s.cause = Cause{Kind: CauseCompleted}
	}
	s.refuseOpen(487)
	resend, deadline := s.in.resend, s.in.deadline
	s.in.resend, s.in.deadline = nil, nil // finish stops the others
	s.finish(s.cause)
	s.in.resend, s.in.deadline = resend, deadline
}

// endDialog: the far end has lost the dialog, or does not answer: a BYE all the
// same, then the end.
func (s *Session) endDialog(h *happening) {
	s.refuseOpen(487)
	cause := h.cause
	if cause == nil {
		cause = new(causeOfError(h.err))
	}
	s.sendBye(nil)
	s.finish(*cause)
}

// sendBye sends the BYE; its answer, or none, ends the signalling.
func (s *Session) sendBye(h *happening) {
	reason := ReasonHeader{}
	if h != nil {
		reason = h.because
	}
	if s.in != nil {
		s.in.stopTimers()
		if reason.Protocol == "" {
			reason = s.in.because
		}
	}
	s.ua.bye(s.dialog, reason, func() { s.happen(onByeDone, nil) })
}

// byeAgain is the pause before a BYE that could not be sent is sent anew.
const byeAgain = 2 * time.Second

// bye sends a BYE on a dialog and calls done when it was answered or given up. One
// that cannot be sent, because there is no network for a moment, is sent again for as
// long as one without an answer is repeated: the far end waits in the call.
// On a call that came in no credentials are sent: a BYE that is challenged is a
// way to get hold of them (ES2021-05, R17); it counts as done.
func (u *UA) bye(d *dialog, reason ReasonHeader, done func()) {
	u.byeUntil(u.loop.Now().Add(64*u.cfg.T1), d, reason, done)
}

func (u *UA) byeUntil(last time.Time, d *dialog, reason ReasonHeader, done func()) {
	req := d.request("BYE", 0)
	_ = addHeaders(req, reasonHeaders(reason)) // the text is quoted
	account := d.account
	if d.session.incoming {
		account = nil
	}
	u.start(exchangeOptions{account: account, req: req, hop: d.hop(), seq: d.nextSeq, replyTo: replyTo{
		response: func(res *message.Response, _ Flow) {
			if res.StatusCode >= 200 {
				done()
			}
		},
		failed: func(err error) {
			if errors.Is(err, transaction.ErrTransport) && u.loop.Now().Add(byeAgain).Before(last) && !u.closed.Load() {
				u.loop.After(byeAgain, func() { u.byeUntil(last, d, reason, done) })
				return
			}
			done()
		}}})
}

// takeBye serves a BYE; the table says what it ends.
func (s *Session) takeBye(r *inDialog) {
	if s.phase == phaseEnded || !s.happen(onBye, &happening{req: r.req, dialog: r.dialog, flow: r.flow, bye: r}) {
		r.respond(481)
	}
}

// answerBye answers 200, whatever else happens.
func (s *Session) answerBye(h *happening) { h.bye.respond(200) }

// endByBye ends the call on the far end's BYE: "The UAS MUST still respond to any
// pending requests received for that dialog. It is RECOMMENDED that a 487
// response be generated" (RFC 3261 15.1.2).
func (s *Session) endByBye(h *happening) {
	s.refuseOpen(487)
	s.answerBye(h)
	cause := Cause{Kind: CauseCompleted, Text: message.Value(h.req, "Reason"), ByRemote: true}
	if r := reasonOf(h.req); oneOf(r.Protocol, "SIP", "sip") {
		cause.Code, cause.Reason = r.Cause, r.Text
	}
	if s.Crossed() {
		cause.Kind = CauseCancelled
	}
	s.finish(cause)
	s.close(nil)
}

// refuseOpen answers a re-INVITE, UPDATE or PRACK that still waits for us.
func (s *Session) refuseOpen(code int) {
	if r := s.re.server; r != nil {
		s.re.server = nil
		r.respond(code)
	}
	for _, r := range s.inRefers {
		r.drop(code)
	}
}
