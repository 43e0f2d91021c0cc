package sip

import (
	"fmt"
	"testing"
	"time"

	"ringback/sip/message"
)

func TestConformance_D01_CSeqLowerThanSeen(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answered(a)
		p.seq = 10
		p.ask("INFO")
		p.response(200)
		p.seq = 4
		p.ask("BYE")
		p.response(500)
		if s.State() != StateConfirmed {
			t.Errorf("state %s", s.State())
		}
		p.seq = 11
		p.ask("BYE")
		p.response(200)
	})
}

func TestConformance_D05_RefusedReinviteLeavesTheSession(t *testing.T) {
	for _, code := range []int{488, 500, 606} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				s := p.answers(a)
				a.must(func() error { return s.Reinvite([]byte("hold")) })
				p.reply(p.request("INVITE"), code)
				p.request("ACK")
				b.pass(time.Minute)
				a.saw("answered answer", fmt.Sprintf("refused %d", code))
				if s.State() != StateConfirmed {
					t.Errorf("state %s", s.State())
				}
				a.must(func() error { return s.Reinvite([]byte("again")) })
				p.request("INVITE")
			})
		})
	}
}

func TestConformance_D06_AnswersThatEndTheDialog(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		for _, code := range []int{481, 408, 0} {
			t.Run(fmt.Sprint(method, code), func(t *testing.T) {
				story(t, func(b *bed) {
					a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
					s := p.answers(a)
					a.must(func() error {
						if method == "UPDATE" {
							return s.Update([]byte("hold"))
						}
						return s.Reinvite([]byte("hold"))
					})
					req := p.request(method)
					if code != 0 {
						p.reply(req, code)
						if method == "INVITE" {
							p.request("ACK")
						}
						p.reply(p.request("BYE"), 481)
					} else {
						b.pass(33 * time.Second)
						p.drain()
					}
					b.pass(time.Minute)
					if got := a.events[len(a.events)-1]; got != "ended network 481" && got != "ended network 408" && got != "ended timed-out 408" {
						t.Errorf("last event %s", got)
					}
					a.empty()
				})
			})
		}
	}
}

func TestConformance_D07_TargetRefresh(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		moved := b.peer("10.0.0.7")
		acceptOffers(a)
		s := p.answered(a)
		p.ask("INVITE", "Contact: <sip:moved@10.0.0.7:5060>", "", "offer")
		p.response(200)
		p.ack("Contact: <sip:wrong@10.0.0.8>")
		b.pass(time.Second)
		a.must(func() error { return s.Info("application/dtmf", []byte("1"), nil) })
		info := moved.request("INFO")
		if got := message.RequestURI(info).String(); got != "sip:moved@10.0.0.7:5060" {
			t.Errorf("Request-URI %s", got)
		}
		moved.reply(info, 200)
		p.ask("UPDATE", "Contact: <sip:back@"+pbxIP+":5060>")
		p.response(200)
		a.must(func() error { return s.Hangup(ReasonHeader{}) })
		p.reply(p.request("BYE"), 200)
	})
}

func TestConformance_D08_ByeRules(t *testing.T) {
	t.Run("in an early dialog", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(s *Session) { _ = s.Ring() }
			inv := p.invite("", "offer")
			p.response(180)
			p.ask("BYE")
			p.response(200)
			p.ackRefusal(inv, p.response(487))
			a.saw("invited", "ended cancelled 487")
			a.empty()
		})
	})
	t.Run("with a re-INVITE pending", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			p.answered(a)
			p.ask("INVITE", "", "hold")
			p.response(100)
			p.ask("BYE")
			p.response(487)
			p.response(200)
			a.saw("invited", "confirmed", "offer INVITE hold", "ended completed 0")
		})
	})
	t.Run("twice", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			p.answered(a)
			p.ask("BYE")
			p.response(200)
			p.ask("BYE")
			p.response(481)
			a.empty()
		})
	})
}

func TestConformance_D08_ByeEndsTheCallInEveryCase(t *testing.T) {
	t.Run("answered 100 first", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a)
			a.must(func() error { return s.Hangup(ReasonHeader{}) })
			bye := p.request("BYE")
			p.reply(bye, 100)
			b.pass(time.Second)
			p.reply(bye, 200)
			b.pass(time.Minute)
			a.empty()
		})
	})
	t.Run("lost", func(t *testing.T) { // T02: BYE time-out still ends the call locally
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a)
			b.net.Partition(agentIP, pbxIP, true)
			a.must(func() error { return s.Hangup(ReasonHeader{}) })
			a.saw("answered answer", "ended completed 0")
			b.pass(33 * time.Second)
			a.empty()
		})
	})
	t.Run("from both sides at once", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a)
			a.must(func() error { return s.Hangup(ReasonHeader{}) })
			theirs := p.ask("BYE")
			ours := p.request("BYE")
			if seqOf(p.response(200)) != seqOf(theirs) {
				t.Error("wrong BYE answered")
			}
			p.reply(ours, 200)
			b.pass(time.Second)
			a.saw("answered answer", "ended completed 0")
			a.empty()
		})
	})
}

func TestConformance_D09_NoByeBeforeTheAck(t *testing.T) {
	t.Run("ACK comes", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(s *Session) {
				_ = s.Answer([]byte("answer"))
				_ = s.Hangup(ReasonHeader{Protocol: "Q.850", Cause: 16})
			}
			p.invite("", "offer")
			p.response(200)
			p.silent(400 * time.Millisecond)
			p.ack()
			bye := p.request("BYE")
			if message.Value(bye, "Reason") != "Q.850;cause=16" {
				t.Errorf("Reason: %s", message.Value(bye, "Reason"))
			}
			p.reply(bye, 200)
			p.ack() // RFC 5407: an ACK behind the BYE does no harm
			b.pass(time.Second)
			a.saw("invited", "ended completed 0")
			a.empty()
		})
	})
	t.Run("ACK never comes", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(s *Session) {
				_ = s.Answer([]byte("answer"))
				_ = s.Hangup(ReasonHeader{})
			}
			begin := time.Now()
			p.invite("", "offer")
			for {
				m := p.next(40 * time.Second)
				if req, ok := m.msg.(*message.Request); ok {
					if d := time.Since(begin).Round(time.Second); d != 32*time.Second {
						t.Errorf("BYE after %v", d)
					}
					p.reply(req, 200)
					break
				}
			}
			b.pass(time.Second)
			a.empty()
		})
	})
}

func TestConformance_D10_ReinviteAfterBye(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answers(a)
		a.must(func() error { return s.Hangup(ReasonHeader{}) })
		p.ask("INVITE", "", "offer")
		p.request("BYE")
		p.response(481)
		a.saw("answered answer", "ended completed 0")
	})
}

func TestConformance_D11_Update(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answered(a)
		p.ask("UPDATE")
		p.response(200)
		p.ask("UPDATE", "", "first") // the handler lets it wait
		p.ask("UPDATE", "", "second")
		if res := p.response(500); !message.Has(res, "Retry-After") {
			t.Error("no Retry-After")
		}
		a.must(func() error { return s.AnswerOffer([]byte("answer")) })
		p.response(200)
		a.must(func() error { return s.Update([]byte("ours")) })
		ours := p.request("UPDATE")
		p.ask("UPDATE", "", "crossing")
		p.response(491)
		p.reply(ours, 200, "", "their answer")
		b.pass(time.Second)
		a.saw("invited", "confirmed", "offer UPDATE first", "answer their answer")
	})
}

func TestConformance_D12_Info(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.answered(a)
		p.ask("INFO", "Info-Package: x", "X-Type: text/plain", "", "body")
		if !message.Has(p.response(469), "Recv-Info") {
			t.Error("no Recv-Info")
		}
		p.ask("INFO")
		p.response(200)
		p.ask("INFO", "X-Type: application/dtmf-relay", "", "Signal=5", "Duration=160")
		p.response(200)
		p.ask("INFO", "X-Type: application/x-odd", "", "x")
		p.response(415)
		a.saw("invited", "confirmed", "info Signal=5\r\nDuration=160")
	})
}

func TestConformance_D13_AnsweredElsewhere(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Ring() }
		inv := p.invite("", "offer")
		p.response(180)
		p.cancel(inv, `Reason: SIP;cause=200;text="Call completed elsewhere"`)
		p.response(200)
		p.response(487)
		a.saw("invited", "ended answered-elsewhere 487")
		e := a.last[len(a.last)-1].(Ended)
		if !e.Cause.ByRemote || e.Cause.Text == "" {
			t.Errorf("cause %+v", e.Cause)
		}
	})
}

func TestConformance_D14_APanicEndsOneCallOnly(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		good := p.answered(a)
		q := b.peer(pbxIP + "1") // 10.0.0.11
		a.do(func() { a.UA.peers.learn(a.account, hostAddr(uri("sip:10.0.0.11"))) })
		bad := q.answered(a)
		a.on = func(s *Session, e Event) {
			if s == bad {
				panic("on purpose")
			}
		}
		q.ask("INFO", "X-Type: application/dtmf", "", "1")
		q.response(200)
		q.reply(q.request("BYE"), 200)
		p.ask("INFO", "X-Type: application/dtmf", "", "2")
		p.response(200)
		b.pass(time.Second)
		a.do(func() {
			if good.State() != StateConfirmed || bad.State() != StateTerminated || a.UA.Counters()["sip.panics"] == 0 {
				t.Errorf("good %s, bad %s, counters %v", good.State(), bad.State(), a.UA.Counters())
			}
		})
	})
	t.Run("in Invited: 500", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(*Session) { panic("on purpose") }
			p.invite("", "offer")
			p.response(500)
			a.empty()
		})
	})
	t.Run("in an offer: 500 to it", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			p.answered(a)
			a.on = func(_ *Session, e Event) {
				if _, ok := e.(OfferReceived); ok {
					panic("on purpose")
				}
			}
			p.ask("INVITE", "", "offer")
			p.response(500)
			p.reply(p.request("BYE"), 200)
		})
	})
}
