package sip

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"ringback/sip/message"
)

// acceptOffers answers what the far end offers in a call.
func acceptOffers(a *agent) {
	a.on = func(s *Session, e Event) {
		if o, ok := e.(OfferReceived); ok {
			_ = s.AnswerOffer([]byte("answer to " + string(o.SDP)))
		}
	}
}

func TestConformance_D02_ReinviteWhileOurAnswerIsPending(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.answered(a)
		p.ask("INVITE", "", "first") // the handler lets it wait
		p.response(100)
		p.ask("INVITE", "", "second")
		res := p.response(500)
		if n, err := strconv.Atoi(message.Value(res, "Retry-After")); err != nil || n < 0 || n > 10 {
			t.Errorf("Retry-After %q", message.Value(res, "Retry-After"))
		}
		a.must(func() error { return a.sessions[0].AnswerOffer([]byte("late answer")) })
		if seqOf(p.response(200)) != p.seq-1 {
			t.Error("the 200 is not for the first")
		}
	})
}

func TestConformance_D03_GlareAsServer(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answers(a)
		a.must(func() error { return s.Reinvite([]byte("hold")) })
		ours := p.request("INVITE")
		theirs := p.ask("INVITE", "", "their hold")
		p.ackRefusal(theirs, p.response(491))
		p.reply(ours, 200, "", "held")
		p.request("ACK")
		a.saw("answered answer", "answer held")
	})
}

func TestConformance_D04_GlareAsClient(t *testing.T) {
	wait := func(t *testing.T, call func(b *bed, a *agent, p *peer) *Session) time.Duration {
		t.Helper()
		var d time.Duration
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := call(b, a, p)
			a.must(func() error { return s.Reinvite([]byte("hold")) })
			first := p.request("INVITE")
			p.reply(first, 491)
			p.request("ACK")
			begin := time.Now()
			second := p.request("INVITE")
			d = time.Since(begin)
			if string(second.Body()) != "hold" || seqOf(second) <= seqOf(first) {
				t.Errorf("second try:\n%s", second)
			}
			p.reply(second, 200, "", "held")
			p.request("ACK")
			b.pass(time.Second)
			if got := a.events[len(a.events)-1]; got != "answer held" {
				t.Errorf("last event %s", got)
			}
		})
		return d
	}
	for range 20 {
		owner := wait(t, func(_ *bed, a *agent, p *peer) *Session { return p.answers(a) })
		if owner < 2100*time.Millisecond || owner > 4020*time.Millisecond {
			t.Errorf("the owner of the Call-ID waited %v", owner)
		}
		other := wait(t, func(_ *bed, a *agent, p *peer) *Session { return p.answered(a) })
		if other > 2020*time.Millisecond {
			t.Errorf("the other side waited %v", other)
		}
	}
}

func TestConformance_D04_GlareSettles(t *testing.T) {
	t.Run("the wish is gone when their offer comes first", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			acceptOffers(a)
			s := p.answers(a)
			a.must(func() error { return s.Reinvite([]byte("hold")) })
			p.reply(p.request("INVITE"), 491)
			p.request("ACK")
			p.ask("INVITE", "", "theirs")
			p.response(200)
			p.ack()
			p.silent(time.Minute)
			a.saw("answered answer", "refused 491", "offer INVITE theirs")
		})
	})
	t.Run("both sides of our own", func(t *testing.T) {
		story(t, func(b *bed) {
			x := b.agent(agentIP, "1001", anyone)
			y := b.agent(pbxIP, "1002", anyone)
			y.account.AOR = uri("sip:1002@" + pbxIP)
			acceptOffers(x)
			acceptOffers(y)
			y.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
			s := x.invite("sip:1002@" + pbxIP)
			b.pass(time.Second)
			x.loop.Post(func() { _ = s.Reinvite([]byte("x holds")) })
			y.loop.Post(func() { _ = y.sessions[0].Reinvite([]byte("y holds")) })
			b.pass(10 * time.Second)
			var settled bool
			x.do(func() { settled = s.oa.phase == offerNone && s.State() == StateConfirmed })
			if !settled {
				t.Errorf("glare did not settle: %s %s\n%v\n%v", s.State(), s.oa.phase, x.events, y.events)
			}
		})
	})
}

// A peer that answers 491 for ever is asked ten times more, and then told to have
// refused.
func TestGlare_WithoutEndCountsAsRefused(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answers(a)
		a.saw("answered answer")
		a.must(func() error { return s.Reinvite([]byte("hold")) })
		for range mostGlares + 1 {
			p.reply(p.request("INVITE"), 491)
			p.request("ACK")
		}
		p.silent(time.Minute)
		a.saw("refused 491")
		a.must(func() error { return s.Reinvite([]byte("hold")) })
		p.reply(p.request("INVITE"), 200, "", "held")
		p.request("ACK")
		a.saw("answer held")
	})
}

// A peer that has not done with what came before asks for a re-INVITE again (RFC 3261 14.2),
// and gets it after the time that it names. One that always says so, or names no such time, has
// refused.
func TestGlare_BusyPeerIsAskedAgain(t *testing.T) {
	for name, row := range map[string]struct {
		lines []string
		tries int
		wait  time.Duration
	}{
		"after 3 s": {[]string{"Retry-After: 3"}, mostBusy, 3 * time.Second}, "at once": {[]string{"Retry-After: 0"}, mostBusy, 500 * time.Millisecond},
		"no time": {nil, 0, 0}, "too long": {[]string{"Retry-After: 11"}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				s := p.answers(a)
				a.must(func() error { return s.Reinvite([]byte("hold")) })
				for range row.tries {
					p.reply(p.request("INVITE"), 500, row.lines...)
					p.request("ACK")
					begin := time.Now()
					again := p.request("INVITE")
					if took := time.Since(begin); took < row.wait || took > row.wait+50*time.Millisecond || string(again.Body()) != "hold" {
						t.Errorf("after %v:\n%s", took, again)
					}
					p.reply(again, 200, "", "held")
					p.request("ACK")
					a.must(func() error { return s.Reinvite([]byte("hold")) })
				}
				for range row.tries + 1 {
					p.reply(p.request("INVITE"), 500, row.lines...)
					p.request("ACK")
				}
				p.silent(time.Minute)
				if got := a.events[len(a.events)-1]; got != "refused 500" {
					t.Errorf("last event %s", got)
				}
			})
		})
	}
}

// Requests with made-up tags, under the address of the PBX, take no room from a call.
func TestFlood_WithForgedTagsKeepsNothing(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.answers(a)
		call, remote := p.callID, p.remote
		for i := range 1000 {
			p.callID, p.remote = message.NewCallID(), fmt.Sprintf("<sip:1001@%s>;tag=forged%d", pbxIP, i)
			p.ask([]string{"BYE", "INFO", "INVITE", "UPDATE"}[i%4])
			p.response(481)
		}
		a.do(func() {
			if n := a.Counters()["transaction.servers.open"]; n != 0 {
				t.Errorf("%d transactions are open", n)
			}
		})
		p.callID, p.remote = call, remote
		p.seq += 1000
		p.ask("BYE")
		p.response(200)
	})
}
