package sip

import (
	"bytes"
	"cmp"
	"slices"
	"testing"
	"time"

	"ringback/internal/ladder/golden"
	"ringback/internal/simnet"
)

// wired is a datagram of a story.
type wired struct {
	At       time.Time
	From, To string
	Raw      []byte
}

// draw is set by the external test package: internal/ladder stands on this one.
var draw = func(title string, parties map[string]string, msgs []wired) string { return "" }

// DrawWith tells how ladders are drawn.
func DrawWith(fn func(title string, parties map[string]string, msgs []wired) string) bool {
	draw = fn
	return true
}

// Wired is a datagram of a story, for the external test package.
type Wired = wired

// told is a story whose datagrams are compared with testdata/ladder/sip-NAME.txt.
func told(t *testing.T, name, title string, fn func(b *bed, a *agent, p *peer)) {
	t.Run(name, func(t *testing.T) {
		story(t, func(b *bed) {
			var msgs []wired
			b.net.Tap(func(p simnet.Packet) {
				msgs = append(msgs, wired{p.At, p.From.String(), p.To.String(), slices.Clone(p.Data)})
			})
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			p.tag = "peer"
			a.do(func() { a.UA.pick = func(n int) int { return n / 2 } })
			fn(b, a, p)
			b.pass(time.Second)
			// What is sent at one instant at both ends has no order.
			slices.SortStableFunc(msgs, func(x, y wired) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.From, y.From)) })
			golden.Ladder(t, "sip-"+name, draw(title, map[string]string{"agent": agentIP, "far end": pbxIP}, msgs))
			a.empty()
		})
	})
}

// hangUp ends a story.
func hangUp(a *agent, p *peer, s *Session) {
	a.bed.Helper()
	a.must(func() error { return s.Hangup(ReasonHeader{}) })
	p.reply(p.request("BYE"), 200)
}

func TestLadders(t *testing.T) {
	told(t, "hold-glare", "Both hold at once", func(b *bed, a *agent, p *peer) {
		acceptOffers(a)
		s := p.answers(a)
		a.must(func() error { return s.Reinvite([]byte("m=audio 4000 RTP/AVP 0\r\na=sendonly")) })
		theirs := p.ask("INVITE", "", "m=audio 4000 RTP/AVP 0", "a=sendonly")
		p.reply(p.request("INVITE"), 491)
		p.ackRefusal(theirs, p.response(491))
		p.request("ACK")
		again := p.request("INVITE") // the owner of the Call-ID waits 2.1 to 4 s
		p.reply(again, 200, "", "m=audio 4000 RTP/AVP 0", "a=recvonly")
		p.request("ACK")
		hangUp(a, p, s)
	})
	told(t, "cancel-crosses-200", "The agent gives up in the moment of the answer", func(b *bed, a *agent, p *peer) {
		s := a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		p.reply(inv, 180)
		b.pass(3 * time.Second)
		p.reply(inv, 200, "", "answer")
		a.must(func() error { return s.Hangup(ReasonHeader{}) })
		p.reply(p.request("CANCEL"), 200)
		p.request("ACK")
		p.reply(p.request("BYE"), 200)
	})
	told(t, "accept-crosses-cancel", "The agent answers what was cancelled", func(b *bed, a *agent, p *peer) {
		a.invited = func(s *Session) { _ = s.Ring() }
		inv := p.invite("", "offer")
		p.response(180)
		b.pass(3 * time.Second)
		p.cancel(inv)
		b.pass(6 * time.Millisecond)
		a.do(func() {
			if err := a.sessions[0].Answer([]byte("answer")); err != ErrCancelled {
				t.Errorf("answer: %v", err)
			}
		})
		p.response(200)
		p.ackRefusal(inv, p.response(487))
	})
	told(t, "forked-200", "Two phones answer one call", func(b *bed, a *agent, p *peer) {
		s := a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		p.write(p.replyText(inv, 180, "one"))
		p.write(p.replyText(inv, 180, "two"))
		b.pass(time.Second)
		p.write(p.replyText(inv, 200, "one", "", "answer"))
		p.write(p.replyText(inv, 200, "two", "", "answer"))
		p.request("ACK")
		p.request("ACK")
		p.reply(p.request("BYE"), 200)
		b.pass(40 * time.Second)
		hangUp(a, p, s)
	})
	told(t, "no-ack", "The ACK never comes", func(b *bed, a *agent, p *peer) {
		a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
		p.invite("", "offer")
		for range 11 {
			p.response(200)
		}
		p.reply(p.request("BYE"), 200)
	})
	told(t, "late-offer", "The far end calls without an offer", func(b *bed, a *agent, p *peer) {
		a.invited = func(s *Session) { _ = s.Answer([]byte("our offer")) }
		p.invite()
		p.response(200)
		p.ack("", "their answer")
		b.pass(time.Second)
		hangUp(a, p, a.session())
	})
	told(t, "remote-hold", "The far end holds and resumes", func(b *bed, a *agent, p *peer) {
		a.on = func(s *Session, e Event) {
			if o, ok := e.(OfferReceived); ok {
				_ = s.AnswerOffer(bytes.ReplaceAll(o.SDP, []byte("sendonly"), []byte("recvonly")))
			}
		}
		s := p.answered(a)
		for _, sdp := range []string{"a=sendonly", "a=sendrecv"} {
			p.ask("INVITE", "", "m=audio 4000 RTP/AVP 0", sdp)
			p.response(200)
			p.ack()
			b.pass(time.Second)
		}
		hangUp(a, p, s)
	})
}

func TestLaddersOfTransfers(t *testing.T) {
	for _, c := range []struct {
		name, title string
		told        []string
	}{
		{"transfer-accepted", "A transfer that is accepted", []string{"100 Trying", "180 Ringing", "200 OK"}},
		{"transfer-refused", "A transfer that the target refuses", []string{"100 Trying", "603 Decline"}},
		{"transfer-unanswered", "A transfer that nobody answers", []string{"100 Trying", "180 Ringing", "408 Request Timeout"}},
		{"transfer-notify-lost", "A transfer whose last NOTIFY is lost", []string{"100 Trying"}},
	} {
		told(t, c.name, c.title, func(b *bed, a *agent, p *peer) {
			s := p.answers(a)
			p.reply(transfer(a, p, s), 202)
			for i, status := range c.told {
				state := "active;expires=60"
				if i > 0 && i == len(c.told)-1 {
					state = "terminated;reason=noresource"
				}
				p.ask("NOTIFY", sipfrag(0, state, status)...)
				p.response(200)
				b.pass(time.Second)
			}
			if c.name == "transfer-notify-lost" {
				p.reply(p.request("SUBSCRIBE"), 481)
			}
			b.pass(time.Minute)
			hangUp(a, p, s)
			if c.name == "transfer-notify-lost" && a.last[1].(TransferProgressed).Code != 100 || !a.last[len(a.last)-2].(TransferEnded).TimedOut == (c.name == "transfer-notify-lost") {
				t.Errorf("events %v", a.events)
			}
		})
	}
}
