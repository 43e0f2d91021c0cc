package sip

import (
	"testing"
	"time"
)

func TestConformance_O01_LateOfferAsCallee(t *testing.T) {
	t.Run("answered in the ACK", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(s *Session) {
				if s.Offer() != nil {
					t.Errorf("offer %q", s.Offer())
				}
				_ = s.Answer([]byte("our offer"))
			}
			p.invite()
			if got := string(p.response(200).Body()); got != "our offer" {
				t.Errorf("body %q", got)
			}
			p.ack("", "their answer")
			b.pass(time.Second)
			a.saw("invited", "confirmed their answer")
		})
	})
	t.Run("no answer in the ACK: BYE", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(s *Session) { _ = s.Answer([]byte("our offer")) }
			p.invite()
			p.response(200)
			p.ack()
			p.reply(p.request("BYE"), 200)
			b.pass(time.Second)
			a.saw("invited", "ended not-acceptable 0")
			a.empty()
		})
	})
}

func TestConformance_O02_LateOfferInAReinvite(t *testing.T) {
	t.Run("theirs", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			p.answered(a)
			a.on = func(s *Session, e Event) {
				if o, ok := e.(OfferReceived); ok && o.Late {
					_ = s.AnswerOffer([]byte("full offer"))
				}
			}
			p.ask("INVITE")
			if got := string(p.response(200).Body()); got != "full offer" {
				t.Errorf("body %q", got)
			}
			p.ack("", "their answer")
			b.pass(time.Second)
			a.saw("invited", "confirmed", "offer INVITE", "answer their answer")
		})
	})
	t.Run("ours", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			acceptOffers(a)
			s := p.answers(a)
			a.must(func() error { return s.Reinvite(nil) })
			p.reply(p.request("INVITE"), 200, "", "their offer")
			if got := string(p.request("ACK").Body()); got != "answer to their offer" {
				t.Errorf("ACK body %q", got)
			}
		})
	})
	t.Run("our call", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := a.invite("sip:peer@"+pbxIP, func(o *InviteOptions) { o.Offer = nil })
			inv := p.request("INVITE")
			p.reply(inv, 200, "", "their offer")
			p.reply(inv, 200, "", "their offer")
			p.silent(time.Second) // the ACK waits for the answer
			a.must(func() error { return s.AnswerOffer([]byte("our answer")) })
			if got := string(p.request("ACK").Body()); got != "our answer" {
				t.Errorf("ACK body %q", got)
			}
			a.saw("answered their offer")
		})
	})
}

func TestConformance_O16_AnswerThatIsNone(t *testing.T) {
	t.Run("200 without SDP", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invite("sip:peer@" + pbxIP)
			p.reply(p.request("INVITE"), 200)
			p.request("ACK")
			p.reply(p.request("BYE"), 200)
			b.pass(time.Second)
			a.saw("ended not-acceptable 0")
			a.empty()
		})
	})
	t.Run("the handler cannot use it", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.on = func(s *Session, e Event) {
				if _, ok := e.(Answered); ok {
					_ = s.Hangup(ReasonHeader{Protocol: "SIP", Cause: 488})
				}
			}
			a.invite("sip:peer@" + pbxIP)
			p.reply(p.request("INVITE"), 200, "", "G.729 only")
			p.request("ACK")
			p.reply(p.request("BYE"), 200)
			b.pass(time.Second)
			a.empty()
		})
	})
}

func TestConformance_O17_EarlySDPThenAnother(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		p.reply(inv, 183, "", "a")
		p.reply(inv, 200, "", "b")
		p.request("ACK")
		a.saw("progressed 183 a", "answered b")
		a.invite("sip:peer@" + pbxIP)
		inv = p.request("INVITE")
		p.reply(inv, 183, "Require: 100rel", "RSeq: 9", "", "a")
		p.reply(p.request("PRACK"), 200)
		p.reply(inv, 200, "", "b")
		p.request("ACK")
		a.saw("progressed 183 a", "answered") // the reliable answer stands
	})
}

func TestConformance_O17_TwoForksAnswerReliably(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		p.write(p.replyText(inv, 183, "one", "Require: 100rel", "RSeq: 9", "", "a"))
		p.reply(p.request("PRACK"), 200)
		p.write(p.replyText(inv, 183, "two", "Require: 100rel", "RSeq: 4", "", "b"))
		p.reply(p.request("PRACK"), 200)
		p.write(p.replyText(inv, 200, "one"))
		p.request("ACK")
		a.saw("progressed 183 a", "progressed 183 b", "answered a") // b was the last that was told
	})
}

func TestConformance_O19_MultipartBody(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Ring() }
		p.invite("X-Type: multipart/mixed;boundary=xx", "", "--xx", "Content-Type: application/sdp", "", "the offer",
			"--xx", "Content-Type: application/json", "", `{"name":"山田"}`, "--xx--", "")
		p.response(180)
		s := a.session()
		if string(s.Offer()) != "the offer" || len(s.Parts()) != 2 || string(s.Parts()[1].Body) != `{"name":"山田"}` {
			t.Errorf("offer %q, parts %v", s.Offer(), s.Parts())
		}
	})
}
