package sip

import (
	"math/rand/v2"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
)

// reliableQueue sends reliable provisional responses one after the other, each
// until its PRACK (RFC 3262 3).
type reliableQueue struct {
	queue []*message.Response // the first is on the wire when out
	out   bool
	rseq  uint32
	timer *loop.Timer
	since time.Time
}

func (q *reliableQueue) busy() bool { return len(q.queue) > 0 }

// mustBeReliable decides for a provisional response of ours: the caller requires
// it, or supports it and the account wishes it.
func (s *Session) mustBeReliable() bool {
	wish := s.account != nil && s.account.Reliable
	return requires(s.invite, "100rel") || wish && supports(s.invite, "100rel")
}

// nextReliable puts the first waiting response on the wire: "The UAS MUST NOT send
// a second reliable provisional response until the first is acknowledged."
func (s *Session) nextReliable() {
	q := &s.in.reliable
	if q.out || len(q.queue) == 0 || s.in.final != nil {
		return
	}
	if q.rseq == 0 {
		q.rseq = rand.Uint32N(1<<30) + 1
	} else {
		q.rseq++
	}
	res := q.queue[0]
	message.Add(res, "Require", "100rel")
	message.Add(res, "RSeq", uintText(q.rseq))
	if sdp := sdpOf(res); sdp != nil {
		on := sendAnswer
		if s.oa.phase == offerNone {
			on = sendOffer
		}
		if !s.negotiate(on, sdp) {
			message.SetBody(res, "", nil) // offered already: say no more about media
		}
		s.in.answered = sdp
	}
	q.out, q.since = true, s.ua.loop.Now()
	s.in.again.Stop()
	s.repeatReliable(res, s.ua.cfg.T1)
}

// repeatReliable sends it at 0, T1, 3*T1, 7*T1 and so on; after 64*T1 without a
// PRACK the INVITE is refused (RFC 3262 3: "reject the original request with a 5xx").
func (s *Session) repeatReliable(res *message.Response, next time.Duration) {
	q := &s.in.reliable
	_ = s.in.server.Respond(res)
	left := 64*s.ua.cfg.T1 - s.ua.loop.Now().Sub(q.since)
	if left <= 0 {
		return
	}
	q.timer = s.ua.loop.After(min(next, left), func() {
		s.guarded("PRACK timer", func() {
			if s.ua.loop.Now().Sub(q.since) >= 64*s.ua.cfg.T1 {
				s.cause = Cause{Kind: CauseTimedOut, Code: 504, Reason: "no PRACK came", Err: ErrUnconfirmed}
				s.happen(askReject, &happening{code: 504})
				return
			}
			s.repeatReliable(res, 2*next)
		})
	})
}

// takePrack matches a PRACK (RFC 3262 3): 481 for one that acknowledges nothing.
func (s *Session) takePrack(r *inDialog) {
	q := s.reliable()
	rack, err := message.RAckOf(r.req)
	switch {
	case err != nil:
		r.respond(400)
		return
	case q == nil || !q.out || rack.RSeq != q.rseq || rack.CSeq.Seq != s.in.seq || rack.CSeq.Method != message.INVITE:
		r.respond(481)
		return
	}
	q.timer.Stop()
	q.out, q.queue = false, q.queue[1:]
	sdp := sdpOf(r.req)
	switch {
	case sdp != nil && s.oa.phase == offerSent:
		s.negotiate(receiveAnswer, sdp)
		r.respond(200)
		s.emit(AnswerReceived{SDP: sdp})
	case sdp != nil && s.negotiate(receiveOffer, sdp):
		s.re.server = r
		s.emit(OfferReceived{SDP: sdp, Method: "PRACK"})
	case sdp != nil:
		r.respond(488)
	default:
		r.respond(200)
	}
	s.afterPrack()
}

// afterPrack sends what waited: the next provisional response, or the answer.
func (s *Session) afterPrack() {
	if s.in.final != nil || s.re.server != nil {
		return
	}
	s.nextReliable()
	if s.in.waiting != nil && !s.in.reliable.busy() {
		h := s.in.waiting
		s.in.waiting = nil
		s.happen(askAnswer, h)
	}
}

func (s *Session) reliable() *reliableQueue {
	if s.in == nil {
		return nil
	}
	return &s.in.reliable
}

// inSequence decides whether a reliable provisional response is the next of its
// early dialog (RFC 3262 4): repeated ones and those that overtook are dropped,
// the far end sends them again.
func (s *Session) inSequence(f *fork, res *message.Response) bool {
	rseq, ok := message.RSeqOf(res)
	if !ok || f.rseq != 0 && rseq != f.rseq+1 {
		s.ua.count.add("reliable_dropped")
		return false
	}
	f.rseq = rseq
	return true
}

// sendPrack acknowledges a reliable provisional response; answer is ours where it
// carried an offer.
func (s *Session) sendPrack(f *fork, res *message.Response, answer []byte) {
	rseq, _ := message.RSeqOf(res)
	cseq, _ := message.CSeqOf(res)
	req := f.dialog.request("PRACK", 0)
	message.Add(req, "RAck", message.RAck{RSeq: rseq, CSeq: cseq}.String())
	message.SetBody(req, typeSDP, answer)
	s.inside(f.dialog, req, nil)
}
