package load

import (
	"strconv"
	"time"

	"ringback/sip"
	"ringback/sip/loop"
)

// door takes the calls that come to the users of one seat.
type door struct {
	shard *shard
	seat  *seat
}

// Requested implements sip.Handler: users take calls, and nothing else.
func (d *door) Requested(r *sip.IncomingRequest) { _ = r.Respond(480, "", nil, "", nil) }

// Invited implements sip.Handler.
func (d *door) Invited(session *sip.Session) {
	s := d.shard
	if s.ending {
		s.forget(session.ID())
		_ = session.Reject(480, "")
		return
	}
	g := &guest{shard: s, seat: d.seat, session: session, came: s.loop.Now()}
	s.guests[g] = struct{}{}
	s.tally.inbound++
	session.Handle(g)
	next := s.plan.Answer.takes().next(s.rng.Float64())
	if next.code > 0 {
		s.tally.turnedAway++
		g.refuse(next.code, CallRefused, strconv.Itoa(next.code))
		return
	}
	_ = session.Ring()
	switch {
	case next.never:
	case next.after == 0:
		g.answer()
	default:
		due := g.came.Add(next.after)
		g.timer = s.loop.After(next.after, func() {
			record(s.tally.late, s.loop.Now().Sub(due))
			g.answer()
		})
	}
}

// guest is a call that came to one of the users. Loop goroutine.
type guest struct {
	shard   *shard
	seat    *seat
	session *sip.Session
	heard   heard
	came    time.Time
	at      time.Time // of the answer; zero: it is not answered
	ours    bool      // we hung up
	timer   *loop.Timer
}

func (g *guest) answer() {
	s := g.shard
	body, err := g.heard.body(s.speaker, g.seat, g.session.Offer())
	if err != nil {
		cause := "488 " + err.Error()
		s.tally.inboundFails(cause)
		g.refuse(488, CallFailed, cause)
		return
	}
	if g.session.Answer(body) != nil {
		return // cancelled: Ended follows
	}
	g.at = s.loop.Now()
	s.tally.taken++
	if talk := s.plan.Answer.Talk; talk.Mean > 0 {
		g.timer = s.loop.After(talk.draw(s.rng), g.hangUp)
	}
}

// refuse tells the caller and takes the call off.
func (g *guest) refuse(code int, outcome, cause string) {
	g.tell(outcome, cause, nil)
	g.leaves()
	_ = g.session.Reject(code, "")
}

// hangUp ends the call: before its answer the caller hears that nobody is there.
func (g *guest) hangUp() {
	g.ours = true
	if g.at.IsZero() {
		_ = g.session.Reject(480, "") // Ended follows
		return
	}
	_ = g.session.Hangup(sip.ReasonHeader{}) // and here
}

// SessionEvent implements sip.SessionHandler.
func (g *guest) SessionEvent(s *sip.Session, e sip.Event) {
	switch e := e.(type) {
	case sip.Confirmed:
		if e.SDP != nil && g.heard.voice != nil && g.heard.voice.session.AcceptAnswer(e.SDP, false) != nil {
			g.hangUp()
		}
	case sip.OfferReceived:
		body, err := g.heard.body(g.shard.speaker, g.seat, e.SDP)
		if err != nil {
			_ = s.RefuseOffer(488)
			return
		}
		_ = s.AnswerOffer(body)
	case sip.ReferReceived:
		_ = e.Refer.Refuse(603)
	case sip.Ended:
		g.ended(e.Cause)
	}
}

// ended counts what became of the call.
func (g *guest) ended(cause sip.Cause) {
	s := g.shard
	if _, here := s.guests[g]; !here {
		return
	}
	var media *CallMedia
	if v := g.heard.voice; v != nil {
		if st := v.session.Stats(); !g.at.IsZero() && (st.RxPackets > 0 || s.loop.Now().Sub(g.at) >= soon) {
			s.tally.hears(st)
			media = callMedia(st)
		}
	}
	switch {
	case g.ours && s.ending:
		g.tell(CallCut, "", media)
	case g.at.IsZero():
		s.tally.missed++
		g.tell(CallMissed, causeText(cause), media)
	case cause.Kind == sip.CauseCompleted:
		g.tell(CallDone, "", media)
	default:
		s.tally.inboundFails(causeText(cause))
		g.tell(CallFailed, causeText(cause), media)
	}
	g.leaves()
}

// tell hands over what became of the call. Times count from when it came.
func (g *guest) tell(outcome, cause string, media *CallMedia) {
	s := g.shard
	if !s.tell.wanted() {
		return
	}
	now := s.loop.Now()
	r := CallResult{Schema: callSchema, Generator: s.tell.generator, Inbound: true, Due: g.came, Ended: now, From: g.session.Remote().URI.String(), To: g.session.Local().URI.User,
		SIPCallID: string(g.session.ID()), ladder: s.ladders[g.session.ID()], Outcome: outcome, Cause: cause, Media: media}
	if !g.at.IsZero() {
		r.AnswerMS, r.Talk = millisOf(g.at.Sub(g.came)), now.Sub(g.at).Seconds()
	}
	s.tells(r)
}

// leaves takes the call off.
func (g *guest) leaves() {
	g.timer.Stop()
	g.heard.close()
	delete(g.shard.guests, g)
	g.shard.forget(g.session.ID())
	g.shard.tellIdle()
}
