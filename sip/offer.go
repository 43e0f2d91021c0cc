package sip

import (
	"time"

	"ringback/sip/message"
)

// takeReinvite serves a re-INVITE (RFC 3261 14.2).
func (s *Session) takeReinvite(r *inDialog) {
	sdp := sdpOf(r.req)
	switch {
	case s.phase != phaseConfirmed && s.phase != phaseAnswered:
		s.misplaced(r)
	case s.re.client != nil && s.re.client.method == "INVITE" || s.re.late != nil || s.oa.phase == offerSent:
		r.respond(491)
	case s.re.server != nil || s.oa.phase == offerReceived || s.unacked() && sdp == nil:
		r.later()
	case s.intervalTooSmall(r):
	default:
		s.overtaken()
		s.stopRepeating()
		r.dialog.learn(r.req, r.flow)
		s.learnIdentity(r.req, r.flow)
		s.re.server = r
		r.server.OnCancel(func(*message.Request) { s.guarded("CANCEL of re-INVITE", func() { s.dropReinvite(r, 487) }) })
		if sdp != nil {
			s.negotiate(receiveOffer, sdp)
		}
		s.emit(OfferReceived{SDP: sdp, Method: "INVITE", Late: sdp == nil})
	}
}

// unacked reports whether a 2xx of ours has no ACK yet.
func (s *Session) unacked() bool { return s.phase == phaseAnswered || s.re.final != nil }

// stopRepeating: a later request shows that the far end has our last 2xx to a
// re-INVITE, whatever became of its ACK.
func (s *Session) stopRepeating() {
	s.re.resend.Stop()
	s.re.deadline.Stop()
	s.re.final = nil
}

// misplaced answers a request for which the session is too early or too late.
func (s *Session) misplaced(r *inDialog) {
	switch s.phase {
	case phaseEnding, phaseEnded, phaseLeaving, phaseCancelling:
		r.respond(481)
	default:
		r.later()
	}
}

// dropReinvite refuses the open re-INVITE without the handler.
func (s *Session) dropReinvite(r *inDialog, code int) {
	if s.re.server != r {
		return
	}
	s.re.server = nil
	s.negotiate(refuseOffer, nil)
	r.respond(code)
}

// takeUpdate serves an UPDATE (RFC 3311 5.2): without offer it refreshes the
// session, target and identity.
func (s *Session) takeUpdate(r *inDialog) {
	sdp := sdpOf(r.req)
	switch {
	case s.phase == phaseEnded || s.phase == phaseEnding || s.phase == phaseLeaving:
		r.respond(481)
	case sdp != nil && (s.oa.phase == offerSent || s.re.client != nil && s.re.client.method == "INVITE"):
		r.respond(491)
	case sdp != nil && (s.oa.phase == offerReceived || s.re.server != nil):
		r.later()
	case s.intervalTooSmall(r):
	default:
		r.dialog.learn(r.req, r.flow)
		s.learnIdentity(r.req, r.flow)
		if sdp == nil {
			s.acceptChange(r, nil)
			return
		}
		s.overtaken()
		s.re.server = r
		s.negotiate(receiveOffer, sdp)
		s.emit(OfferReceived{SDP: sdp, Method: "UPDATE"})
	}
}

// AnswerOffer answers the open offer of the far end's, wherever it came: with 200
// to a re-INVITE, UPDATE or PRACK, with the ACK where we had asked for the offer.
// Where the offer is late it carries ours. ErrNoOffer when none is open.
func (s *Session) AnswerOffer(sdp []byte) error {
	switch r := s.re.server; {
	case r != nil:
		s.re.server = nil
		if s.oa.phase == offerReceived {
			s.negotiate(sendAnswer, sdp)
		} else {
			s.negotiate(sendOffer, sdp)
		}
		s.acceptChange(r, sdp)
		if s.in != nil && r.req.Method == message.PRACK {
			s.afterPrack()
		}
	case s.re.late != nil:
		c := s.re.late
		s.re.late = nil
		s.negotiate(sendAnswer, sdp)
		s.ackChange(c, sdp)
	case s.out != nil && s.out.kept != nil && s.out.kept.unacked != nil:
		s.negotiate(sendAnswer, sdp)
		s.acknowledge(s.out.kept, sdp)
	case s.earlyOffer() != nil:
		f := s.earlyOffer()
		s.negotiate(sendAnswer, sdp)
		s.sendPrack(f, f.prack, sdp)
		f.prack, f.reliable = nil, true
	default:
		return ErrNoOffer
	}
	return nil
}

// OfferWaits says that an offer of the far end's waits for AnswerOffer or RefuseOffer. One
// that it takes back, or whose call ends, does not.
func (s *Session) OfferWaits() bool {
	waits := s.re.server != nil || s.re.late != nil || s.out != nil && s.out.kept != nil && s.out.kept.unacked != nil || s.earlyOffer() != nil
	return waits && !s.ended
}

// earlyOffer is the fork whose reliable provisional response carried an offer.
func (s *Session) earlyOffer() *fork {
	if s.out == nil {
		return nil
	}
	for _, f := range s.out.forks {
		if f.prack != nil {
			return f
		}
	}
	return nil
}

// RefuseOffer refuses the open offer with a code, 488 as a rule, and headers that say
// why (RFC 3261 20.43); the session goes on as before. An offer that we had asked for can only be refused by ending the
// call. ErrNoOffer when none is open.
func (s *Session) RefuseOffer(code int, headers ...Header) error {
	r := s.re.server
	if r == nil {
		if s.oa.phase != offerReceived || s.in != nil && s.in.final == nil {
			return ErrNoOffer
		}
		s.negotiate(refuseOffer, nil)
		s.abandon(CauseNotAcceptable, "the offer cannot be used")
		return nil
	}
	s.re.server = nil
	s.negotiate(refuseOffer, nil)
	r.respond(code, headers...)
	if s.in != nil && r.req.Method == message.PRACK {
		s.afterPrack()
	}
	return nil
}

// acceptChange sends the 200; that of a re-INVITE is repeated until its ACK.
func (s *Session) acceptChange(r *inDialog, sdp []byte) {
	res := s.ua.response(r.req, 200, "", "")
	message.Add(res, "Contact", s.ua.contact(s.account, r.flow))
	message.AddLine(res, s.ua.lines.supported)
	s.regrantTimer(r.req, res)
	message.SetBody(res, typeSDP, sdp)
	r.send(res)
	if r.req.Method != message.INVITE {
		return
	}
	s.re.final, s.re.finalReq, s.re.finalSeq = res, r, seqOf(r.req)
	s.repeatFinal(s.ua.cfg.T1)
	s.re.deadline = s.ua.loop.After(64*s.ua.cfg.T1, func() {
		s.guarded("no ACK", func() {
			s.re.final = nil
			s.re.resend.Stop()
			s.happen(onGone, &happening{cause: &Cause{Kind: CauseLostACK, Reason: ErrUnconfirmed.Error(), Err: ErrUnconfirmed}})
		})
	})
}

func (s *Session) repeatFinal(d time.Duration) {
	s.re.resend = s.ua.loop.After(d, func() {
		if s.re.final == nil {
			return
		}
		_ = s.re.finalReq.server.Respond(s.re.final)
		s.repeatFinal(min(2*d, s.ua.cfg.T2))
	})
}

// takeChangeAck takes the ACK of our 2xx to a re-INVITE.
func (s *Session) takeChangeAck(ack *message.Request) {
	if s.re.final == nil || seqOf(ack) != s.re.finalSeq {
		return
	}
	s.stopRepeating()
	if s.oa.phase != offerSent || s.re.client != nil {
		return
	}
	sdp := sdpOf(ack)
	if sdp == nil {
		s.negotiate(offerRefused, nil)
		s.happen(onGone, &happening{cause: &Cause{Kind: CauseNotAcceptable, Reason: "no answer to our offer in the ACK"}})
		return
	}
	s.negotiate(receiveAnswer, sdp)
	s.emit(AnswerReceived{SDP: sdp})
}
