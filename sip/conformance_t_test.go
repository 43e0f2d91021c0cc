package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

func TestConformance_T04_FortyTimes180(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := a.invite("sip:queue@" + pbxIP)
		inv := p.request("INVITE")
		for range 40 {
			p.reply(inv, 180)
			b.pass(time.Minute)
		}
		p.reply(inv, 200, "", "answer")
		p.request("ACK")
		b.pass(time.Second)
		rang := 0
		a.do(func() {
			for _, e := range a.events {
				if e == "progressed 180" {
					rang++
				}
			}
			if rang != 40 || a.events[len(a.events)-1] != "answered answer" || s.State() != StateConfirmed {
				t.Errorf("rang %d times, state %s, last %s", rang, s.State(), a.events[len(a.events)-1])
			}
		})
	})
}

func TestConformance_T05_RefusalIsAcknowledgedEachTimeAndToldOnce(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		for range 3 {
			p.reply(inv, 486)
			ack := p.request("ACK")
			if message.Value(ack, "Via") != message.Value(inv, "Via") || seqOf(ack) != seqOf(inv) {
				t.Errorf("ACK of another branch:\n%s", ack)
			}
		}
		a.saw("ended busy 486")
		a.empty()
	})
}

func TestConformance_T06_AckIsSentAgainForEach200(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		branches := map[string]bool{}
		for range 4 {
			p.reply(inv, 200, "", "answer")
			ack := p.request("ACK")
			v, _ := message.TopVia(ack)
			branches[v.Branch()] = true
			if seqOf(ack) != seqOf(inv) {
				t.Errorf("ACK has number %d, INVITE %d", seqOf(ack), seqOf(inv))
			}
			b.pass(time.Second)
		}
		if len(branches) != 4 {
			t.Errorf("%d branches for 4 ACKs", len(branches))
		}
		a.saw("answered answer")
	})
}

// The ACK of a 2xx with an offer has the answer, each time; and a call that is answered holds
// no message any more.
func TestAnswered_HoldsNoMessageAndAcknowledgesAgain(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := a.invite("sip:peer@"+pbxIP, func(o *InviteOptions) { o.Offer = nil })
		inv := p.request("INVITE")
		p.reply(inv, 200, "", "offer")
		b.pass(time.Second)
		a.must(func() error { return s.AnswerOffer([]byte("answer")) })
		for i := range 3 {
			if ack := p.request("ACK"); string(ack.Body()) != "answer" {
				t.Errorf("ACK %d has %q", i, ack.Body())
			}
			p.reply(inv, 200, "", "offer")
			b.pass(time.Second)
		}
		p.request("ACK")
		a.do(func() {
			if o := s.out; s.invite != nil || o.opts != nil || o.exchange != nil || o.client == nil || o.kept.unacked != nil {
				t.Errorf("an answered call keeps its INVITE: %+v", o)
			}
		})
		b.pass(time.Minute)
		a.do(func() {
			if s.out.client != nil {
				t.Error("a call keeps the transaction of its INVITE")
			}
		})
	})
}

func TestConformance_T07_Forked200GetsAckAndBye(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		p.write(p.replyText(inv, 200, "kept", "", "answer a"))
		if tag := message.ToTag(p.request("ACK")); tag != "kept" {
			t.Errorf("ACK to %q", tag)
		}
		p.write(p.replyText(inv, 200, "other", "", "answer b"))
		if tag := message.ToTag(p.request("ACK")); tag != "other" {
			t.Errorf("ACK to %q", tag)
		}
		bye := p.request("BYE")
		if tag := message.ToTag(bye); tag != "other" {
			t.Errorf("BYE to %q", tag)
		}
		p.reply(bye, 200)
		b.pass(time.Minute)
		a.saw("answered answer a")
		a.do(func() {
			if s.RemoteTag() != "kept" || len(a.UA.dialogs) != 1 {
				t.Errorf("kept %s, %d dialogs", s.RemoteTag(), len(a.UA.dialogs))
			}
		})
	})
}

func TestConformance_T08_ForkedEarlyDialogsAreKeptApart(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		p.write(p.replyText(inv, 180, "a"))
		p.write(p.replyText(inv, 183, "b", "", "early b"))
		b.pass(time.Second)
		a.do(func() {
			if len(a.UA.dialogs) != 2 {
				t.Errorf("%d early dialogs", len(a.UA.dialogs))
			}
		})
		p.write(p.replyText(inv, 200, "a", "", "answer a"))
		p.request("ACK")
		b.pass(31 * time.Second)
		a.do(func() {
			if len(a.UA.dialogs) != 2 {
				t.Errorf("%d dialogs before 64*T1", len(a.UA.dialogs))
			}
		})
		b.pass(2 * time.Second)
		a.do(func() {
			if len(a.UA.dialogs) != 1 {
				t.Errorf("%d dialogs after 64*T1", len(a.UA.dialogs))
			}
		})
		a.saw("progressed 180", "progressed 183 early b", "answered answer a")
	})
}

func TestConformance_T17_CancelWaitsForA1xx(t *testing.T) {
	t.Run("then 180", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := a.invite("sip:peer@" + pbxIP)
			inv := p.request("INVITE")
			a.must(func() error {
				return s.Hangup(ReasonHeader{Protocol: "SIP", Cause: 200, Text: "Call completed elsewhere"})
			})
			p.silent(400 * time.Millisecond) // RFC 3261 9.1: no CANCEL before a 1xx
			p.reply(inv, 180)
			cancel := p.request("CANCEL")
			if message.Value(cancel, "Via") != message.Value(inv, "Via") || message.Reasons(cancel)[0].Cause != 200 {
				t.Errorf("CANCEL:\n%s", cancel)
			}
			p.reply(cancel, 200)
			p.reply(inv, 487)
			p.request("ACK")
			a.saw("ended cancelled 0")
			a.empty()
		})
	})
	t.Run("straight 200", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := a.invite("sip:peer@" + pbxIP)
			inv := p.request("INVITE")
			a.must(func() error { return s.Hangup(ReasonHeader{}) })
			p.reply(inv, 200, "", "answer")
			p.request("ACK")
			p.reply(p.request("BYE"), 200)
			b.pass(time.Second)
			a.saw("ended cancelled 0")
			a.empty()
		})
	})
}

func TestConformance_T19_CancelCrosses200AsCaller(t *testing.T) {
	for _, code := range []int{200, 481} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				s := a.invite("sip:peer@" + pbxIP)
				inv := p.request("INVITE")
				p.reply(inv, 180)
				b.pass(100 * time.Millisecond)
				p.reply(inv, 200, "", "answer") // under way for 5 ms
				a.must(func() error { return s.Hangup(ReasonHeader{}) })
				cancel := p.request("CANCEL")
				p.reply(cancel, code)
				p.request("ACK")
				p.reply(p.request("BYE"), 200)
				b.pass(time.Second)
				a.saw("progressed 180", "ended cancelled 0")
				a.empty()
			})
		})
	}
}

func TestConformance_T25_180And200InOneSegment200Times(t *testing.T) {
	story(t, func(b *bed) {
		ln, err := b.net.Host(pbxIP).Listen(t.Context(), "tcp", pbxIP+":5060")
		if err != nil {
			t.Fatal(err)
		}
		b.ends = append(b.ends, func() { ln.Close() })
		a := b.agent(agentIP, "1001", func(_ *Config, acc *Account) { acc.Transport = "tcp" })
		p := b.newPeer(pbxIP)
		for i := range 200 {
			s := a.invite("sip:peer@" + pbxIP)
			if i == 0 {
				c, err := ln.Accept()
				if err != nil {
					t.Fatal(err)
				}
				p.serve(c)
			}
			inv := p.request("INVITE")
			p.write(p.replyText(inv, 180, "t") + p.replyText(inv, 200, "t", "", "answer"))
			p.request("ACK")
			a.saw("progressed 180", "answered answer")
			a.must(func() error { return s.Hangup(ReasonHeader{}) })
			p.reply(p.request("BYE"), 200)
			b.pass(10 * time.Millisecond)
			a.saw("ended completed 0")
		}
		a.empty()
	})
}

func TestConformance_T27_LargeInviteOnAUDPAccount(t *testing.T) {
	big := strings.Repeat("x", 9000)
	t.Run("goes by TCP", func(t *testing.T) {
		story(t, func(b *bed) {
			ln, err := b.net.Host(pbxIP).Listen(t.Context(), "tcp", pbxIP+":5060")
			if err != nil {
				t.Fatal(err)
			}
			b.ends = append(b.ends, func() { ln.Close() })
			a, p := b.agent(agentIP, "1001"), b.newPeer(pbxIP)
			a.invite("sip:peer@"+pbxIP, func(o *InviteOptions) { o.Offer = []byte(big) })
			c, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			p.serve(c)
			inv := p.request("INVITE")
			if v, _ := message.TopVia(inv); v.Transport != "TCP" || !strings.Contains(message.Value(inv, "Contact"), "transport=tcp") {
				t.Errorf("Via %s, Contact %s", message.Value(inv, "Via"), message.Value(inv, "Contact"))
			}
			p.reply(inv, 200, "", "answer")
			p.request("ACK")
			a.saw("answered answer")
		})
	})
	t.Run("falls back to UDP when TCP is refused", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invite("sip:peer@"+pbxIP, func(o *InviteOptions) { o.Offer = []byte(big) })
			inv := p.request("INVITE")
			if v, _ := message.TopVia(inv); v.Transport != "UDP" || len(inv.Body()) != 9000 {
				t.Errorf("Via %s, %d bytes", message.Value(inv, "Via"), len(inv.Body()))
			}
			p.reply(inv, 200, "", "answer")
			p.request("ACK")
			a.saw("answered answer")
		})
	})
}
