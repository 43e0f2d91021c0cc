package sip

import (
	"math/rand/v2"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
)

// reinvite is a session's change of media inside the dialog: ours out, theirs in
// (RFC 3261 14, RFC 3311, RFC 6141).
type reinvite struct {
	client   *change           // ours without a final answer
	last     *change           // the re-INVITE whose 2xx may be repeated
	wish     *change           // ours that waits for the end of a glare
	retry    *loop.Timer       // of the wish
	late     *change           // our re-INVITE without offer, whose 2xx waits for AnswerOffer
	server   *inDialog         // theirs with an offer that waits for our answer
	final    *message.Response // our 2xx to their re-INVITE
	finalSeq uint32
	finalReq *inDialog
	resend   *loop.Timer
	deadline *loop.Timer
}

// change is one re-INVITE or UPDATE of ours.
type change struct {
	method  string
	offer   []byte // nil: the far end offers (re-INVITE), or a refresh (UPDATE)
	refresh bool   // a session timer's: nobody asked for it
	seq     uint32
	ack     *message.Request
	res     *message.Response
	tries   int // after 422
}

// Reinvite offers new media by re-INVITE; nil asks the far end to offer, and
// OfferReceived follows. The outcome is AnswerReceived or OfferRefused. Glare
// (491) is retried after the time of RFC 3261 14.1; when meanwhile an offer of
// the far end's comes, OfferRefused with Overtaken precedes it. Called while a
// retry waits, it replaces the offer. 481, 408 and no answer at all end the call
// (RFC 5057 5): a peer that is not there cannot be held either.
func (s *Session) Reinvite(offer []byte) error {
	return s.change(&change{method: "INVITE", offer: offer})
}

// Update offers new media by UPDATE (RFC 3311), also in an early dialog whose
// first offer is answered. ErrNotSupported when the peer's Allow does not have
// it: use Reinvite.
func (s *Session) Update(offer []byte) error {
	if s.dialog != nil && !s.dialog.allow.serves("UPDATE") {
		return ErrNotSupported
	}
	return s.change(&change{method: "UPDATE", offer: offer})
}

func (s *Session) change(c *change) error {
	early := c.method == "UPDATE" && (s.phase == phaseEarly || s.phase == phaseRinging)
	switch {
	case s.ended:
		return ErrEnded
	case s.dialog == nil || s.phase != phaseConfirmed && !early:
		return ErrState
	case s.re.wish != nil:
		s.re.wish = c
		return nil
	case s.re.client != nil || s.re.server != nil || s.oa.phase != offerNone || s.re.final != nil && c.method == "INVITE":
		return ErrOfferPending
	}
	s.sendChange(c)
	return nil
}

// sendChange puts a re-INVITE or UPDATE on the wire.
func (s *Session) sendChange(c *change) {
	req := s.dialog.request(c.method, 0)
	c.seq = seqOf(req)
	message.Set(req, "Supported", s.supportedOptions())
	s.renewTimer(req)
	message.SetBody(req, typeSDP, c.offer)
	if c.offer != nil {
		s.oa.step(sendOffer, c.offer)
	}
	s.re.client = c
	if c.method == "INVITE" {
		s.re.last = c
	}
	s.inside(s.dialog, req, &replyTo{
		sent:     func(req *message.Request) { c.seq = seqOf(req) },
		response: func(res *message.Response, flow Flow) { s.changeResponse(c, res, flow) },
		failed:   func(err error) { s.changeFailed(c, err) },
	})
}

// changeResponse takes a response to our re-INVITE or UPDATE.
func (s *Session) changeResponse(c *change, res *message.Response, flow Flow) {
	code := res.StatusCode
	switch {
	case code < 200:
		if code > 100 && c.method == "INVITE" && requires(res, "100rel") {
			s.sendPrack(&fork{dialog: s.dialog}, res, nil)
		}
	case code < 300:
		s.changeAccepted(c, res, flow)
	case s.re.client != c: // the call has ended meanwhile
	case code == 491:
		s.glare(c)
	case code == 422 && c.tries < 3 && s.raiseInterval(res):
		c.tries++
		s.settle(c)
		s.sendChange(c)
	case code == 481 || code == 408:
		// RFC 3261 12.2.1.2: "If the response for a request within a dialog is a 481
		// or a 408, the UAC SHOULD terminate the dialog."
		s.settle(c)
		s.happen(onGone, &happening{cause: Cause{Kind: CauseNetwork, Code: code, Reason: res.Reason, ByRemote: true}})
	default:
		s.settle(c)
		s.changeRefused(c, code, res.Reason)
	}
}

// settle takes an offer of ours back and frees the place of the open change.
func (s *Session) settle(c *change) {
	s.re.client = nil
	if c.offer != nil {
		s.oa.step(offerRefused, nil)
	}
}

// changeRefused: "the session parameters MUST remain unchanged, as if no
// re-INVITE had been issued" (RFC 3261 14.1).
func (s *Session) changeRefused(c *change, code int, reason string) {
	if c.refresh {
		s.refreshFailed()
		return
	}
	s.emit(OfferRefused{Code: code, Reason: reason})
}

// changeFailed: nothing came.
func (s *Session) changeFailed(c *change, err error) {
	if s.re.client != c {
		return
	}
	s.settle(c)
	s.happen(onGone, &happening{cause: causeOfError(err)})
}

// changeAccepted takes the 2xx: the target is refreshed, the answer goes up, a
// re-INVITE gets its ACK, and again for each repetition.
func (s *Session) changeAccepted(c *change, res *message.Response, flow Flow) {
	if c.method == "INVITE" && c.ack != nil {
		s.ua.sendAck(c.ack, s.dialog.hop(), s.account)
		return
	}
	if s.re.client != c && s.re.late != c { // the call has ended, or the retry came before
		s.ackChange(c, nil)
		return
	}
	if s.re.late == c {
		return // a repetition while the answer to its offer is not there yet
	}
	s.re.client = nil
	s.dialog.learn(res, flow)
	s.agreeTimer(res)
	s.startTimers()
	s.learnIdentity(res, flow)
	sdp := sdpOf(res)
	switch {
	case c.method == "INVITE" && c.offer == nil && sdp != nil && s.oa.step(receiveOffer, sdp):
		c.res, s.re.late = res, c
		s.emit(OfferReceived{SDP: sdp, Method: "INVITE"})
	case c.offer == nil:
		s.ackChange(c, nil)
	case sdp == nil:
		s.ackChange(c, nil)
		s.oa.step(offerRefused, nil)
		s.changeRefused(c, 488, "no session description in the answer")
	default:
		s.ackChange(c, nil)
		s.oa.step(receiveAnswer, sdp)
		if !c.refresh {
			s.emit(AnswerReceived{SDP: sdp})
		}
	}
}

// ackChange acknowledges the 2xx of a re-INVITE.
func (s *Session) ackChange(c *change, sdp []byte) {
	if c.method != "INVITE" {
		return
	}
	c.ack = s.dialog.request("ACK", c.seq)
	message.SetBody(c.ack, typeSDP, sdp)
	s.ua.sendAck(c.ack, s.dialog.hop(), s.account)
}

// glare waits as RFC 3261 14.1 says: "If the UAC is the owner of the Call-ID of the
// dialog ID ... T has a randomly chosen value between 2.1 and 4 seconds in units
// of 10 ms. If the UAC is not the owner ... between 0 and 2 seconds".
func (s *Session) glare(c *change) {
	s.settle(c)
	wait := time.Duration(rand.IntN(201)) * 10 * time.Millisecond
	if !s.incoming {
		wait = time.Duration(210+rand.IntN(191)) * 10 * time.Millisecond
	}
	s.ua.count.add("glare")
	s.re.wish = c
	s.re.retry = s.ua.loop.After(wait, func() { s.guarded("glare", s.tryAgain) })
}

// tryAgain sends the wish once nothing of the far end's is open.
func (s *Session) tryAgain() {
	c := s.re.wish
	if c == nil || s.phase != phaseConfirmed {
		return
	}
	if s.re.server != nil || s.oa.phase != offerNone || s.re.final != nil {
		s.re.retry = s.ua.loop.After(s.ua.cfg.T1, func() { s.guarded("glare", s.tryAgain) })
		return
	}
	s.re.wish = nil
	c.ack = nil
	s.sendChange(c)
}

// overtaken gives the wish up because the far end's offer came first: what it
// offered may be old now.
func (s *Session) overtaken() {
	c := s.re.wish
	if c == nil {
		return
	}
	s.re.retry.Stop()
	s.re.wish = nil
	if !c.refresh {
		s.emit(OfferRefused{Code: 491, Reason: "Request Pending", Overtaken: true})
	}
}

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
			s.oa.step(receiveOffer, sdp)
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
	s.oa.step(refuseOffer, nil)
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
		s.oa.step(receiveOffer, sdp)
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
			s.oa.step(sendAnswer, sdp)
		} else {
			s.oa.step(sendOffer, sdp)
		}
		s.acceptChange(r, sdp)
		if s.in != nil && r.req.Method == message.PRACK {
			s.afterPrack()
		}
	case s.re.late != nil:
		c := s.re.late
		s.re.late = nil
		s.oa.step(sendAnswer, sdp)
		s.ackChange(c, sdp)
	case s.out != nil && s.out.kept != nil && s.out.kept.unacked != nil:
		s.oa.step(sendAnswer, sdp)
		s.acknowledge(s.out.kept, sdp)
	case s.earlyOffer() != nil:
		f := s.earlyOffer()
		s.oa.step(sendAnswer, sdp)
		s.sendPrack(f, f.prack, sdp)
		f.prack, f.reliable = nil, true
	default:
		return ErrNoOffer
	}
	return nil
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

// RefuseOffer refuses the open offer with a code, 488 as a rule; the session goes
// on as before. An offer that we had asked for can only be refused by ending the
// call. ErrNoOffer when none is open.
func (s *Session) RefuseOffer(code int) error {
	r := s.re.server
	if r == nil {
		if s.oa.phase != offerReceived || s.in != nil && s.in.final == nil {
			return ErrNoOffer
		}
		s.oa.step(refuseOffer, nil)
		s.abandon(CauseNotAcceptable, "the offer cannot be used")
		return nil
	}
	s.re.server = nil
	s.oa.step(refuseOffer, nil)
	r.respond(code)
	if s.in != nil && r.req.Method == message.PRACK {
		s.afterPrack()
	}
	return nil
}

// acceptChange sends the 200; that of a re-INVITE is repeated until its ACK.
func (s *Session) acceptChange(r *inDialog, sdp []byte) {
	res := s.ua.response(r.req, 200, "", "")
	message.Add(res, "Contact", s.ua.contact(s.account, r.flow))
	message.Add(res, "Supported", s.supportedOptions())
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
			s.happen(onGone, &happening{cause: Cause{Kind: CauseLostACK, Reason: "our answer was never acknowledged"}})
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
		s.oa.step(offerRefused, nil)
		s.happen(onGone, &happening{cause: Cause{Kind: CauseNotAcceptable, Reason: "no answer to our offer in the ACK"}})
		return
	}
	s.oa.step(receiveAnswer, sdp)
	s.emit(AnswerReceived{SDP: sdp})
}
