package sip

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// E04: a refresh of ours that is answered 408, or not at all, ends the call with a BYE.
func TestConformance_E04_OurRefreshFails(t *testing.T) {
	for _, code := range []int{408, 0} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				p.answers(a, "Session-Expires: 200;refresher=uac", "Require: timer", "Allow: INVITE, UPDATE, BYE", "", "answer")
				up := p.request("UPDATE")
				if code != 0 {
					p.reply(up, code)
				}
				for {
					m := p.next(time.Minute)
					if m == nil {
						t.Fatal("no BYE came")
					}
					if req := m.msg.(*message.Request); req.Method == message.BYE {
						p.reply(req, 200)
						break
					} else if req.Method != message.UPDATE || seqOf(req) != seqOf(up) {
						t.Fatalf("got\n%s", req)
					}
				}
				b.pass(time.Second)
				if got := a.events[len(a.events)-1]; got != "ended network 408" && got != "ended timed-out 408" {
					t.Errorf("last event %s", got)
				}
				a.empty()
			})
		})
	}
}

// E04: who replaces a call has a clock of his own; that of the call before is stopped.
func TestConformance_E04_OneClockAfterATransfer(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		old := p.answers(a, "Session-Expires: 200;refresher=uac", "Require: timer", "Allow: INVITE, UPDATE, BYE", "", "answer")
		oldID := p.callID
		a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
		p.target, p.tag = "sip:1001@"+agentIP+":5060", "third"
		p.invite(replaces(old, ""), "Supported: timer", "Session-Expires: 600;refresher=uas", "Allow: INVITE, UPDATE, BYE", "", "offer")
		p.response(200)
		p.reply(p.request("BYE"), 200)
		p.ack()
		newID := p.callID
		begin := time.Now()
		for want := 300 * time.Second; want <= 900*time.Second; want += 300 * time.Second {
			up := p.request("UPDATE")
			if d := time.Since(begin).Round(time.Second); message.CallID(up) != newID || d != want {
				t.Errorf("refreshed %s after %v, want %s (the old is %s) after %v", message.CallID(up), d, newID, oldID, want)
			}
			p.reply(up, 200, "Session-Expires: 600;refresher=uac")
		}
	})
}

// X13: what a REFER in the call asks for is dialled only once the agent agrees, a premium
// number too; one that is let lie is dialled never.
func TestConformance_X13_NothingIsDialledWithoutTheAgent(t *testing.T) {
	const premium = "sip:+19005550100@" + pbxIP
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		var asked []*IncomingRefer
		onRefer(a, func(r *IncomingRefer) { asked = append(asked, r) })
		p.answered(a)
		p.ask("REFER", "Refer-To: <"+premium+">")
		for m := p.next(5 * time.Minute); m != nil; m = p.next(5 * time.Minute) {
			if req, ok := m.msg.(*message.Request); ok && req.Method == message.INVITE {
				t.Fatalf("dialled by itself:\n%s", req)
			}
		}
		if len(asked) != 1 || asked[0].To().String() != premium {
			t.Fatalf("the agent was asked %v", asked)
		}
		if a.do(func() {}); len(a.sessions) != 1 {
			t.Errorf("%d sessions", len(a.sessions))
		}
	})
}

// D14: a panic is logged with what it was, for whoever is to mend it.
func TestConformance_D14_APanicIsLogged(t *testing.T) {
	story(t, func(b *bed) {
		w := &lines{}
		a := b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Log = slog.New(slog.NewTextHandler(w, nil)) })
		p := b.peer(pbxIP)
		a.invited = func(*Session) { panic("on purpose") }
		p.invite("", "offer")
		p.response(500)
		a.do(func() {
			if n := a.UA.Counters()["sip.panics"]; n != 1 {
				t.Errorf("%d panics counted", n)
			}
		})
		if text := strings.Join(w.all(), "\n"); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "on purpose") {
			t.Errorf("the log says %q", text)
		}
	})
}
