package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// replaces is the header line that names a session of the agent's.
func replaces(s *Session, more string) string {
	return "Replaces: " + string(s.ID()) + ";to-tag=" + string(s.LocalTag()) + ";from-tag=" + string(s.RemoteTag()) + more
}

func TestConformance_X09_ReplacesMatches(t *testing.T) {
	t.Run("confirmed", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			old := p.answers(a)
			oldID := p.callID
			a.saw("answered answer")
			p.target = "sip:1001@" + agentIP + ":5060"
			p.tag = "third"
			a.invited = func(s *Session) {
				if s.ReplacesSession() != old {
					t.Error("the replaced session is not named")
				}
				_ = s.Answer([]byte("answer"))
			}
			p.invite(replaces(old, ""), "Require: replaces", "", "offer")
			p.response(200)
			bye := p.request("BYE")
			if message.CallID(bye) != oldID {
				t.Errorf("BYE on %s", message.CallID(bye))
			}
			p.reply(bye, 200)
			p.ack()
			b.pass(time.Second)
			a.saw("invited", "replaced", "ended replaced 0", "confirmed")
		})
	})
	t.Run("early, started by us", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			old := a.invite("sip:peer@" + pbxIP)
			inv := p.request("INVITE")
			p.reply(inv, 180)
			b.pass(time.Second)
			a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
			p.target, p.tag = "sip:1001@"+agentIP+":5060", "third"
			p.invite(replaces(old, ";early-only"), "", "offer")
			p.response(200)
			cancel := p.request("CANCEL")
			p.reply(cancel, 200)
			p.write(p.replyText(inv, 487, "peer"))
			p.request("ACK")
		})
	})
}

func TestConformance_X09_ReplacesThatDoNotMatch(t *testing.T) {
	for _, c := range []struct {
		name string
		code int
		run  func(b *bed, a *agent, p *peer) string
	}{
		{"early, not ours", 481, func(b *bed, a *agent, p *peer) string {
			a.invited = func(s *Session) { _ = s.Ring() }
			p.invite("", "offer")
			p.response(180)
			return replaces(a.session(), "")
		}},
		{"unknown", 481, func(*bed, *agent, *peer) string { return "Replaces: nobody;to-tag=a;from-tag=b" }},
		{"ended", 603, func(b *bed, a *agent, p *peer) string {
			s := p.answers(a)
			a.must(func() error { return s.Hangup(ReasonHeader{}) })
			p.request("BYE") // not answered: the dialog lingers
			return replaces(s, "")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				line := c.run(b, a, p)
				p.drain()
				p.target, p.tag = "sip:1001@"+agentIP+":5060", "third"
				p.invite(line, "", "offer")
				p.response(c.code)
			})
		})
	}
}

func TestConformance_X10_ReplacesAbuse(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answered(a)
		a.saw("invited", "confirmed")
		line := "Replaces: " + string(s.ID()) + ";to-tag=" + string(s.LocalTag()) + ";from-tag=" + string(s.RemoteTag())
		p.target, p.tag = "sip:1001@"+agentIP+":5060", "third"
		p.invite(line, line, "", "offer")
		p.response(400)
		p.invite(line+";early-only", "", "offer")
		for _, code := range []int{486} {
			for m := p.next(time.Second); m != nil; m = p.next(time.Second) {
				if message.CallID(m.msg) == p.callID && m.msg.(*message.Response).StatusCode != code {
					t.Errorf("got %s", m.raw)
				}
			}
		}
		p.invite(line, "Join: "+strings.TrimPrefix(line, "Replaces: "), "", "offer")
		for m := p.next(time.Second); m != nil; m = p.next(time.Second) {
			if message.CallID(m.msg) == p.callID && m.msg.(*message.Response).StatusCode != 400 {
				t.Errorf("got %s", m.raw)
			}
		}
		a.saw()
	})
	t.Run("a stranger who knows the tags", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001", anyone), b.peer(pbxIP)
			s := p.answered(a)
			q := b.peer(otherIP)
			q.invite("Replaces: "+string(s.ID())+";to-tag="+string(s.LocalTag())+";from-tag="+string(s.RemoteTag()), "", "offer")
			q.response(403)
			if s.State() != StateConfirmed {
				t.Errorf("state %s", s.State())
			}
		})
	})
}

func TestConformance_X11_AttendedTransferNamesTheFarTags(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answers(a)
		q := b.peer("10.0.0.7")
		consult := a.invite("sip:2002@10.0.0.7")
		q.reply(q.request("INVITE"), 200, "Contact: <sip:2002@10.0.0.7:5060;ob>", "", "answer")
		q.request("ACK")
		a.must(func() error {
			_, err := s.Refer(consult.Remote().URI, ReferOptions{Replaces: consult})
			return err
		})
		refer := p.request("REFER")
		to, r, err := message.ReferTo(refer)
		if err != nil || r == nil {
			t.Fatalf("Refer-To %s: %v", message.Value(refer, "Refer-To"), err)
		}
		if r.CallID != string(consult.ID()) || r.ToTag != q.tag || r.FromTag != string(consult.LocalTag()) || to.URI.Host != "10.0.0.7" {
			t.Errorf("Refer-To %s", message.Value(refer, "Refer-To"))
		}
		if strings.Contains(message.Value(refer, "Refer-To"), ";to-tag=") {
			t.Error("Replaces is not escaped")
		}
	})
}

func followAll(_ *Config, acc *Account) { acc.Accept3xx = Follow }

const threeContacts = "Contact: <sip:b@" + pbxIP + ">;q=0.5, <sip:c@" + pbxIP + ">;q=0.9, <tel:+1>, <sip:1001@" + pbxIP + ">"

// redirect answers an INVITE with 302.
func redirect(p *peer, inv *message.Request, line string) {
	p.bed.Helper()
	res := message.NewResponse(inv, 302, "", p.tag)
	message.Add(res, "Contact", strings.TrimPrefix(line, "Contact: "))
	p.write(string(message.Bytes(res)))
	p.request("ACK")
}

func TestConformance_X14_Redirects(t *testing.T) {
	t.Run("followed, each once", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001", followAll), b.peer(pbxIP)
			a.invite("sip:a@" + pbxIP)
			first := p.request("INVITE")
			redirect(p, first, threeContacts)
			second := p.request("INVITE")
			if message.RequestURI(second).User != "c" || message.CallID(second) != message.CallID(first) || seqOf(second) <= seqOf(first) {
				t.Errorf("second:\n%s", second)
			}
			redirect(p, second, "Contact: <sip:a@"+pbxIP+">, <sip:c@"+pbxIP+">") // a loop
			p.silent(time.Second)
			a.saw("ended rejected 302")
		})
	})
}

func TestConformance_X14_RedirectPolicies(t *testing.T) {
	t.Run("five at most", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001", followAll), b.peer(pbxIP)
			a.invite("sip:t0@" + pbxIP)
			for i := 1; i <= 6; i++ {
				redirect(p, p.request("INVITE"), fmt.Sprintf("Contact: <sip:t%d@%s>", i, pbxIP))
			}
			p.silent(time.Second)
			a.saw("ended rejected 302")
		})
	})
	t.Run("asked", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.on = func(s *Session, e Event) {
				if r, ok := e.(Redirected); ok {
					_ = s.Follow(r.Contacts[0])
				}
			}
			a.invite("sip:a@" + pbxIP)
			redirect(p, p.request("INVITE"), threeContacts)
			if u := message.RequestURI(p.request("INVITE")).User; u != "c" {
				t.Errorf("followed to %s", u)
			}
			a.saw("redirected 2")
		})
	})
	t.Run("asked and hung up", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.on = func(s *Session, e Event) {
				if _, ok := e.(Redirected); ok {
					_ = s.Hangup(ReasonHeader{})
				}
			}
			a.invite("sip:a@" + pbxIP)
			redirect(p, p.request("INVITE"), threeContacts)
			p.silent(time.Minute)
			a.saw("redirected 2", "ended cancelled 0")
			a.empty()
		})
	})
	t.Run("asked and not followed", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			a.invite("sip:a@" + pbxIP)
			redirect(p, p.request("INVITE"), threeContacts)
			p.silent(time.Second)
			a.saw("redirected 2", "ended rejected 302")
			a.empty()
		})
	})
}
