package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

func TestConformance_E01_IntervalTooSmallAsServer(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		inv := p.invite("Supported: timer", "x: 30", "", "offer")
		res := p.response(422)
		if message.Value(res, "Min-SE") != "90" {
			t.Errorf("Min-SE: %s", message.Value(res, "Min-SE"))
		}
		p.ackRefusal(inv, res)
		a.saw()
		a.empty()
	})
}

func TestConformance_E02_IntervalTooSmallAsClient(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001", func(_ *Config, acc *Account) { acc.SessionExpires = 300 * time.Second }), b.peer(pbxIP)
		a.invite("sip:peer@" + pbxIP)
		first := p.request("INVITE")
		p.reply(first, 422, "Min-SE: 1800")
		p.request("ACK")
		second := p.request("INVITE")
		if message.Value(second, "Session-Expires") != "1800" || message.Value(second, "Min-SE") != "1800" ||
			seqOf(second) != seqOf(first)+1 || message.CallID(second) != message.CallID(first) {
			t.Errorf("second:\n%s", second)
		}
		p.reply(second, 422, "Min-SE: 1800") // the same again: no third try
		p.request("ACK")
		p.silent(time.Minute)
		a.saw("ended failed 422")
	})
}

func TestConformance_E03_RefresherChoice(t *testing.T) {
	for _, c := range []struct{ name, supported, asked, want, require string }{
		{"uac", "timer", "1800;refresher=uac", "1800;refresher=uac", "timer"},
		{"uas", "timer", "1800;refresher=uas", "1800;refresher=uas", ""},
		{"absent", "timer", "1800", "1800;refresher=uas", ""},
		{"proxy asked for a caller that cannot", "100rel", "1800", "1800;refresher=uas", ""},
		{"required", "timer\r\nRequire: timer", "1800;refresher=uac", "1800;refresher=uac", "timer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
				p.invite("Supported: "+c.supported, "Session-Expires: "+c.asked, "", "offer")
				res := p.response(200)
				if message.Value(res, "Session-Expires") != c.want || message.Value(res, "Require") != c.require {
					t.Errorf("Session-Expires %q, Require %q", message.Value(res, "Session-Expires"), message.Value(res, "Require"))
				}
			})
		})
	}
}

func TestConformance_E04_RefreshAndItsFailure(t *testing.T) {
	t.Run("we refresh by UPDATE at half time", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a, "Session-Expires: 200;refresher=uac", "Require: timer", "Allow: INVITE, UPDATE, BYE", "", "answer")
			for range 5 {
				begin := time.Now()
				up := p.request("UPDATE")
				if d := time.Since(begin).Round(time.Second); d != 100*time.Second {
					t.Errorf("refreshed after %v", d)
				}
				if message.Value(up, "Session-Expires") != "200;refresher=uac" || len(up.Body()) != 0 {
					t.Errorf("UPDATE:\n%s", up)
				}
				p.reply(up, 200, "Session-Expires: 200;refresher=uac")
			}
			if s.State() != StateConfirmed {
				t.Errorf("state %s", s.State())
			}
			p.reply(p.request("UPDATE"), 481)
			p.reply(p.request("BYE"), 200)
			b.pass(time.Second)
			a.saw("answered answer", "ended network 481")
		})
	})
	t.Run("by re-INVITE where UPDATE is not served", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			p.answers(a, "Session-Expires: 200;refresher=uac", "Allow: INVITE, BYE", "", "answer")
			for range 3 {
				re := p.request("INVITE")
				if string(re.Body()) != "offer" {
					t.Errorf("body %q", re.Body())
				}
				p.reply(re, 200, "Session-Expires: 200;refresher=uac", "", "answer")
				p.request("ACK")
			}
			a.saw("answered answer") // a refresh is nobody's news
		})
	})
}

func TestConformance_E04_PeerRefreshes(t *testing.T) {
	t.Run("the peer stops refreshing", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			p.answers(a, "Session-Expires: 90;refresher=uas", "", "answer")
			begin := time.Now()
			bye := p.request("BYE")
			if d := time.Since(begin).Round(time.Second); d != 60*time.Second { // 90 less a third
				t.Errorf("BYE after %v", d)
			}
			p.reply(bye, 200)
			b.pass(time.Second)
			a.saw("answered answer", "ended refresh-failed 0")
			a.empty()
		})
	})
	t.Run("the peer refreshes", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
			p.invite("Supported: timer", "Session-Expires: 90;refresher=uac", "", "offer")
			p.response(200)
			p.ack()
			for range 10 {
				b.pass(45 * time.Second)
				p.ask("UPDATE", "Supported: timer", "Session-Expires: 90;refresher=uac")
				if got := message.Value(p.response(200), "Session-Expires"); got != "90;refresher=uac" {
					t.Errorf("Session-Expires %q", got)
				}
			}
			p.request("BYE")
			a.saw("invited", "confirmed", "ended refresh-failed 0")
		})
	})
}

func TestConformance_E05_ReliableProvisionalAsClient(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		send := func(rseq int) {
			p.reply(inv, 183, "Require: 100rel", fmt.Sprint("RSeq: ", rseq), "", fmt.Sprint("early ", rseq))
		}
		send(1)
		prack := p.request("PRACK")
		if got := message.Value(prack, "RAck"); got != fmt.Sprintf("1 %d INVITE", seqOf(inv)) {
			t.Errorf("RAck %s", got)
		}
		p.reply(prack, 200)
		send(1)
		p.silent(100 * time.Millisecond)
		send(3)
		p.silent(100 * time.Millisecond)
		send(2)
		prack = p.request("PRACK")
		if !strings.HasPrefix(message.Value(prack, "RAck"), "2 ") {
			t.Errorf("RAck %s", message.Value(prack, "RAck"))
		}
		p.reply(prack, 200)
		p.reply(inv, 200)
		p.request("ACK")
		a.saw("progressed 183 early 1", "progressed 183 early 2", "answered")
	})
}

func TestConformance_E06_ReliableProvisionalAsServer(t *testing.T) {
	t.Run("repeated, then 504", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(s *Session) { _ = s.Progress(183, []byte("early")) }
			p.invite("Require: 100rel", "", "offer")
			first := p.next(time.Second)
			var at []string
			for {
				m := p.next(40 * time.Second)
				at = append(at, m.at.Sub(first.at).String())
				if m.msg.(*message.Response).StatusCode >= 200 {
					if m.msg.(*message.Response).StatusCode != 504 {
						t.Errorf("final %d", m.msg.(*message.Response).StatusCode)
					}
					break
				}
			}
			if got, want := strings.Join(at, " "), "500ms 1.5s 3.5s 7.5s 15.5s 31.5s 32s"; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			a.saw("invited", "ended timed-out 504")
			a.empty()
		})
	})
	t.Run("wrong RAck 481; no 200 before the PRACK", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(s *Session) { _ = s.Progress(183, []byte("early")) }
			inv := p.invite("Require: 100rel", "", "offer")
			res := p.response(183)
			rseq := message.Value(res, "RSeq")
			invite := fmt.Sprintf(" %d INVITE", seqOf(inv))
			a.must(func() error { return a.sessions[0].Answer([]byte("answer")) })
			p.ask("PRACK", "RAck: 77"+invite)
			p.response(481)
			p.ask("PRACK", "RAck: "+rseq+invite)
			p.response(200)
			ok := p.response(200)
			if message.MethodOf(ok) != "INVITE" || len(ok.Body()) != 0 {
				t.Errorf("final:\n%s", ok)
			}
			p.seq = seqOf(inv)
			p.ack()
			p.silent(time.Minute)
			a.saw("invited", "confirmed")
		})
	})
}

func TestConformance_E06_OneReliableAtATime(t *testing.T) {
	t.Run("the second waits for the first's PRACK", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invited = func(s *Session) {
				_ = s.Ring()
				_ = s.Progress(183, []byte("early"))
			}
			inv := p.invite("Require: 100rel", "", "offer")
			rseq := message.Value(p.response(180), "RSeq")
			p.silent(300 * time.Millisecond)
			p.ask("PRACK", fmt.Sprintf("RAck: %s %d INVITE", rseq, seqOf(inv)))
			p.response(200)
			p.response(183)
		})
	})
}

func TestConformance_E07_OfferInPrack(t *testing.T) {
	for _, accept := range []bool{true, false} {
		t.Run(fmt.Sprint(accept), func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				a.invited = func(s *Session) { _ = s.Progress(183, []byte("early")) }
				a.on = func(s *Session, e Event) {
					if _, ok := e.(OfferReceived); ok && accept {
						_ = s.AnswerOffer([]byte("new answer"))
					} else if ok {
						_ = s.RefuseOffer(488)
					}
				}
				inv := p.invite("Require: 100rel", "", "offer")
				rseq := message.Value(p.response(183), "RSeq")
				p.ask("PRACK", fmt.Sprintf("RAck: %s %d INVITE", rseq, seqOf(inv)), "", "new offer")
				if accept {
					if got := string(p.response(200).Body()); got != "new answer" {
						t.Errorf("answer %q", got)
					}
				} else {
					p.response(488)
				}
				a.must(func() error { return a.sessions[0].Answer(nil) })
				p.response(200)
				a.saw("invited", "offer PRACK new offer")
			})
		})
	}
}
