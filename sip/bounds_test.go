package sip

import (
	"fmt"
	"testing"
	"time"
)

// An INVITE that forks into more dialogs than are held, and is then answered by
// yet another, or hung up as that answer comes: nothing of it stays.
func TestBounds_MoreForksThanAreHeld(t *testing.T) {
	for _, crossed := range []bool{false, true} {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := a.invite("sip:peer@" + pbxIP)
			inv := p.request("INVITE")
			for i := range maxForks + 1 {
				p.write(p.replyText(inv, 180, fmt.Sprintf("early%d", i)))
			}
			b.pass(time.Second)
			if crossed {
				a.must(func() error { return s.Hangup(ReasonHeader{}) })
				p.reply(p.request("CANCEL"), 200)
			}
			p.write(p.replyText(inv, 200, "late", "", "answer"))
			p.request("ACK")
			if !crossed {
				a.must(func() error { return s.Hangup(ReasonHeader{}) })
			}
			p.reply(p.request("BYE"), 200)
			b.pass(time.Minute)
			a.empty()
		})
	}
}
