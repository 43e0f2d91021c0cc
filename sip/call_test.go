package sip

import (
	"testing"
	"time"
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
