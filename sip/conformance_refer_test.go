package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// onRefer lets the agent treat a REFER that comes.
func onRefer(a *agent, treat func(r *IncomingRefer)) {
	a.on = func(_ *Session, e Event) {
		if r, ok := e.(ReferReceived); ok {
			treat(r.Refer)
		}
	}
}

func TestConformance_X08_Nosub(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		onRefer(a, func(r *IncomingRefer) {
			_ = r.Accept()
			_ = r.Notify(200, "", true)
		})
		p.answered(a)
		p.ask("REFER", "Refer-To: <"+target+">", "Require: nosub")
		p.response(200)
		p.silent(5 * time.Minute)
		p.ask("BYE")
		p.response(200)
		a.empty()
	})
}

// X11: whatever stands in the consultation's Contact, Call-ID and tags comes out of
// Refer-To as it was, escaped once.
func TestConformance_X11_EscapedOnce(t *testing.T) {
	for _, c := range []struct{ contact, callID, tag string }{
		{"<sip:2002@10.0.0.7:5060;ob>", "a%b@10.0.0.7", "x"},
		{"<sip:2002@10.0.0.7;gr=urn:uuid:f81d4fae-7dec>", "12%40", "t.~'1"},
		{"<sip:2002@10.0.0.7;ob;+x=y>", "id-1@host.example", "a%3Bb"},
	} {
		t.Run(c.callID, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				s := p.answers(a)
				q := b.peer("10.0.0.7") // the colleague called us: Call-ID and from-tag are its own
				a.do(func() { a.UA.peers.learn(a.account, hostAddr(uri("sip:10.0.0.7"))) })
				a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
				q.callID, q.tag, q.remote, q.seq = c.callID, c.tag, "<sip:1001@"+pbxIP+">", 0
				q.ask("INVITE", "Contact: "+c.contact, "", "offer")
				q.response(200)
				q.ack()
				b.pass(20 * time.Millisecond)
				consult := a.session()
				a.must(func() error {
					_, err := s.Refer(uri("sip:2002@10.0.0.7"), ReferOptions{Replaces: consult})
					return err
				})
				refer := p.request("REFER")
				to, r, err := message.ReferTo(refer)
				if err != nil || r == nil {
					t.Fatalf("Refer-To %s: %v", message.Value(refer, "Refer-To"), err)
				}
				if r.CallID != c.callID || r.ToTag != c.tag || r.FromTag != string(consult.LocalTag()) || to.URI.Host != "10.0.0.7" {
					t.Errorf("Refer-To %s names %+v", message.Value(refer, "Refer-To"), r)
				}
				want := "?Replaces=" + strings.ReplaceAll(message.EscapeHeader(c.callID+";to-tag="+c.tag+";from-tag="+string(consult.LocalTag())), " ", "%20")
				if !strings.Contains(message.Value(refer, "Refer-To"), want) {
					t.Errorf("Refer-To %s, want in it %s", message.Value(refer, "Refer-To"), want)
				}
			})
		})
	}
}

func TestConformance_X12_ReferredBy(t *testing.T) {
	const by = `"Boss" <sip:boss@pbx>;cid="1@x"`
	for _, name := range []string{"Referred-By", "b"} {
		t.Run(name, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				var refer *IncomingRefer
				onRefer(a, func(r *IncomingRefer) { refer = r; _ = r.Accept() })
				s := p.answered(a)
				p.ask("REFER", "Refer-To: <"+target+">", name+": "+by)
				p.response(202)
				p.reply(p.request("NOTIFY"), 200)
				if got := s.Identity().Display; got == "Boss" {
					t.Error("Referred-By was taken for an identity")
				}
				a.invite(target, func(o *InviteOptions) { o.ReferredBy = refer.ReferredBy() })
				inv := p.request("INVITE")
				if got := message.Value(inv, "Referred-By"); got != by {
					t.Errorf("Referred-By %q, want it as it came", got)
				}
				// RFC 3892 5: the target wants proof, which only the referrer has: the
				// answer goes to it.
				p.reply(inv, 429)
				p.request("ACK")
				b.pass(20 * time.Millisecond)
				a.must(func() error { return refer.Notify(429, "", true) })
				n := p.request("NOTIFY")
				if got := string(n.Body()); got != "SIP/2.0 429 Provide Referrer Identity\r\n" {
					t.Errorf("NOTIFY says %q", got)
				}
				p.reply(n, 200)
			})
		})
	}
	t.Run("none was given", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			onRefer(a, func(r *IncomingRefer) {
				if r.ReferredBy() != "" {
					t.Errorf("by %q", r.ReferredBy())
				}
				_ = r.Refuse(603)
			})
			p.answered(a)
			p.ask("REFER", "Refer-To: <"+target+">")
			p.response(603)
		})
	})
}

func TestConformance_X14_NeverFromSIPSToSIP(t *testing.T) {
	story(t, func(b *bed) {
		a := b.agent(agentIP, "1001", followAll)
		s := &Session{ua: a.UA, account: a.account, out: &outCall{target: uri("sips:a@pbx.test")}}
		res := message.NewResponse(message.NewRequest(message.INVITE, uri("sips:a@pbx.test")), 302, "", "t")
		message.Add(res, "Contact", "<sip:b@pbx.test>, <sips:c@pbx.test>, <sip:d@pbx.test;transport=tls>")
		a.do(func() {
			if got := s.newTargets(res); len(got) != 1 || got[0].User != "c" {
				t.Errorf("from a sips target to %v", got)
			}
		})
	})
}

func TestConformance_O19_RequiredAndEmptyParts(t *testing.T) {
	multipart := func(parts ...string) []string {
		lines := []string{"X-Type: multipart/mixed;boundary=xx", ""}
		for _, part := range parts {
			lines = append(lines, "--xx")
			lines = append(lines, strings.Split(part, "\n")...)
		}
		return append(lines, "--xx--", "")
	}
	const sdp = "Content-Type: application/sdp\n\nthe offer"
	for _, c := range []struct {
		name, part string
		code       int
	}{
		{"unknown and required", "Content-Type: application/isup\nContent-Disposition: signal;handling=required\n\nxx", 415},
		{"unknown and optional", "Content-Type: application/isup\nContent-Disposition: signal;handling=optional\n\nxx", 180},
		{"unknown without a word", "Content-Type: application/isup\n\nxx", 180},
		{"empty", "Content-Type: application/json\n\n", 180},
		{"empty without headers", "", 180},
	} {
		for i, parts := range [][]string{{sdp, c.part}, {c.part, sdp}} {
			t.Run(fmt.Sprint(c.name, i), func(t *testing.T) {
				story(t, func(b *bed) {
					a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
					a.invited = func(s *Session) { _ = s.Ring() }
					p.invite(multipart(parts...)...)
					res := p.response(c.code)
					if c.code == 415 {
						if !strings.Contains(message.Value(res, "Accept"), "application/sdp") {
							t.Errorf("Accept: %q", message.Value(res, "Accept"))
						}
						a.saw()
						return
					}
					if got := string(a.session().Offer()); got != "the offer" {
						t.Errorf("offer %q", got)
					}
				})
			})
		}
	}
}

func TestConformance_D07_TargetRefreshByA2xx(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		moved := b.peer("10.0.0.7")
		s := p.answers(a)
		a.must(func() error { return s.Reinvite([]byte("hold")) })
		p.reply(p.request("INVITE"), 200, "Contact: <sip:moved@10.0.0.7:5060>", "", "held")
		ack := moved.request("ACK")
		if got := message.RequestURI(ack).String(); got != "sip:moved@10.0.0.7:5060" {
			t.Errorf("ACK to %s", got)
		}
		a.must(func() error { return s.Update([]byte("resume")) })
		up := moved.request("UPDATE")
		moved.reply(up, 200, "Contact: <sip:back@"+pbxIP+":5060>", "", "resumed")
		b.pass(20 * time.Millisecond)
		a.must(func() error { return s.Hangup(ReasonHeader{}) })
		bye := p.request("BYE")
		if got := message.RequestURI(bye).String(); got != "sip:back@"+pbxIP+":5060" {
			t.Errorf("BYE to %s", got)
		}
		p.reply(bye, 200)
	})
}

func TestConformance_E02_NonsenseInA422(t *testing.T) {
	for _, min := range []string{"", "Min-SE: 0", "Min-SE: x", "Min-SE: -5", "Min-SE: 99999999999", "Min-SE: 90"} {
		t.Run(min, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001", func(_ *Config, acc *Account) { acc.SessionExpires = 300 * time.Second }), b.peer(pbxIP)
				a.invite("sip:peer@" + pbxIP)
				var lines []string
				if min != "" {
					lines = []string{min}
				}
				for tries := 1; ; tries++ {
					m := p.next(time.Minute)
					if m == nil {
						break
					}
					if req := m.msg.(*message.Request); req.Method == message.INVITE {
						p.reply(req, 422, lines...)
					}
					if tries > 8 {
						t.Fatal("tried for ever")
					}
				}
				a.saw("ended failed 422")
			})
		})
	}
}
