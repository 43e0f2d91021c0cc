package sip

import (
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// anyone lets every source in.
func anyone(c *Config, _ *Account) { c.Policy.AcceptFrom = AcceptAnyone }

func TestConformance_U01_MethodNotSupported(t *testing.T) {
	story(t, func(b *bed) {
		b.agent(agentIP, "1001")
		p := b.peer(pbxIP)
		for _, method := range []string{"FOO", "PUBLISH", "SUBSCRIBE", "invite"} {
			p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
			p.ask(method)
			if allow := message.Value(p.response(405), "Allow"); !strings.Contains(allow, "INVITE, ACK, CANCEL, BYE") {
				t.Errorf("%s: Allow %q", method, allow)
			}
		}
	})
}

func TestConformance_U02_RequestURIScheme(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		for _, target := range []string{"http://1001", "soap.beep:192.0.2.1", "tel:+81312345678"} {
			p.callID, p.remote, p.target = message.NewCallID(), "<sip:1001@"+pbxIP+">", target
			inv := p.build("INVITE", "", "offer")
			text := string(message.Bytes(inv))
			_, rest, _ := strings.Cut(text, "\r\n")
			p.write("INVITE " + target + " SIP/2.0\r\n" + rest)
			p.ackRefusal(inv, p.response(416))
		}
		a.saw()
	})
}

func TestConformance_U03_UserIsNotHere(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.target = "sip:nobody@" + agentIP
		p.invite("", "offer")
		p.response(404)
		a.saw()
	})
}

func TestConformance_U04_Require(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		inv := p.invite("Require: nothingSupportsThis, 100rel, nothingSupportsThisEither", "", "offer")
		res := p.response(420)
		if got := message.Value(res, "Unsupported"); got != "nothingSupportsThis, nothingSupportsThisEither" {
			t.Errorf("Unsupported: %s", got)
		}
		p.write(string(message.Bytes(p.sibling(inv, "ACK", "Require: nothingSupportsThis"))))
		p.silent(time.Minute) // the ACK was taken, whatever it requires
		a.saw()
	})
}

func TestConformance_U05_ContentType(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.invite("X-Type: application/unknownformat", "", "what")
		if accept := message.Value(p.response(415), "Accept"); !strings.Contains(accept, "application/sdp") {
			t.Errorf("Accept: %s", accept)
		}
		a.saw()
	})
}

func TestConformance_U06_ContentEncodingAndDisposition(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		inv := p.invite("e: gzip", "", "offer")
		res := p.response(415)
		if !message.Has(res, "Accept-Encoding") {
			t.Errorf("no Accept-Encoding in\n%s", res)
		}
		p.ackRefusal(inv, res)
		a.invited = func(s *Session) { _ = s.Ring() }
		p.invite("X-Type: application/unknownformat", "Content-Disposition: x;handling=optional", "", "what")
		p.response(180)
		a.saw("invited")
	})
}

func TestConformance_U07_AcceptWithoutSDP(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.invite("Accept: text/nobodyKnowsThis", "", "offer")
		p.response(406)
		a.saw()
	})
}

func TestConformance_U14_MaxForwards(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
		p.ask("OPTIONS", "Max-Forwards: 0")
		p.response(200)
		a.invite("sip:peer@" + pbxIP)
		inv := p.request("INVITE")
		if message.Value(inv, "Max-Forwards") != "70" {
			t.Errorf("Max-Forwards: %s", message.Value(inv, "Max-Forwards"))
		}
		p.reply(inv, 483)
		p.request("ACK")
		a.saw("ended routing-loop 483")
	})
}

func TestConformance_U15_Options(t *testing.T) {
	story(t, func(b *bed) {
		busy := 0
		a := b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Policy.Available = func() int { return busy } })
		p := b.peer(pbxIP)
		options := func(code int) {
			t.Helper()
			p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
			p.ask("OPTIONS")
			res := p.response(code)
			for _, name := range []string{"Allow", "Accept", "Supported"} {
				if message.Value(res, name) == "" {
					t.Errorf("no %s", name)
				}
			}
		}
		options(200)
		a.do(func() { busy = 486 })
		options(486)
		a.empty()
		p.answered(a)
		p.ask("OPTIONS")
		p.response(200)
		a.saw("invited", "confirmed")
	})
}

func TestConformance_U16_UnknownDialog(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		s := p.answered(a)
		was := p.remote
		for _, method := range []string{"BYE", "INFO", "INVITE", "NOTIFY", "REFER", "UPDATE", "PRACK", "MESSAGE"} {
			p.remote = "<sip:1001@" + pbxIP + ">;tag=wrong"
			req := p.ask(method)
			res := p.response(481)
			if method == "INVITE" {
				p.ackRefusal(req, res)
			}
		}
		p.ask("ACK") // dropped
		p.silent(time.Second)
		p.remote = was
		p.ask("INFO")
		p.response(200)
		a.do(func() {
			if s.State() != StateConfirmed {
				t.Errorf("state %s", s.State())
			}
		})
	})
}

func TestConformance_U17_RefusedByTheHandlerAtOnce(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Reject(486, "", Header{Name: "Reason", Value: "SIP;cause=486"}) }
		begin := time.Now()
		p.invite("", "offer")
		m := p.next(time.Second)
		if m == nil || m.at.Sub(begin) > 200*time.Millisecond || m.msg.(*message.Response).StatusCode != 486 {
			t.Errorf("got %v", m)
		}
	})
}

func TestConformance_U18_ExpiresEndsTheRinging(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Ring() }
		p.invite("Expires: 3", "", "offer")
		p.response(180)
		first := time.Now()
		p.response(487)
		if d := time.Since(first).Round(time.Second); d != 3*time.Second {
			t.Errorf("after %v", d)
		}
		a.saw("invited", "ended no-answer 487")
	})
}

func TestConformance_U19_Overload(t *testing.T) {
	story(t, func(b *bed) {
		a := b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Limits.InvitesPerSec = 5 })
		p := b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Reject(486, "") }
		codes := map[int]int{}
		for range 20 {
			p.invite("", "offer")
			m := p.next(time.Second)
			codes[m.msg.(*message.Response).StatusCode]++
			if message.Value(m.msg, "Retry-After") == "" && m.msg.(*message.Response).StatusCode == 503 {
				t.Error("no Retry-After")
			}
			p.drain()
		}
		if codes[486] > 6 || codes[503] < 14 {
			t.Errorf("codes %v", codes)
		}
	})
}

func TestConformance_U20_RouteSets(t *testing.T) {
	t.Run("loose", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a, "Record-Route: <sip:"+otherIP+";lr>, <sip:"+pbxIP+":5060;lr;x=y>", "", "answer")
			a.must(func() error { return s.Reinvite([]byte("more")) })
			re := p.request("INVITE")
			// The route set is the Record-Route in reverse: the nearest proxy first.
			want := []string{"<sip:" + pbxIP + ":5060;lr;x=y>", "<sip:" + otherIP + ";lr>"}
			if got := message.Elements(re, "Route"); strings.Join(got, ",") != strings.Join(want, ",") {
				t.Errorf("Route %v", got)
			}
			if got := message.RequestURI(re).String(); got != "sip:peer@"+pbxIP+":5060" {
				t.Errorf("Request-URI %s", got)
			}
		})
	})
	t.Run("in the ACK of the 2xx", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			for _, c := range []struct{ record, uri, route string }{
				{"<sip:" + pbxIP + ";lr>", "sip:peer@10.0.0.77:5060", "<sip:" + pbxIP + ";lr>"},
				{"<sip:" + pbxIP + ";x=y>", "sip:" + pbxIP + ";x=y", "<sip:peer@10.0.0.77:5060>"},
			} {
				a.invite("sip:peer@" + pbxIP)
				p.reply(p.request("INVITE"), 200, "Contact: <sip:peer@10.0.0.77:5060>", "Record-Route: "+c.record, "", "answer")
				ack := p.request("ACK")
				if got := message.RequestURI(ack).String(); got != c.uri || message.Value(ack, "Route") != c.route {
					t.Errorf("ACK %s, Route %s, want %s, %s", got, message.Value(ack, "Route"), c.uri, c.route)
				}
			}
		})
	})
	t.Run("strict", func(t *testing.T) {
		story(t, func(b *bed) {
			a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
			s := p.answers(a, "Record-Route: <sip:"+otherIP+";lr>, <sip:"+pbxIP+":5060;x=y>", "", "answer")
			a.must(func() error { return s.Hangup(ReasonHeader{}) })
			bye := p.request("BYE")
			if got := message.RequestURI(bye).String(); got != "sip:"+pbxIP+":5060;x=y" {
				t.Errorf("Request-URI %s", got)
			}
			want := "<sip:" + otherIP + ";lr>,<sip:peer@" + pbxIP + ":5060>"
			if got := strings.Join(message.Elements(bye, "Route"), ","); got != want {
				t.Errorf("Route %s", got)
			}
			p.reply(bye, 200)
		})
	})
}

func TestConformance_S08_OnlyTheRegistrarMayCall(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(otherIP)
		p.invite("", "offer")
		p.response(403)
		p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
		p.ask("MESSAGE", "X-Type: text/plain", "", "hello")
		for {
			res := p.next(time.Second).msg.(*message.Response)
			if message.MethodOf(res) == "MESSAGE" {
				if res.StatusCode != 403 {
					t.Errorf("MESSAGE got %d", res.StatusCode)
				}
				break
			}
		}
		a.saw()
	})
}

func TestConformance_S09_IdentityOnlyFromTheTrustedProxy(t *testing.T) {
	identity := `P-Asserted-Identity: "Boss" <sip:boss@pbx>`
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001", anyone), b.peer(pbxIP)
		stranger := b.peer(otherIP)
		a.invited = func(s *Session) { _ = s.Ring() }
		p.invite(identity, "", "offer")
		p.response(180)
		if got := a.session().Identity().Display; got != "Boss" {
			t.Errorf("from the proxy: %q", got)
		}
		stranger.invite(identity, "", "offer")
		stranger.next(time.Second)
		a.do(func() {
			for _, s := range a.sessions[1:] {
				if s.Identity().Display == "Boss" {
					t.Error("a stranger's claim was believed")
				}
			}
		})
	})
}

func TestConformance_S11_NoRequestsToHostsThatAStrangerNames(t *testing.T) {
	story(t, func(b *bed) {
		b.agent(agentIP, "1001")
		p := b.peer(otherIP)
		victim := b.peer("10.0.0.9")
		p.invite("Contact: <sip:x@10.0.0.9>", "Record-Route: <sip:10.0.0.9;lr>", "Alert-Info: <http://10.0.0.9/ring.wav>", "", "offer")
		p.response(403)
		victim.silent(time.Minute)
	})
}

// The same with names: nobody asks the DNS for what a stranger wrote.
func TestConformance_S11_NoNamesOfAStrangersAreLookedUp(t *testing.T) {
	story(t, func(b *bed) {
		z := &zone{names: names{"evil.test": {"10.0.0.9"}}}
		b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Resolver = z })
		p := b.peer(otherIP)
		victim := b.peer("10.0.0.9")
		for _, method := range []string{"INVITE", "OPTIONS", "MESSAGE", "REFER", "SUBSCRIBE", "NOTIFY", "BYE", "PUBLISH"} {
			p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
			p.ask(method, "Via: SIP/2.0/UDP evil.test:5060;branch=z9hG4bK"+method+";rport", "Contact: <sip:x@evil.test>", "Route: <sip:evil.test;lr>",
				"Record-Route: <sip:evil.test;lr>", "Refer-To: <sip:x@evil.test>", "Call-Info: <http://evil.test/p.jpg>;purpose=icon",
				"Alert-Info: <http://evil.test/ring.wav>", "Error-Info: <sip:x@evil.test>", "Reply-To: <sip:x@evil.test>")
		}
		victim.silent(time.Minute)
		if len(z.asked) != 0 {
			t.Errorf("asked the DNS for %v", z.asked)
		}
	})
}

func TestOurOwnInviteComeBackIsALoop(t *testing.T) { // RFC 3261 8.2.2.2
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invite("sip:1001@" + pbxIP)
		inv := p.request("INVITE")
		back := message.Clone(inv)
		message.Prepend(back, "Via", "SIP/2.0/UDP "+pbxIP+":5060;branch="+message.NewBranch())
		p.write(string(message.Bytes(back)))
		p.response(482)
		a.saw()
	})
}
