package sip

import (
	"testing"
	"time"

	"ringback/sip/message"
)

func TestCallOutAndBye(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answers(a)
		a.saw("answered answer")
		a.must(func() error { return s.Hangup(ReasonHeader{}) })
		p.reply(p.request("BYE"), 200)
		b.pass(time.Second)
		a.saw("ended completed 0")
		a.empty()
	})
}

func TestCallInAndBye(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.answered(a)
		a.saw("invited", "confirmed")
		p.ask("BYE")
		p.response(200)
		a.saw("ended completed 0")
		a.empty()
	})
}

// A call that is over keeps nothing but what the 2xx that may still come to its INVITE
// are due: a fork that was heard of gets its ACK again, another ACK and BYE, and the
// handler hears of none.
func TestA2xxBehindTheEndOfItsCall(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		p.write(p.replyText(inv, 200, "kept", "", "answer"))
		ack := p.request("ACK")
		a.do(func() { _ = s.Hangup(ReasonHeader{}) })
		p.reply(p.request("BYE"), 200)
		b.pass(time.Second)
		a.saw("answered answer", "ended completed 0")
		a.do(func() {
			if len(a.UA.dialogs) != 0 {
				t.Errorf("%d dialogs", len(a.UA.dialogs))
			}
		})
		for range 2 {
			p.write(p.replyText(inv, 200, "kept", "", "answer"))
			again := p.request("ACK")
			for _, name := range []string{"From", "To", "Call-ID", "CSeq"} {
				if got, want := message.Value(again, name), message.Value(ack, name); got != want {
					t.Errorf("%s: %s, not %s", name, got, want)
				}
			}
			p.silent(time.Second)
		}
		p.write(p.replyText(inv, 200, "other", "", "answer"))
		if tag := message.ToTag(p.request("ACK")); tag != "other" {
			t.Errorf("ACK to %q", tag)
		}
		bye := p.request("BYE")
		if tag := message.ToTag(bye); tag != "other" {
			t.Errorf("BYE to %q", tag)
		}
		p.reply(bye, 200)
		p.write(p.replyText(inv, 200, "other", "", "answer"))
		p.request("ACK")
		p.silent(time.Minute)
		a.saw()
		a.do(func() {
			if len(a.UA.dialogs) != 0 || len(a.UA.sessions) != 0 {
				t.Errorf("%d dialogs and %d sessions are left", len(a.UA.dialogs), len(a.UA.sessions))
			}
		})
	})
}
