package load

import (
	"fmt"
	"net/netip"
	"time"

	"ringback/media/sdp"
	"ringback/sip"
	"ringback/sip/loop"
)

// soon is how short a call may be without being called silent: the first packet may
// not have come.
const soon = time.Second

// call is one call of a phone. Loop goroutine.
type call struct {
	shard   *shard
	counted []*tally // where it counts: in all, and in its step
	arrival time.Time
	from    *sip.Account
	seat    *seat
	to      *sip.URI      // of the shard, or this call's own
	row     vars          // of the plan's data
	late    time.Duration // we were, with its beginning
	sign    time.Time     // when it rang
	talk    time.Duration
	session *sip.Session
	voice   *voice // nil: signalling only
	rang    bool
	up      bool
	answer  time.Time
	ours    bool // we hung up
	bye     *loop.Timer
	after   func() // told at its end
}

// begin starts the call that was due at arrival, in a step of the plan; after, which may
// be nil, is told at its end.
func (s *shard) begin(arrival time.Time, step int, after func()) {
	if s.ending {
		return
	}
	p := s.nextCaller()
	late := s.loop.Now().Sub(arrival)
	c := &call{shard: s, counted: s.counts(step), arrival: arrival, from: p.account, seat: p.seat, late: late, after: after, talk: s.plan.Calls.Talk.draw(s.rng)}
	for _, t := range c.counted {
		record(t.late, late)
		t.began++
	}
	s.calls[c] = struct{}{}
	err := s.aims(c, p)
	var offer []byte
	if err == nil {
		offer, err = c.offer()
	}
	if err == nil {
		c.session, err = p.seat.ua.Invite(sip.InviteOptions{Account: p.account, To: *c.to, Offer: offer, Timeout: s.plan.Calls.Ring, Headers: s.headers(c, p)}, c)
	}
	if err == nil && s.ladders != nil {
		s.ladders[c.session.ID()] = &callLadder{} // its messages come behind this, by the loop
	}
	if err != nil {
		c.end(sip.Cause{Kind: sip.CauseFailed, Reason: err.Error()})
	}
}

// nextCaller is the phone whose turn it is; one that is away is passed over, unless all
// are.
func (s *shard) nextCaller() *phone {
	for range s.phones {
		s.caller++
		if p := s.phones[(s.caller-1)%len(s.phones)]; !p.away {
			return p
		}
	}
	return s.phones[s.caller%len(s.phones)]
}

// aims fills in whom a call is for, with the next row of the plan's data.
func (s *shard) aims(c *call, p *phone) error {
	to := &s.to[s.callee%len(s.to)]
	if len(s.rows) > 0 {
		c.row = s.rows[s.callee%len(s.rows)]
	}
	s.callee++
	c.to = &to.uri
	if to.text == "" {
		return nil
	}
	uri, err := sip.ParseURI(in(to.text, c.row, p.row))
	if err != nil {
		return fmt.Errorf("calls.to %s: the data make no SIP URI of it", to.text)
	}
	c.to = &uri
	return nil
}

// headers are the plan's own.
func (s *shard) headers(c *call, p *phone) []sip.Header {
	all := make([]sip.Header, 0, len(s.plan.Calls.Headers))
	for _, name := range s.headerNames {
		all = append(all, sip.Header{Name: name, Value: in(s.plan.Calls.Headers[name], c.row, p.row)})
	}
	return all
}

func (c *call) offer() ([]byte, error) {
	s := c.shard
	if s.engine == nil {
		return c.seat.inactive, nil
	}
	var err error
	if c.voice, err = newVoice(s.engine, c.seat.ip, s.sound, s.plan.Calls.Media); err != nil {
		return nil, err
	}
	return c.voice.session.CreateOffer(sdp.SendRecv)
}

// inactiveSDP is the SDP of a call that is signalling only: an audio line through which
// nobody sends (RFC 3264 5.1).
func inactiveSDP(ip netip.Addr) []byte {
	family, addr := "IP4", ip.Unmap()
	if addr.Is6() {
		family = "IP6"
	}
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=inactive\r\n", family, addr, family, addr)
}

// SessionEvent implements sip.SessionHandler.
func (c *call) SessionEvent(s *sip.Session, e sip.Event) {
	switch e := e.(type) {
	case sip.Progressed:
		c.rings()
		if e.SDP != nil && c.voice != nil {
			_ = c.voice.session.AcceptAnswer(e.SDP, true) // what the answer says counts
		}
	case sip.Answered:
		c.answered(e)
	case sip.OfferReceived:
		c.offered(s, e)
	case sip.Ended:
		c.end(e.Cause)
	}
}

// rings counts the first sign of the far end.
func (c *call) rings() {
	if !c.rang {
		c.rang, c.sign = true, c.shard.loop.Now()
		for _, t := range c.counted {
			record(t.setup, c.sign.Sub(c.arrival))
		}
	}
}

func (c *call) answered(e sip.Answered) {
	c.rings()
	c.up, c.answer = true, c.shard.loop.Now()
	for _, t := range c.counted {
		record(t.answer, c.answer.Sub(c.arrival))
		t.answered++
	}
	if c.voice != nil && !e.Late && e.SDP != nil {
		if err := c.voice.session.AcceptAnswer(e.SDP, false); err != nil {
			c.hangUp()
			return
		}
	}
	if c.shard.ending {
		c.hangUp()
		return
	}
	c.bye = c.shard.loop.After(c.talk, c.hangUp)
}

// offered answers what the PBX offers anew within the call.
func (c *call) offered(s *sip.Session, e sip.OfferReceived) {
	if c.voice == nil {
		_ = s.AnswerOffer(c.seat.inactive) // fails only when the call has ended
		return
	}
	var answer []byte
	var err error
	if e.Late {
		answer, err = c.voice.session.CreateOffer(sdp.SendRecv)
	} else {
		answer, err = c.voice.session.AcceptOffer(e.SDP, sdp.SendRecv)
	}
	if err != nil {
		_ = s.RefuseOffer(488)
		return
	}
	_ = s.AnswerOffer(answer)
}

func (c *call) hangUp() {
	c.ours = true
	if c.session != nil {
		_ = c.session.Hangup(sip.ReasonHeader{}) // Ended follows
	}
}

func (c *call) end(cause sip.Cause) {
	s := c.shard
	if _, open := s.calls[c]; !open {
		return
	}
	if c.bye != nil {
		c.bye.Stop()
	}
	for _, t := range c.counted {
		switch {
		case !c.up && !(c.ours && s.ending): // those that the drain took away have not failed
			t.fails(cause)
		case c.up && !c.ours:
			t.dropped++
			t.causes["ended by the far end: "+causeText(cause)]++
		}
		t.ended++
	}
	var heard *CallMedia
	if c.voice != nil {
		if st := c.voice.session.Stats(); c.up && (st.RxPackets > 0 || s.loop.Now().Sub(c.answer) >= soon) {
			for _, t := range c.counted {
				t.hears(st)
			}
			heard = callMedia(st)
		}
		c.voice.close()
	}
	c.tell(cause, heard)
	s.ended(c)
	if c.after != nil {
		c.after()
	}
}
