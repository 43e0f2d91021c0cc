package lab

import (
	"ringback/dtmf"
	"ringback/media"
	"ringback/media/sdp"
	"ringback/sip"
)

// SessionEvent carries what the agent's phone does to the leg's watcher.
func (g *leg) SessionEvent(s *sip.Session, e sip.Event) {
	switch e := e.(type) {
	case sip.Progressed:
		g.progressed(e)
	case sip.Answered:
		g.answered(s, e)
	case sip.Confirmed:
		g.confirmed(e.SDP)
	case sip.OfferReceived:
		g.offered(s, e)
	case sip.AnswerReceived:
		g.confirmed(e.SDP)
	case sip.OfferRefused:
		g.media.RollbackOffer()
		if e.Overtaken {
			g.overtaken()
		}
	case sip.ReferReceived:
		g.watcher.refers(g, e.Refer)
	case sip.InfoReceived:
		if info, err := dtmf.ParseInfo(e.ContentType, e.Body); err == nil {
			g.watcher.digit(g, info.Digit.String())
		}
	case sip.Ended:
		g.ended(e.Cause)
	}
}

func (g *leg) progressed(e sip.Progressed) {
	if g.over {
		return
	}
	if e.SDP != nil {
		g.note("take early answer", g.media.AcceptAnswer(e.SDP, true))
		g.watcher.speaks(g)
		return
	}
	if e.Code == 180 || e.Code == 183 {
		g.watcher.rings(g)
	}
}

func (g *leg) answered(s *sip.Session, e sip.Answered) {
	if g.over {
		return
	}
	var err error
	if e.Late {
		var answer []byte
		if answer, err = g.media.AcceptOffer(e.SDP, sdp.SendRecv); err == nil {
			err = s.AnswerOffer(answer)
		}
	} else if len(e.SDP) > 0 {
		err = g.media.AcceptAnswer(e.SDP, false)
	} else {
		g.media.RollbackOffer() // closed: what was said reliably before stands
	}
	if err != nil {
		g.note("take answer", err)
		g.leave(sip.Cause{Kind: sip.CauseNotAcceptable, Code: 488, Reason: "Not Acceptable Here"})
		return
	}
	g.up = true
	g.watcher.answers(g)
	g.tellHold()
}

// confirmed takes the answer to an offer of ours.
func (g *leg) confirmed(answer []byte) {
	if answer == nil || g.over {
		return
	}
	g.note("take answer", g.media.AcceptAnswer(answer, false))
	g.tellHold()
}

func (g *leg) offered(s *sip.Session, e sip.OfferReceived) {
	if e.Late {
		offer, err := g.media.CreateOffer(g.form.direction())
		if err == nil {
			err = s.AnswerOffer(offer)
		}
		g.note("offer late", err)
		return
	}
	answer, err := g.media.AcceptOffer(e.SDP, g.form.direction())
	if err != nil {
		g.note("accept offer", err)
		g.note("refuse offer", s.RefuseOffer(488))
		return
	}
	g.note("answer offer", s.AnswerOffer(answer))
	g.tellHold()
}

// tellHold tells when the far end's direction changed between speaking with us
// and not listening to us.
func (g *leg) tellHold() {
	if g.over || g.watcher == nil {
		return
	}
	g.watcher.holds(g, g.media.HeldByRemote())
}

func (g *leg) mediaEvent(e media.Event) {
	if d, ok := e.(media.DigitReceived); ok && !g.over && g.watcher != nil {
		g.watcher.digit(g, d.Digit.String())
	}
}

func (g *leg) ended(cause sip.Cause) {
	told := g.over
	g.over = true
	g.release()
	if !told && g.watcher != nil {
		g.watcher.leaves(g, cause)
	}
}
