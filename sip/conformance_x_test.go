package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

const target = "sip:2002@" + pbxIP

// sipfrag are the lines of a NOTIFY of a transfer.
func sipfrag(id uint32, state, status string) []string {
	event := "Event: refer"
	if id != 0 {
		event += ";id=" + uintText(id)
	}
	return []string{event, "Subscription-State: " + state, "X-Type: message/sipfrag;version=2.0", "", "SIP/2.0 " + status + "\r\n"}
}

func TestConformance_X01_ReferAccepted(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.on = func(_ *Session, e Event) {
			if r, ok := e.(ReferReceived); ok {
				if err := r.Refer.Accept(); err != nil {
					t.Error(err)
				}
			}
		}
		p.answered(a)
		p.ask("REFER", "Refer-To: <"+target+">", "Referred-By: <sip:boss@pbx>")
		p.response(202)
		n := p.request("NOTIFY")
		if message.Value(n, "Event") != "refer" || !strings.HasPrefix(message.Value(n, "Subscription-State"), "active;expires=") ||
			string(n.Body()) != "SIP/2.0 100 Trying\r\n" || !strings.HasPrefix(message.Value(n, "Content-Type"), "message/sipfrag") {
			t.Errorf("NOTIFY:\n%s", n)
		}
		p.reply(n, 200)
		if got := a.last[len(a.last)-1].(ReferReceived).Refer; got.To().String() != target || got.ReferredBy() != "<sip:boss@pbx>" {
			t.Errorf("to %s, by %s", got.To(), got.ReferredBy())
		}
	})
}

func TestConformance_X02_ResultIsToldOnce(t *testing.T) {
	for _, code := range []int{200, 486, 603, 408} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				var refer *IncomingRefer
				a.on = func(_ *Session, e Event) {
					if r, ok := e.(ReferReceived); ok {
						refer = r.Refer
						_ = refer.Accept()
					}
				}
				p.answered(a)
				p.ask("REFER", "Refer-To: <"+target+">")
				p.response(202)
				p.reply(p.request("NOTIFY"), 200)
				a.must(func() error { return refer.Notify(code, "", true) })
				n := p.request("NOTIFY")
				if message.Value(n, "Subscription-State") != "terminated;reason=noresource" ||
					!strings.HasPrefix(string(n.Body()), fmt.Sprintf("SIP/2.0 %d ", code)) {
					t.Errorf("NOTIFY:\n%s", n)
				}
				p.reply(n, 200)
				a.do(func() {
					if refer.Notify(200, "", true) == nil {
						t.Error("a second final was taken")
					}
				})
				p.silent(5 * time.Minute)
			})
		})
	}
	t.Run("the handler never tells: 408", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.on = func(_ *Session, e Event) {
				if r, ok := e.(ReferReceived); ok {
					_ = r.Refer.Accept()
				}
			}
			p.answered(a)
			p.ask("REFER", "Refer-To: <"+target+">")
			p.response(202)
			p.reply(p.request("NOTIFY"), 200)
			n := p.request("NOTIFY")
			if !strings.HasPrefix(string(n.Body()), "SIP/2.0 408 ") {
				t.Errorf("body %s", n.Body())
			}
			p.reply(n, 200)
		})
	})
}

func TestConformance_X03_BadReferTo(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.answered(a)
		a.saw("invited", "confirmed")
		for _, c := range []struct {
			code  int
			lines []string
		}{
			{400, nil},
			{400, []string{"Refer-To: <sip:a@x>", "Refer-To: <sip:b@x>"}},
			{400, []string{"Refer-To: <sip:a@x>, <sip:b@x>"}},
			{400, []string{"Refer-To: <sip:a@x"}},
			{416, []string{"Refer-To: <tel:+81312345678>"}},
			{416, []string{"Refer-To: <http://x/>"}},
		} {
			p.ask("REFER", c.lines...)
			p.response(c.code)
		}
		a.saw()
		p.silent(time.Minute)
	})
}

// transfer begins one in a call of the agent's and returns the REFER.
func transfer(a *agent, p *peer, s *Session) *message.Request {
	a.bed.Helper()
	a.must(func() error { _, err := s.Refer(uri(target), ReferOptions{}); return err })
	return p.request("REFER")
}

func TestConformance_X04_NotifyAtTheTransferor(t *testing.T) {
	t.Run("accepted", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a)
			refer := transfer(a, p, s)
			if message.Value(refer, "Refer-To") != "<"+target+">" || message.Value(refer, "Referred-By") == "" {
				t.Errorf("REFER:\n%s", refer)
			}
			p.reply(refer, 202)
			for _, status := range []string{"100 Trying", "180 Ringing"} {
				p.ask("NOTIFY", sipfrag(0, "active;expires=60", status)...)
				p.response(200)
			}
			p.ask("NOTIFY", sipfrag(seqOf(refer)+7, "active", "200 OK")...) // another id
			p.response(481)
			p.ask("NOTIFY", sipfrag(seqOf(refer), "terminated;reason=noresource", "200 OK")...)
			p.response(200)
			p.ask("NOTIFY", sipfrag(0, "terminated", "200 OK")...)
			p.response(481)
			a.saw("answered answer", "transfer 100", "transfer 180", "transfer ended ok=true 200 timeout=false")
			if s.State() != StateConfirmed {
				t.Errorf("state %s", s.State())
			}
		})
	})
	t.Run("no NOTIFY for 32 s", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a)
			p.reply(transfer(a, p, s), 202)
			b.pass(31 * time.Second)
			a.saw("answered answer")
			b.pass(2 * time.Second)
			a.saw("transfer ended ok=false 0 timeout=true")
			p.ask("NOTIFY", sipfrag(0, "terminated", "200 OK")...)
			p.response(481)
		})
	})
}

func TestConformance_X04_NotifyLostOrEarly(t *testing.T) {
	t.Run("the last NOTIFY is lost", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a)
			p.reply(transfer(a, p, s), 202)
			p.ask("NOTIFY", sipfrag(0, "active;expires=60", "180 Ringing")...)
			p.response(200)
			b.pass(59 * time.Second)
			a.saw("answered answer", "transfer 180")
			b.pass(2 * time.Second)
			a.saw("transfer ended ok=false 180 timeout=true")
		})
	})
	t.Run("a NOTIFY overtakes the 202", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a)
			refer := transfer(a, p, s)
			p.ask("NOTIFY", sipfrag(0, "terminated", "486 Busy Here")...)
			p.response(200)
			p.reply(refer, 202)
			b.pass(time.Minute)
			a.saw("answered answer", "transfer ended ok=false 486 timeout=false")
		})
	})
}

func TestConformance_X05_TwoRefersAreKeptApart(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answers(a)
		one := transfer(a, p, s)
		p.reply(one, 202)
		two := transfer(a, p, s)
		p.reply(two, 202)
		b.pass(time.Second)
		p.ask("NOTIFY", sipfrag(0, "active", "180 Ringing")...) // which?
		p.response(481)
		p.ask("NOTIFY", sipfrag(seqOf(two), "terminated", "603 Decline")...)
		p.response(200)
		p.ask("NOTIFY", sipfrag(seqOf(one), "terminated", "200 OK")...)
		p.response(200)
		a.saw("answered answer", "transfer ended ok=false 603 timeout=false", "transfer ended ok=true 200 timeout=false")
	})
}

func TestConformance_X06_FailedTransferKeepsTheCall(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answers(a)
		p.reply(transfer(a, p, s), 603)
		b.pass(time.Second)
		a.saw("answered answer", "transfer ended ok=false 603 timeout=false")
		p.reply(transfer(a, p, s), 202)
		p.ask("NOTIFY", sipfrag(0, "terminated", "486 Busy Here")...)
		p.response(200)
		a.saw("transfer ended ok=false 486 timeout=false")
		if s.State() != StateConfirmed {
			t.Errorf("state %s", s.State())
		}
		p.reply(transfer(a, p, s), 481) // RFC 5057: 481 is the end of the whole dialog
		p.reply(p.request("BYE"), 481)
		b.pass(time.Second)
		a.saw("transfer ended ok=false 481 timeout=false", "ended network 481")
		a.empty()
	})
}

func TestConformance_X07_SubscriptionOutlivesTheCall(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answers(a)
		p.reply(transfer(a, p, s), 202)
		b.pass(time.Second)
		p.ask("BYE")
		p.response(200)
		p.ask("INFO")
		p.response(481)
		p.ask("NOTIFY", sipfrag(0, "terminated", "200 OK")...)
		p.response(200)
		p.ask("NOTIFY", sipfrag(0, "terminated", "200 OK")...)
		p.response(481)
		a.saw("answered answer", "ended completed 0", "transfer ended ok=true 200 timeout=false")
		a.empty()
	})
}

func TestConformance_X08_NoSubscription(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.on = func(_ *Session, e Event) {
			if r, ok := e.(ReferReceived); ok {
				_ = r.Refer.Accept()
				_ = r.Refer.Notify(200, "", true)
			}
		}
		p.answered(a)
		p.ask("REFER", "Refer-To: <"+target+">", "Refer-Sub: false", "Require: norefersub")
		if res := p.response(202); message.Value(res, "Refer-Sub") != "false" {
			t.Errorf("202:\n%s", res)
		}
		p.silent(5 * time.Minute)
		p.ask("REFER", "Refer-To: <"+target+">", "Require: explicitsub")
		p.response(420)
	})
}

func TestConformance_X13_TollFraudAndLoops(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
		p.ask("REFER", "Refer-To: <"+target+">")
		p.response(403)
		s := p.answered(a)
		for line, code := range map[string]int{
			"Refer-To: <sip:1001@" + pbxIP + ">":                   482,
			"Refer-To: <" + target + "?Route=%3Csip:evil%3E>":      403,
			"Refer-To: <" + target + "?Authorization=x>":           403,
			"Refer-To: <" + target + "?%52oute=%3Csip:evil;lr%3E>": 403,
		} {
			p.ask("REFER", line)
			p.response(code)
		}
		a.saw("invited", "confirmed")
		a.do(func() {
			if _, err := s.Refer(uri("sip:1001@"+pbxIP), ReferOptions{}); err != ErrOwnAddress {
				t.Errorf("REFER to ourselves: %v", err)
			}
		})
		p.silent(time.Minute)
	})
}

// A transfer of which nothing is heard after a NOTIFY is asked about (RFC 3515 2.4.4).
func TestReferral_IsAskedAbout(t *testing.T) {
	told := func(name string, tell func(b *bed, a *agent, p *peer)) {
		t.Run(name, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				p.reply(transfer(a, p, p.answers(a)), 202)
				p.ask("NOTIFY", sipfrag(7, "active;expires=120", "180 Ringing")...)
				p.response(481) // not ours
				p.ask("NOTIFY", sipfrag(0, "active;expires=120", "180 Ringing")...)
				p.response(200)
				a.saw("answered answer", "transfer 180")
				tell(b, a, p)
			})
		})
	}
	told("until the outcome is told", func(b *bed, a *agent, p *peer) {
		for range 5 {
			req := p.request("SUBSCRIBE")
			if message.Value(req, "Event") != "refer" || !message.Has(req, "Contact") || !message.Has(req, "Expires") {
				t.Errorf("%s", message.Bytes(req))
			}
			p.reply(req, 200, "Expires: 100")
			p.ask("NOTIFY", sipfrag(0, "active;expires=100", "180 Ringing")...)
			p.response(200)
		}
		p.ask("NOTIFY", sipfrag(0, "terminated;reason=noresource", "200 OK")...)
		p.response(200)
		a.saw("transfer ended ok=true 200 timeout=false")
		p.silent(time.Minute)
	})
	told("the far end has told it and does not know it any more", func(b *bed, a *agent, p *peer) {
		p.reply(p.request("SUBSCRIBE"), 481)
		b.pass(time.Second)
		a.saw("transfer ended ok=false 180 timeout=true")
		p.silent(time.Minute)
	})
	told("the far end has no such thing", func(b *bed, a *agent, p *peer) {
		p.reply(p.request("SUBSCRIBE"), 489)
		p.silent(100 * time.Second)
		a.saw()
		b.pass(6 * time.Second)
		a.saw("transfer ended ok=false 180 timeout=true")
	})
	told("the far end says yes and tells nothing", func(b *bed, a *agent, p *peer) {
		for range notifyAskMost {
			p.reply(p.request("SUBSCRIBE"), 200, "Expires: 100")
		}
		p.silent(notifyAsk + time.Second)
		a.saw("transfer ended ok=false 180 timeout=true")
	})
}

// Who asked us to call somebody may ask how it goes, and end the telling.
func TestIncomingRefer_IsAskedAbout(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001", func(_ *Config, acc *Account) { acc.AcceptRefer = Ask }), b.peer(pbxIP)
		var refer *IncomingRefer
		a.on = func(_ *Session, e Event) {
			if r, ok := e.(ReferReceived); ok {
				refer = r.Refer
			}
		}
		p.answered(a)
		p.ask("SUBSCRIBE", "Event: refer")
		p.response(481)
		p.ask("SUBSCRIBE", "Event: presence")
		p.response(489)
		req := p.ask("REFER", "Refer-To: <"+target+">")
		b.pass(20 * time.Millisecond)
		a.must(func() error { return refer.Accept() })
		p.response(202)
		p.reply(p.request("NOTIFY"), 200)
		a.must(func() error { return refer.Notify(180, "", false) })
		p.reply(p.request("NOTIFY"), 200)
		b.pass(time.Minute)
		p.ask("SUBSCRIBE", "Event: refer;id="+uintText(seqOf(req)), "Expires: 3600")
		if got := message.Value(p.response(200), "Expires"); got != "119" {
			t.Errorf("granted %s s of 180, a minute later", got)
		}
		if n := p.request("NOTIFY"); string(n.Body()) != "SIP/2.0 180 Ringing\r\n" || !strings.HasPrefix(message.Value(n, "Subscription-State"), "active") {
			t.Errorf("%s", message.Bytes(n))
		} else {
			p.reply(n, 200)
		}
		p.ask("SUBSCRIBE", "Event: refer", "Expires: 0")
		p.response(200)
		if n := p.request("NOTIFY"); !strings.HasPrefix(message.Value(n, "Subscription-State"), "terminated") {
			t.Errorf("%s", message.Bytes(n))
		} else {
			p.reply(n, 200)
		}
		p.ask("SUBSCRIBE", "Event: refer")
		p.response(481)
	})
}
