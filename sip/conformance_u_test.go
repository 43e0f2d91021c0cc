package sip

import (
	"fmt"
	"os"
	"path/filepath"
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

// rfc4475 are the answers that the RFC prescribes where a user agent server is
// asked; an empty list: nothing is answered (a response, an ACK, no framing).
var rfc4475 = map[string][]int{
	"badinv01.dat": {400}, "clerr.dat": {400}, "ncl.dat": {400}, "scalar02.dat": {400}, "quotbal.dat": {400},
	"ltgtruri.dat": {400}, "lwsruri.dat": {400}, "lwsstart.dat": {400}, "trws.dat": {400}, "escruri.dat": {400},
	"baddate.dat": {400, 200, 486}, "regbadct.dat": {400}, "badaspec.dat": {400}, "baddn.dat": {400}, "badvers.dat": {505},
	"mismatch01.dat": {400}, "mismatch02.dat": {400, 501, 405}, "insuf.dat": {400}, "unkscm.dat": {416, 405},
	"novelsc.dat": {416, 405}, "unksm2.dat": {400, 200, 405}, "bext01.dat": {420}, "invut.dat": {415}, "multi01.dat": {400},
	"mcl01.dat": {400}, "zeromf.dat": {200}, "cparam01.dat": {200, 405}, "cparam02.dat": {200, 405},
	"regescrt.dat": {200, 405}, "sdp01.dat": {406}, "inv2543.dat": {486}, "wsinv.dat": {481}, "intmeth.dat": {405, 501},
	"esc01.dat": {486}, "escnull.dat": {405}, "esc02.dat": {405, 501}, "lwsdisp.dat": {200}, "longreq.dat": {486},
	"dblreq.dat": {405}, "semiuri.dat": {200}, "transports.dat": {200}, "mpart01.dat": {200}, "unreason.dat": {},
	"noreason.dat": {}, "scalarlg.dat": {}, "bigcode.dat": {}, "bcast.dat": {}, "badbranch.dat": {200, 400},
	"regaut01.dat": {405, 401}, "test.dat": nil,
}

func TestConformance_U13_RFC4475MessagesToALiveAgent(t *testing.T) {
	dir := filepath.Join("..", "testdata", "rfc4475")
	files, err := filepath.Glob(filepath.Join(dir, "*.dat"))
	if err != nil || len(files) < 49 {
		t.Fatalf("%d messages in %s: %v", len(files), dir, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			want, known := rfc4475[name]
			if !known {
				t.Fatal("no answer is written down for this message")
			}
			if want == nil {
				return
			}
			story(t, func(b *bed) { torture(b, raw, want) })
		})
	}
}

// torture sends a message to a live agent by UDP from where its Via points, and
// checks the answer and that the next request is served.
func torture(b *bed, raw []byte, want []int) {
	b.Helper()
	a := b.agent(agentIP, "1001", anyone, func(c *Config, _ *Account) {
		c.Policy.LocalUsers = func(string) bool { return true }
	})
	a.invited = func(s *Session) { _ = s.Reject(486, "") }
	var got []string
	p := b.anyPeer(otherIP)
	p.write(string(raw))
	b.pass(100 * time.Millisecond)
	for len(p.texts) > 0 {
		got = append(got, strings.SplitN(<-p.texts, "\r\n", 2)[0])
	}
	ok := len(want) == 0 && len(got) == 0
	for _, code := range want {
		for _, line := range got {
			ok = ok || strings.HasPrefix(line, fmt.Sprintf("SIP/2.0 %d ", code))
		}
	}
	if !ok {
		b.Errorf("want %v, got %v", want, got)
	}
	p.write("OPTIONS sip:1001@" + agentIP + " SIP/2.0\r\nVia: SIP/2.0/UDP " + otherIP + ":5060;rport;branch=z9hG4bKnext\r\n" +
		"Max-Forwards: 70\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:1001@y>\r\nCall-ID: next\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")
	b.pass(100 * time.Millisecond)
	next := ""
	for len(p.texts) > 0 {
		if text := <-p.texts; strings.Contains(text, "CSeq: 1 OPTIONS") {
			next = text
		}
	}
	if !strings.HasPrefix(next, "SIP/2.0 200") {
		b.Errorf("the next request got %q", next)
	}
}
