package sip

import (
	"errors"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transaction"
)

// reinvite is a session's change of media inside the dialog: ours out, theirs in
// (RFC 3261 14, RFC 3311, RFC 6141).
type reinvite struct {
	client   *change           // ours without a final answer
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
	glares  int // times that it is made again
	out     *exchange
}

// Reinvite offers new media by re-INVITE; nil asks the far end to offer, and
// OfferReceived follows. The outcome is AnswerReceived or OfferRefused. Glare
// (491) is retried after the time of RFC 3261 14.1, a 500 that asks for it after its Retry-After; when meanwhile an offer of
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
	s.renewTimer(req)
	message.SetBody(req, typeSDP, c.offer)
	if c.offer != nil {
		s.negotiate(sendOffer, c.offer)
	}
	s.re.client = c
	c.out = s.inside(s.dialog, req, &replyTo{
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
		s.glare(c, s.glareTime())
	case c.busy(res):
		after, _ := message.RetryAfter(res)
		s.glare(c, max(after, s.ua.cfg.T1))
	case code == 422 && c.tries < 3 && s.raiseInterval(res):
		c.tries++
		s.settle(c)
		s.sendChange(c)
	case code == 481 || code == 408:
		// RFC 3261 12.2.1.2: "If the response for a request within a dialog is a 481
		// or a 408, the UAC SHOULD terminate the dialog."
		s.settle(c)
		s.happen(onGone, &happening{cause: new(causeOfGone(code, res.Reason))})
		s.transfersGone()
	default:
		s.settle(c)
		s.changeRefused(c, code, res.Reason)
	}
}

// settle takes an offer of ours back and frees the place of the open change.
func (s *Session) settle(c *change) {
	s.re.client = nil
	if c.offer != nil {
		s.negotiate(offerRefused, nil)
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

// changeFailed: nothing came, which counts as 408, or it could not be sent, which
// counts as 503 (RFC 3261 8.1.3.1) and is no reason to end the call: the way to the
// far end may be back soon.
func (s *Session) changeFailed(c *change, err error) {
	if s.re.client != c {
		return
	}
	s.settle(c)
	if errors.Is(err, transaction.ErrTimeout) {
		s.happen(onGone, &happening{cause: new(causeOfError(err))})
		return
	}
	s.changeRefused(c, 503, err.Error())
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
	case c.method == "INVITE" && c.offer == nil && sdp != nil && s.negotiate(receiveOffer, sdp):
		c.res, s.re.late = res, c
		s.emit(OfferReceived{SDP: sdp, Method: "INVITE"})
	case c.offer == nil:
		s.ackChange(c, nil)
	case sdp == nil:
		s.ackChange(c, nil)
		s.negotiate(offerRefused, nil)
		s.changeRefused(c, 488, "no session description in the answer")
	default:
		s.ackChange(c, nil)
		s.negotiate(receiveAnswer, sdp)
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

// mostGlares bounds how often a change is made again after a 491: a far end that
// always says so has no offer of its own.
const mostGlares = 10

// glareTime is that of RFC 3261 14.1: "If the UAC is the owner of the Call-ID of the
// dialog ID ... T has a randomly chosen value between 2.1 and 4 seconds in units
// of 10 ms. If the UAC is not the owner ... between 0 and 2 seconds".
func (s *Session) glareTime() time.Duration {
	if s.incoming {
		return time.Duration(s.ua.pick(201)) * 10 * time.Millisecond
	}
	return time.Duration(210+s.ua.pick(191)) * 10 * time.Millisecond
}

// What a far end may ask for when it has not done with a change before, and how often it is
// asked again: with one after the other it does not want to.
const (
	mostBusy = 3
	longBusy = 10 * time.Second
)

// busy says that the far end asks for the change again (RFC 3261 14.2: a second INVITE before
// its response to the first gets "a 500 (Server Internal Error) response ... and MUST include a
// Retry-After header field with a randomly chosen value of between 0 and 10 seconds").
func (c *change) busy(res *message.Response) bool {
	after, said := message.RetryAfter(res)
	return res.StatusCode == 500 && said && after <= longBusy && c.glares < mostBusy
}

// glare makes a change again after a while.
func (s *Session) glare(c *change, wait time.Duration) {
	s.settle(c)
	if c.glares++; c.glares > mostGlares {
		s.changeRefused(c, 491, "Request Pending, again and again")
		return
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
