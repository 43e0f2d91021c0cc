package sip

import (
	"errors"
	"fmt"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transaction"
)

// maxRedirects bounds the targets tried on account of 3xx answers in one call.
const maxRedirects = 5

// InviteOptions is a call out.
type InviteOptions struct {
	Account    *Account // nil only with From
	To         URI
	Offer      []byte   // SDP; nil: a late offer, the far end offers
	Headers    []Header // added as they are; checked for CR, LF and NUL
	Replaces   *Replaces
	ReferredBy string        // raw value of Referred-By; empty: none
	Target     *URI          // where to send it, for instance a registered Contact; nil: To
	Flow       Flow          // nil: resolved; else this one, as long as it lives
	From       *Address      // in place of the account's; the lab's
	Timeout    time.Duration // until an answer; then CANCEL, ended as no-answer. Zero: none
}

// outCall is what a session keeps of its own INVITE: much while it is open, and of one
// that was answered what its further 2xx need (lighten).
type outCall struct {
	opts        *InviteOptions // nil once it is answered, as are the next three
	exchange    *exchange
	tried       map[string]bool // targets of redirects, as text
	redirect    *redirection
	client      *transaction.Client // of an INVITE that was answered: nil when 64*T1 are over
	credentials []Header            // those that the INVITE had when it was answered
	seq         uint32
	target      URI
	forks       []*fork
	kept        *fork
	told        *fork       // whose reliable answer the handler was given last
	retries     int         // after 422
	timeout     *loop.Timer // until an answer
	impatience  *loop.Timer // after a hang-up: tell the handler before the far end does
}

// Invite calls somebody. Everything after the checks of the options comes as
// events: a target that cannot be reached is an Ended.
func (u *UA) Invite(opts InviteOptions, h SessionHandler) (*Session, error) {
	if u.closed.Load() {
		return nil, ErrClosed
	}
	if opts.Account == nil && opts.From == nil {
		return nil, fmt.Errorf("call %s: neither account nor From was given", opts.To.String())
	}
	if opts.Account != nil {
		if err := opts.Account.Validate(); err != nil {
			return nil, err
		}
	}
	if opts.To.Host == "" || !oneOf(opts.To.Scheme, "sip", "sips") {
		return nil, fmt.Errorf("call %q: not a SIP address; write it like sip:1001@pbx.example.com", opts.To.String())
	}
	if len(u.sessions) >= u.cfg.Limits.Sessions {
		return nil, ErrLimit
	}
	s := &Session{ua: u, account: opts.Account, handler: h, callID: CallID(message.NewCallID()),
		localTag: LocalTag(message.NewTag()), remote: Address{URI: opts.To}}
	s.local = u.fromFor(opts.Account, opts.From)
	target := opts.To
	if opts.Target != nil {
		target = *opts.Target
	}
	s.out = &outCall{opts: &opts, target: target}
	if err := s.buildInvite(); err != nil {
		return nil, err
	}
	u.sessions[s], u.outgoing[s.callID] = struct{}{}, s
	u.startWatch()
	s.happen(onSend, nil)
	if opts.Offer != nil {
		s.negotiate(sendOffer, opts.Offer)
	}
	s.sendInvite()
	if opts.Timeout > 0 {
		s.out.timeout = u.loop.After(opts.Timeout, func() { s.noAnswer() })
	}
	return s, nil
}

// buildInvite makes the INVITE for the present target, with the next CSeq.
func (s *Session) buildInvite() error {
	o := s.out
	o.seq++
	req := s.ua.begin(message.INVITE, o.target)
	s.ua.identify(req, parties{local: s.local, localTag: string(s.localTag), remote: s.remote, callID: s.callID, seq: o.seq})
	s.ua.preload(req, s.account)
	message.Add(req, "Contact", s.ua.contact(s.account, o.opts.Flow))
	s.ua.sign(req)
	s.askTimer(req)
	if r := o.opts.Replaces; r != nil {
		message.Add(req, "Replaces", r.String())
		message.Add(req, "Require", "replaces")
	}
	if o.opts.ReferredBy != "" {
		if err := addHeaders(req, []Header{{Name: "Referred-By", Value: o.opts.ReferredBy}}); err != nil {
			return err
		}
	}
	if err := addHeaders(req, o.opts.Headers); err != nil {
		return err
	}
	if o.opts.Offer != nil {
		message.SetBody(req, typeSDP, o.opts.Offer)
	} else {
		message.SetBody(req, "", nil)
	}
	s.invite = req
	return nil
}

// sendInvite hands the INVITE to an exchange, which resolves, fails over and
// answers challenges.
func (s *Session) sendInvite() {
	o := s.out
	h := hop{uri: s.ua.firstHop(s.invite, s.account), flow: o.opts.Flow}
	var e *exchange
	e = s.ua.start(exchangeOptions{account: s.account, req: s.invite, hop: h,
		seq: func() uint32 { o.seq++; return o.seq }, contact: s.contact, replyTo: replyTo{
			sent: func(req *message.Request) { s.invite = req },
			response: func(res *message.Response, flow Flow) {
				s.guarded("INVITE response", func() { s.inviteResponse(e, res, flow) })
			},
			failed: func(err error) {
				s.guarded("INVITE failure", func() {
					if o.exchange == e {
						s.happen(onFailure, &happening{err: err})
					}
				})
			}}})
	o.exchange = e
}

// inviteResponse sorts a response to our INVITE into what the table knows; e is nil when
// it was answered.
func (s *Session) inviteResponse(e *exchange, res *message.Response, flow Flow) {
	h := &happening{res: res, flow: flow, code: res.StatusCode, reason: res.Reason}
	code, current := res.StatusCode, e != nil && s.out.exchange == e
	switch {
	case code >= 200 && code < 300:
		if message.ToTag(res) != "" { // RFC 3261 12.1: without a tag there is no dialog
			s.happen(onAccept, h)
		}
	case !current: // a branch that we left behind on a redirect
	case code < 200 && (code == 100 || message.ToTag(res) == ""):
		s.happen(onTrying, h)
	case code < 200:
		s.happen(onEarly, h)
	case code == 422 && s.phase != phaseCancelling && s.retryLonger(res):
	case code >= 300 && code < 400 && s.phase != phaseCancelling && s.redirected(res):
	default:
		s.happen(onRefuse, h)
	}
}

// retryLonger calls again with the interval that a 422 asks for (RFC 4028 7.3):
// once for each rising Min-SE, three times at most.
func (s *Session) retryLonger(res *message.Response) bool {
	if s.out.retries >= 3 || !s.raiseInterval(res) {
		return false
	}
	s.out.retries++
	if s.buildInvite() != nil {
		return false
	}
	s.sendInvite()
	return true
}

// tellProgress takes a provisional response: it keeps forks apart, acknowledges
// reliable ones in order (RFC 3262 4) and tells the handler.
func (s *Session) tellProgress(h *happening) {
	if h.code == 100 {
		return
	}
	e := Progressed{Code: h.code, Reason: h.reason, Fork: message.ToTag(h.res)}
	sdp := sdpOf(h.res)
	e.SDP = sdp
	if e.Fork == "" {
		s.emit(e)
		return
	}
	f := s.fork(h.res, h.flow)
	if f == nil || f.gone {
		return
	}
	if requires(h.res, "100rel") {
		if !s.inSequence(f, h.res) {
			return
		}
		e.Reliable = true
	}
	f.dialog.learn(h.res, h.flow)
	s.dialog = f.dialog
	s.learnIdentity(h.res, h.flow)
	if sdp != nil && s.out.opts.Offer == nil && e.Reliable && s.negotiate(receiveOffer, sdp) {
		f.prack = h.res // their offer: the PRACK carries our answer
		s.emit(e)
		return
	}
	if sdp != nil && !f.reliable && s.out.opts.Offer != nil {
		f.answer = sdp
		if e.Reliable {
			f.reliable = true
			s.negotiate(receiveAnswer, sdp)
		}
	}
	if sdp != nil {
		s.out.told = nil
	}
	if sdp != nil && f.reliable {
		s.out.told = f
	}
	if e.Reliable {
		s.sendPrack(f, h.res, nil)
	}
	s.emit(e)
}

// takeAnswer keeps the fork of the first 2xx and acknowledges it
// (RFC 3261 13.2.2.4).
func (s *Session) takeAnswer(h *happening) {
	offered := s.out.opts.Offer != nil
	f := s.winner(h)
	s.keep(f, h)
	sdp := sdpOf(h.res)
	e := Answered{Fork: string(f.dialog.remoteTag)}
	switch {
	case s.oa.phase == offerReceived: // offered in a reliable 1xx that was never answered
		s.acknowledge(f, nil)
		s.abandon(CauseFailed, "the answer to the early offer is missing")
		return
	case !offered && !s.oa.heard:
		if sdp == nil || !s.negotiate(receiveOffer, sdp) {
			s.acknowledge(f, nil)
			s.abandon(CauseNotAcceptable, "no session description in the answer")
			return
		}
		f.unacked = h.res
		e.SDP, e.Late = sdp, true
	default:
		if sdp != nil && !f.reliable {
			f.answer = sdp
		}
		s.acknowledge(f, nil)
		if f.answer == nil && offered {
			s.abandon(CauseNotAcceptable, "no session description in the answer")
			return
		}
		s.negotiate(receiveAnswer, f.answer)
		if s.out.told != f { // else it stands, or an UPDATE has changed it since
			e.SDP = f.answer
		}
		f.answer = nil // it is a part of the whole datagram
	}
	s.emit(e)
}

// endRefused ends the call with the far end's final response.
func (s *Session) endRefused(h *happening) {
	cause := causeOf(h.code, h.reason, true)
	cause.Text = message.Value(h.res, "Reason")
	s.finish(cause)
	s.close(nil)
}

// endFailed ends a call that nobody answered for, or that could not be sent. One that
// rang when its connection broke would ring on: it is taken back as soon as there is a way.
func (s *Session) endFailed(h *happening) {
	if e := s.out.exchange; e != nil && e.client != nil && errors.Is(h.err, transaction.ErrTransport) {
		s.ua.withdraw(e.client, s.ua.loop.Now().Add(withdrawFor))
	}
	s.finish(causeOfError(h.err))
	s.close(nil)
}

// withdrawFor is how long it is tried to take a call back whose connection broke: by
// then a proxy has given it up itself (timer C, RFC 3261 16.6).
const withdrawFor = 3 * time.Minute

func (u *UA) withdraw(c *transaction.Client, last time.Time) {
	again := func(err error) {
		if err != nil && u.loop.Now().Add(byeAgain).Before(last) && !u.closed.Load() {
			u.loop.After(byeAgain, func() { u.withdraw(c, last) })
		}
	}
	c.Withdraw(again, reasonHeaders(ReasonHeader{Protocol: "SIP", Cause: 487, Text: "the caller's connection broke"})...)
}

// endCancelled ends a call that we hung up before an answer.
func (s *Session) endCancelled(*happening) {
	s.finish(s.hangupCause())
	s.close(nil)
}

// sendCancel asks the far end to forget our INVITE; the transaction waits for a
// 1xx where none came (RFC 3261 9.1).
func (s *Session) sendCancel(h *happening) {
	s.out.timeout.Stop()
	if s.out.exchange != nil { // none is out while the handler thinks about a 3xx
		s.out.exchange.cancel(reasonHeaders(h.because))
	}
	s.out.impatience = s.ua.loop.After(s.ua.cfg.T2, func() { s.finish(s.hangupCause()) })
}

// hangupCause is the cause of a call that we gave up.
func (s *Session) hangupCause() Cause {
	if s.cause.Kind != "" {
		return s.cause
	}
	return Cause{Kind: CauseCancelled}
}

// noAnswer gives up a call whose ring time is over.
func (s *Session) noAnswer() {
	s.cause = Cause{Kind: CauseNoAnswer}
	_ = s.Hangup(ReasonHeader{Protocol: "SIP", Cause: 408, Text: "No answer"})
}
