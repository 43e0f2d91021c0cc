package sip

import (
	"testing"
	"time"

	"ringback/sip/message"
)

// A REFER that is answered with 491 is sent again after the time of RFC 3261 14.1, and the
// transfer goes on as if nothing had been.
func TestRefer_PendingIsAskedAgain(t *testing.T) {
	for _, c := range []struct {
		name        string
		call        func(p *peer, a *agent) *Session
		least, most time.Duration
	}{
		{"our call", func(p *peer, a *agent) *Session { return p.answers(a) }, 2100 * time.Millisecond, 4 * time.Second},
		{"their call", func(p *peer, a *agent) *Session { return p.answered(a) }, 0, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				s := c.call(p, a)
				a.do(func() { a.events = nil })
				a.must(func() error { _, err := s.Refer(uri(target), ReferOptions{}); return err })
				first := p.request("REFER")
				p.reply(first, 491)
				asked := time.Now()
				second := p.request("REFER")
				if took := time.Since(asked); took < c.least || took > c.most+100*time.Millisecond {
					t.Errorf("it was asked again after %v", took)
				}
				for _, name := range []string{"Refer-To", "Referred-By", "Call-ID"} {
					if message.Value(second, name) == "" || message.Value(second, name) != message.Value(first, name) {
						t.Errorf("%s is %q, and was %q", name, message.Value(second, name), message.Value(first, name))
					}
				}
				p.reply(second, 202)
				p.ask("NOTIFY", sipfrag(seqOf(second), "terminated;reason=noresource", "200 OK")...)
				p.response(200)
				a.saw("transfer ended ok=true 200 timeout=false")
			})
		})
	}
}

// A far end that always says so has refused; so has one whose call ends meanwhile.
func TestRefer_PendingWithoutEnd(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answers(a)
		a.do(func() { a.events = nil })
		a.must(func() error { _, err := s.Refer(uri(target), ReferOptions{}); return err })
		for range referPendingMost + 1 {
			p.reply(p.request("REFER"), 491)
		}
		p.silent(time.Minute)
		a.saw("transfer ended ok=false 491 timeout=false")
		a.must(func() error { _, err := s.Refer(uri(target), ReferOptions{}); return err })
		p.reply(p.request("REFER"), 491)
		p.ask("BYE")
		p.response(200)
		p.silent(time.Minute)
		a.saw("ended completed 0", "transfer ended ok=false 0 timeout=false")
		a.empty()
	})
}
