package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

func TestConformance_T13_MergedRequestRingsOnce(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Ring() }
		inv := p.invite("", "offer")
		p.response(180)
		message.SetFirst(inv, "Via", "SIP/2.0/UDP "+pbxIP+":5060;rport;branch="+message.NewBranch())
		p.write(string(message.Bytes(inv)))
		p.response(482)
		a.saw("invited")
	})
}

func TestConformance_T14_RefusalIsRepeatedUntilAck(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Reject(486, "") }
		p.invite("", "offer")
		first := p.next(time.Second)
		a.saw("invited", "ended busy 486")
		a.empty()
		var at []string
		for m := p.next(40 * time.Second); m != nil; m = p.next(40 * time.Second) {
			at = append(at, m.at.Sub(first.at).String())
		}
		want := "500ms 1.5s 3.5s 7.5s 11.5s 15.5s 19.5s 23.5s 27.5s 31.5s"
		if got := strings.Join(at, " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// A client of RFC 2543 has no branch that tells its transactions apart: its ACK is known by all
// that it has in common with the INVITE, the Via with what we noted in it too (17.2.3).
func TestConformance_T14_RefusalOfAnOldClientIsAcknowledged(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Reject(486, "") }
		p.callID, p.remote, p.target = message.NewCallID(), "<sip:1001@"+pbxIP+">", "sip:1001@"+agentIP+":5060"
		invite := p.build("INVITE", "", "offer")
		message.Set(invite, "Via", "SIP/2.0/UDP old.example.com:5060;rport")
		p.write(string(message.Bytes(invite)))
		p.ackRefusal(invite, p.response(486))
		p.silent(40 * time.Second)
		a.saw("invited", "ended busy 486")
	})
}

func TestConformance_T15_LostAckEndsTheCallAt32s(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
		p.invite("", "offer")
		first := p.next(time.Second)
		var at []string
		var last *arrival
		for {
			last = p.next(40 * time.Second)
			if last == nil {
				t.Fatal("no BYE came")
			}
			at = append(at, last.at.Sub(first.at).String())
			if _, ok := last.msg.(*message.Request); ok {
				break
			}
		}
		want := "500ms 1.5s 3.5s 7.5s 11.5s 15.5s 19.5s 23.5s 27.5s 31.5s 32s"
		if got := strings.Join(at, " "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		a.saw("invited", "ended lost-ack 0")
		bye := last.msg.(*message.Request)
		if bye.Method != message.BYE {
			t.Errorf("got %s", bye.Method)
		}
		p.reply(bye, 200)
		b.pass(time.Second)
		a.empty()
	})
}

func TestConformance_T16_InviteAgainAfter200IsNoSecondCall(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
		inv := p.invite("", "offer")
		p.response(200)
		p.write(string(message.Bytes(inv)))
		p.response(200)
		p.ack()
		b.pass(time.Second)
		a.saw("invited", "confirmed")
	})
}

func TestConformance_T18_CancelOfARingingCall(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Ring() }
		inv := p.invite("", "offer")
		tag := message.ToTag(p.response(180))
		p.cancel(inv)
		first, second := p.response(200), p.response(487)
		if message.ToTag(first) != tag || message.ToTag(second) != tag {
			t.Errorf("tags: 180 %s, CANCEL's 200 %s, 487 %s", tag, message.ToTag(first), message.ToTag(second))
		}
		p.ackRefusal(inv, second)
		p.silent(time.Minute)
		a.saw("invited", "ended cancelled 487")
		a.empty()
	})
}

func TestConformance_T20_CancelCrossesTheAnswerAsCallee(t *testing.T) {
	t.Run("CANCEL first", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			inv := p.invite("", "offer")
			b.pass(50 * time.Millisecond)
			s := a.session()
			p.cancel(inv)
			b.pass(50 * time.Millisecond)
			a.do(func() {
				if err := s.Answer([]byte("answer")); err != ErrCancelled {
					t.Errorf("answer: %v", err)
				}
			})
			p.response(200) // of the CANCEL
			refusal := p.response(487)
			p.ackRefusal(inv, refusal)
			p.silent(time.Minute)
			a.saw("invited", "ended cancelled 487")
		})
	})
	t.Run("answer first", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			inv := p.invite("", "offer")
			b.pass(50 * time.Millisecond)
			s := a.session()
			a.must(func() error { return s.Answer([]byte("answer")) })
			p.cancel(inv)
			if m := message.MethodOf(p.response(200)); m != "INVITE" {
				t.Errorf("first 200 is for %s", m)
			}
			if m := message.MethodOf(p.response(200)); m != "CANCEL" { // T23: it has no effect
				t.Errorf("second 200 is for %s", m)
			}
			p.ack()
			p.silent(time.Minute)
			a.saw("invited", "confirmed")
		})
	})
}

func TestConformance_T21_NothingAfterAFinal(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		inv := p.invite("", "offer")
		b.pass(50 * time.Millisecond)
		s := a.session()
		a.must(func() error { return s.Reject(486, "") })
		a.do(func() {
			if s.Ring() == nil || s.Answer([]byte("answer")) == nil || s.Reject(603, "") == nil {
				t.Error("taken after the final response")
			}
		})
		p.response(486)
		p.write(string(message.Bytes(inv)))
		p.response(486)
	})
}

func TestConformance_T22_CancelWithoutTransactionGets481(t *testing.T) {
	story(t, func(b *bed) {
		b.agent(agentIP, "1001")
		p := b.peer(pbxIP)
		p.callID, p.remote, p.seq = "nobody", "<sip:1001@"+pbxIP+">", 1
		p.ask("CANCEL")
		p.response(481)
	})
}

func TestConformance_T24_InviteAndCancelInOneSegment300Times(t *testing.T) {
	story(t, func(b *bed) {
		a := b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Limits.InvitesPerSec = 1000 })
		a.invited = func(s *Session) { _ = s.Ring() }
		p := b.stream(pbxIP)
		for range 300 {
			p.callID, p.seq, p.remote = message.NewCallID(), 0, "<sip:1001@"+pbxIP+">"
			inv := p.build("INVITE", "", "offer")
			p.write(string(message.Bytes(inv)) + string(message.Bytes(p.sibling(inv, "CANCEL"))))
			for got := 0; got != 487; {
				m := p.next(time.Minute)
				if m == nil {
					t.Fatal("no 487 came")
				}
				got = m.msg.(*message.Response).StatusCode
				if got == 487 {
					p.ackRefusal(inv, m.msg.(*message.Response))
				}
			}
		}
		b.pass(time.Minute)
		a.empty()
		ends := 0
		for _, e := range a.events {
			if e == "ended cancelled 487" {
				ends++
			}
		}
		if ends != 300 {
			t.Errorf("%d of 300 ended as cancelled", ends)
		}
	})
}

func TestConformance_T26_InfosKeepTheirOrder(t *testing.T) {
	story(t, func(b *bed) {
		a := b.agent(agentIP, "1001")
		p := b.stream(pbxIP)
		p.answered(a)
		a.saw("invited", "confirmed")
		const n = 2000
		for from := 0; from < n; from += 100 {
			var all strings.Builder
			for i := range 100 {
				all.Write(message.Bytes(p.build("INFO", "X-Type: application/dtmf-relay", "", fmt.Sprint(from+i))))
			}
			p.write(all.String())
			for range 100 {
				p.response(200)
			}
		}
		a.do(func() {
			for i, e := range a.events {
				if e != fmt.Sprintf("info %d", i) {
					t.Fatalf("at %d: %s", i, e)
				}
			}
			if len(a.events) != n {
				t.Errorf("%d of %d", len(a.events), n)
			}
		})
	})
}

func TestConformance_T28_LargeAnswerGoesByUDP(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Answer([]byte(strings.Repeat("y", 9000))) }
		p.invite("", "offer")
		if n := len(p.response(200).Body()); n != 9000 {
			t.Errorf("%d bytes", n)
		}
	})
}
