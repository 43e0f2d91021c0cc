package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// desk is an agent that answers, and does what a REFER asks for.
func (b *bed) desk(ip, user string, opts ...setup) *agent {
	b.Helper()
	own := func(c *Config, acc *Account) {
		anyone(c, acc)
		acc.AOR, acc.Registrar = uri("sip:"+user+"@"+bracket(ip)), URI{}
	}
	a := b.agent(ip, user, append([]setup{own}, opts...)...)
	a.invited = func(s *Session) {
		_ = s.Ring()
		_ = s.Answer([]byte(user + " answers"))
	}
	a.on = a.obey
	return a
}

func bracket(ip string) string {
	if strings.Contains(ip, ":") {
		return "[" + ip + "]"
	}
	return ip
}

// obey answers offers and carries out transfers, as a transferee does.
func (a *agent) obey(s *Session, e Event) {
	switch e := e.(type) {
	case OfferReceived:
		_ = s.AnswerOffer([]byte("answer to " + string(e.SDP)))
	case ReferReceived:
		r := e.Refer
		_ = r.Accept()
		_, err := a.Invite(InviteOptions{Account: a.account, To: r.To(), Offer: []byte("offer"), Replaces: r.Replaces(),
			ReferredBy: r.ReferredBy(), Timeout: 20 * time.Second}, SessionHandlerFunc(func(_ *Session, e Event) {
			switch e := e.(type) {
			case Progressed:
				_ = r.Notify(e.Code, e.Reason, false)
			case Answered:
				_ = r.Notify(200, "OK", true)
			case Ended:
				if e.Cause.Kind != CauseCompleted {
					_ = r.Notify(max(e.Cause.Code, 408), e.Cause.Reason, true)
				}
			}
		}))
		if err != nil {
			_ = r.Notify(500, "", true)
		}
	}
}

func (a *agent) call(to *agent) *Session {
	a.bed.Helper()
	s := a.invite(to.account.AOR.String())
	a.bed.pass(100 * time.Millisecond)
	if s.State() != StateConfirmed {
		a.bed.Fatalf("call to %s is %s: %v", to.account.AOR, s.State(), a.events)
	}
	return s
}

func TestStoryHoldAndResumeBothWays(t *testing.T) {
	for name, ips := range map[string][2]string{"IPv4": {"10.1.0.1", "10.1.0.2"}, "IPv6": {"2001:db8::1", "2001:db8::2"}} {
		for _, transport := range []string{"udp", "tcp"} {
			t.Run(name+" "+transport, func(t *testing.T) {
				story(t, func(b *bed) {
					listen := func(ip string) setup {
						return func(c *Config, acc *Account) {
							c.Listen = []Listen{{"udp", bracket(ip) + ":5060"}, {"tcp", bracket(ip) + ":5060"}}
							acc.Transport = transport
						}
					}
					x, y := b.desk(ips[0], "x", listen(ips[0])), b.desk(ips[1], "y", listen(ips[1]))
					s := x.call(y)
					for _, sdp := range []string{"hold", "resume"} {
						x.must(func() error { return s.Reinvite([]byte(sdp)) })
						b.pass(time.Second)
						y.must(func() error { return y.sessions[0].Reinvite([]byte("their " + sdp)) })
						b.pass(time.Second)
						y.must(func() error { return y.sessions[0].Update([]byte("update " + sdp)) })
						b.pass(time.Second)
					}
					y.must(func() error { return y.sessions[0].Hangup(ReasonHeader{}) })
					b.pass(time.Second)
					x.saw("progressed 180", "answered y answers",
						"answer answer to hold", "offer INVITE their hold", "offer UPDATE update hold",
						"answer answer to resume", "offer INVITE their resume", "offer UPDATE update resume", "ended completed 0")
					x.empty()
					y.empty()
				})
			})
		}
	}
}

func TestStoryBlindTransfer(t *testing.T) {
	for _, c := range []struct {
		name    string
		invited func(*Session)
		want    string
	}{
		{"accepted", nil, "transfer 100; transfer 180; transfer ended ok=true 200 timeout=false"},
		{"refused", func(s *Session) { _ = s.Reject(603, "") }, "transfer 100; transfer ended ok=false 603 timeout=false"},
		{"busy", func(s *Session) { _ = s.Reject(486, "") }, "transfer 100; transfer ended ok=false 486 timeout=false"},
		{"unanswered", func(s *Session) { _ = s.Ring() }, "transfer 100; transfer 180; transfer ended ok=false 408 timeout=false"},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, func(b *bed) {
				x, y, z := b.desk("10.1.0.1", "x"), b.desk("10.1.0.2", "y"), b.desk("10.1.0.3", "z")
				if c.invited != nil {
					z.invited = c.invited
				}
				s := x.call(y)
				x.do(func() { x.events = nil })
				x.must(func() error { _, err := s.Refer(z.account.AOR, ReferOptions{}); return err })
				b.pass(time.Minute)
				x.saw(strings.Split(c.want, "; ")...)
				if s.State() != StateConfirmed {
					t.Errorf("the contact's call is %s", s.State())
				}
				x.must(func() error { return s.Hangup(ReasonHeader{}) })
				b.pass(time.Minute)
				x.empty()
			})
		})
	}
}

func TestStoryAttendedTransfer(t *testing.T) {
	story(t, func(b *bed) {
		x, y, z := b.desk("10.1.0.1", "x"), b.desk("10.1.0.2", "y"), b.desk("10.1.0.3", "z")
		z.account.AcceptReplaces = Follow
		// The target knows the consulted agent's side only: the peer's address must match,
		// so it trusts the one that the transfer brings.
		z.do(func() { z.UA.cfg.Policy.TrustIdentity = func(netip.AddrPort) bool { return true } })
		main := x.call(y)
		consult := x.call(z)
		x.do(func() { x.events = nil })
		x.must(func() error {
			_, err := main.Refer(z.account.AOR, ReferOptions{Replaces: consult})
			return err
		})
		b.pass(10 * time.Second)
		x.saw("transfer 100", "ended completed 0", "transfer 180", "transfer ended ok=true 200 timeout=false")
		if consult.State() != StateTerminated || main.State() != StateConfirmed {
			t.Errorf("consultation %s, main %s", consult.State(), main.State())
		}
		x.must(func() error { return main.Hangup(ReasonHeader{}) })
		b.pass(time.Minute)
		x.empty()
	})
}

func TestOutboundProxyAndServiceRoute(t *testing.T) {
	story(t, func(b *bed) {
		a := b.agent(agentIP, "1001", func(_ *Config, acc *Account) {
			proxy := uri("sip:" + otherIP + ":5060")
			acc.Proxy = &proxy
		})
		p := b.peer(otherIP)
		a.do(func() { a.UA.routes[a.account] = []Address{{URI: uri("sip:edge@10.0.0.9;lr")}} })
		a.invite("sip:2002@" + pbxIP)
		inv := p.request("INVITE")
		if got := strings.Join(message.Elements(inv, "Route"), ","); got != "<sip:"+otherIP+":5060;lr>,<sip:edge@10.0.0.9;lr>" {
			t.Errorf("Route %s", got)
		}
		if message.RequestURI(inv).String() != "sip:2002@"+pbxIP {
			t.Errorf("Request-URI %s", message.RequestURI(inv))
		}
		p.reply(inv, 486)
		p.request("ACK")
	})
}

func TestIdentityChangesDuringACall(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answered(a)
		p.ask("UPDATE", `P-Asserted-Identity: "Third" <sip:3003@pbx>`)
		p.response(200)
		p.ask("UPDATE", `P-Asserted-Identity: "Third" <sip:3003@pbx>`) // nothing new
		p.response(200)
		p.ask("UPDATE", `Remote-Party-ID: "Fourth" <sip:4004@pbx>;party=called`)
		p.response(200)
		a.saw("invited", "confirmed", "identity Third", "identity Fourth")
		if s.Identity().URI.User != "4004" || s.Remote().URI.User != "peer" {
			t.Errorf("identity %s, remote %s", s.Identity(), s.Remote())
		}
	})
}

func TestEarlyUpdate(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		acceptOffers(a)
		s := a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		p.reply(inv, 183, "Require: 100rel", "RSeq: 5", "Allow: UPDATE, PRACK", "", "early")
		p.reply(p.request("PRACK"), 200)
		b.pass(time.Second)
		a.must(func() error { return s.Update([]byte("second offer")) })
		p.reply(p.request("UPDATE"), 200, "", "second answer")
		p.ask("UPDATE", "", "their offer")
		p.response(200)
		p.reply(inv, 200)
		p.request("ACK")
		a.saw("progressed 183 early", "answer second answer", "offer UPDATE their offer", "answered")
	})
}

func TestMessageInAndOut(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.asked = func(r *IncomingRequest) {
			if !r.FromRegistrar() || string(r.Body()) != `{"id":"cb-1","name":"山田"}` || r.ContentType() != "application/json" {
				t.Errorf("body %s, type %s", r.Body(), r.ContentType())
			}
			_ = r.Respond(202, "", nil, "", nil)
			if r.Respond(200, "", nil, "", nil) != ErrFinal {
				t.Error("answered twice")
			}
		}
		p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
		p.ask("MESSAGE", "X-Type: application/json", "", `{"id":"cb-1","name":"山田"}`)
		p.response(202)
		replies := map[string]Reply{}
		send := func(kind string) {
			a.do(func() {
				a.UA.Request(a.account, RequestOptions{Method: "MESSAGE", To: uri("sip:callbacks@" + pbxIP), ContentType: kind, Body: []byte("{}")},
					func(r Reply) { replies[kind] = r })
			})
		}
		send("application/json")
		p.reply(p.request("MESSAGE"), 415, "Accept: text/plain")
		send("text/plain")
		p.reply(p.request("MESSAGE"), 401, challengeLine)
		p.reply(p.request("MESSAGE"), 202)
		b.pass(time.Second)
		if fmt.Sprint(replies["application/json"].Code, replies["text/plain"].Code) != "415 202" {
			t.Errorf("%v", replies)
		}
		send("never") // nobody answers
		b.pass(time.Minute)
		if replies["never"].Err == nil {
			t.Error("no error without an answer")
		}
		a.empty()
	})
}

func TestRegisterByHandTeachesWhoThePBXIs(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.do(func() { a.UA.peers = newPeerBook() })
		p.invite("", "offer")
		p.response(403) // nobody is known yet
		p.drain()
		a.do(func() {
			target := a.account.Registrar
			a.UA.Request(a.account, RequestOptions{Method: "REGISTER", To: a.account.AOR, Target: &target,
				Headers: []Header{{Name: "Contact", Value: "<sip:1001@" + agentIP + ":5060>"}}}, func(Reply) {})
		})
		for {
			m := p.next(time.Minute)
			if req, ok := m.msg.(*message.Request); ok {
				if message.Value(req, "Contact") != "<sip:1001@"+agentIP+":5060>" {
					t.Errorf("Contact %s", message.Value(req, "Contact"))
				}
				p.reply(req, 200)
				break
			}
		}
		a.invited = func(s *Session) { _ = s.Ring() }
		p.invite("", "offer")
		for m := p.next(time.Second); m != nil; m = p.next(time.Second) {
			if res, ok := m.msg.(*message.Response); ok && message.CallID(res) == p.callID {
				if res.StatusCode != 180 {
					t.Errorf("got %d", res.StatusCode)
				}
				return
			}
		}
		t.Error("the PBX's call got no answer")
	})
}

func TestBadOptionsAreNamed(t *testing.T) {
	story(t, func(b *bed) {
		a := b.agent(agentIP, "1001")
		for want, o := range map[string]InviteOptions{
			"neither account":   {To: uri("sip:a@b")},
			"not a SIP address": {Account: a.account, To: uri("tel:+1")},
			"control character": {Account: a.account, To: uri("sip:a@b"), Headers: []Header{{Name: "X-A", Value: "a\r\nEvil: 1"}}},
			"the stack writes":  {Account: a.account, To: uri("sip:a@b"), Headers: []Header{{Name: "v", Value: "SIP/2.0/UDP evil"}}},
			"transport":         {Account: &Account{AOR: uri("sip:a@b"), Transport: "carrier pigeon"}, To: uri("sip:a@b")},
		} {
			a.do(func() {
				if _, err := a.UA.Invite(o, a); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v", want, err)
				}
			})
		}
		for want, cfg := range map[string]Config{
			"no loop":      {},
			"no listen":    {Loop: a.loop},
			"carrier":      {Loop: a.loop, Network: b.net.Host("10.9.9.9"), Listen: []Listen{{"carrier", "10.9.9.9:1"}}},
			"/nowhere.pem": {Loop: a.loop, Listen: []Listen{{"udp", "x"}}, TLS: TLSConfig{CAFile: "/nowhere.pem"}},
			"10.9.9.8:1":   {Loop: a.loop, Network: b.net.Host("10.9.9.9"), Listen: []Listen{{"udp", "10.9.9.8:1"}}},
		} {
			if _, err := NewUA(cfg); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(want)) {
				t.Errorf("%s: %v", want, err)
			}
		}
		a.empty()
	})
}
