package sip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// onUDPAndTCP tells a story with a PBX that talks over each.
func onUDPAndTCP(t *testing.T, fn func(b *bed, a *agent, p *peer)) {
	t.Helper()
	for _, kind := range []string{"UDP", "TCP"} {
		t.Run(kind, func(t *testing.T) {
			story(t, func(b *bed) {
				a := b.agent(agentIP, "1001")
				p := (*peer)(nil)
				if kind == "TCP" {
					p = b.stream(pbxIP)
				} else {
					p = b.peer(pbxIP)
				}
				p.lenient = true
				fn(b, a, p)
			})
		})
	}
}

// raw sends a request of the peer's with its text changed, and returns the
// answer; empty when none comes within a second.
func (p *peer) raw(method string, edit func(text string) string) string {
	p.bed.Helper()
	p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
	body := []string{}
	if method == "INVITE" {
		body = []string{"", "offer"}
	}
	text := string(message.Bytes(p.build(method, body...)))
	changed := edit(text)
	if changed == text {
		p.bed.Fatal("nothing was changed")
	}
	p.drain()
	p.write(changed)
	if a := p.next(time.Second); a != nil {
		return a.raw
	}
	return ""
}

// gets fails unless a changed request is answered with that line.
func (p *peer) gets(want, method string, edit func(text string) string) {
	p.bed.Helper()
	got, _, _ := strings.Cut(p.raw(method, edit), "\r\n")
	if got != want {
		p.bed.Errorf("%s got %q, want %q", method, got, want)
	}
	p.served()
}

const (
	badRequest = "SIP/2.0 400 Bad Request"
	badVersion = "SIP/2.0 505 Version Not Supported"
)

// served fails unless the next request is answered at once.
func (p *peer) served() {
	p.bed.Helper()
	p.callID, p.remote = message.NewCallID(), "<sip:1001@"+pbxIP+">"
	p.drain()
	begin := time.Now()
	p.ask("OPTIONS")
	p.response(200)
	if d := time.Since(begin); d > 100*time.Millisecond {
		p.bed.Errorf("the next request is answered after %v", d)
	}
}

func without(header string) func(string) string {
	return func(text string) string {
		before, rest, _ := strings.Cut(text, header+": ")
		_, after, _ := strings.Cut(rest, "\r\n")
		return before + after
	}
}

func twice(header, value string) func(string) string {
	return func(text string) string {
		return strings.Replace(text, "\r\n"+header, "\r\n"+header+": "+value+"\r\n"+header, 1)
	}
}

func TestConformance_U09_MissingMandatoryHeader(t *testing.T) {
	onUDPAndTCP(t, func(b *bed, a *agent, p *peer) {
		for _, method := range []string{"INVITE", "OPTIONS", "MESSAGE", "BYE", "REFER"} {
			for _, header := range []string{"From", "To", "Call-ID", "CSeq", "Via"} {
				want := badRequest
				if header == "Via" { // nobody knows where the answer would go
					want = ""
				}
				p.gets(want, method, without(header))
			}
		}
		a.saw()
		a.do(func() {
			if n := a.UA.Counters()["sip.panics"]; n != 0 {
				t.Errorf("%d panics", n)
			}
		})
	})
}

func TestConformance_U10_CSeqOfAnotherMethod(t *testing.T) {
	onUDPAndTCP(t, func(b *bed, a *agent, p *peer) {
		for method, other := range map[string]string{"OPTIONS": "INVITE", "INVITE": "OPTIONS", "BYE": "ACK", "MESSAGE": "newmethod"} {
			p.gets(badRequest, method, func(s string) string { return strings.Replace(s, " "+method+"\r\n", " "+other+"\r\n", 1) })
		}
		a.saw()
	})
}

func TestConformance_U11_RepeatedSingleHeaders(t *testing.T) {
	onUDPAndTCP(t, func(b *bed, a *agent, p *peer) {
		for header, value := range map[string]string{"From": "<sip:other@x>;tag=2", "To": "<sip:other@x>", "CSeq": "7 INVITE", "Call-ID": "other",
			"Max-Forwards": "3"} {
			p.gets(badRequest, "INVITE", twice(header, value))
		}
		a.saw()
	})
}

func TestConformance_U12_Version(t *testing.T) {
	onUDPAndTCP(t, func(b *bed, a *agent, p *peer) {
		for _, version := range []string{"SIP/7.0", "SIP/1.0", "SIP/2.1", "SIP/20.0"} {
			p.gets(badVersion, "OPTIONS", func(s string) string { return strings.Replace(s, " SIP/2.0\r\n", " "+version+"\r\n", 1) })
		}
		p.gets(badRequest, "OPTIONS", func(s string) string { return strings.Replace(s, " SIP/2.0\r\n", " HTTP/1.1\r\n", 1) })
		a.saw()
	})
}

// Require is not for ACK and CANCEL (RFC 3261 8.2.2.3).
func TestConformance_U04_RequireInACancel(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Ring() }
		inv := p.invite("", "offer")
		p.response(180)
		p.cancel(inv, "Require: nothingSupportsThis")
		p.response(200)
		p.response(487)
		a.saw("invited", "ended cancelled 487")
	})
}

func TestConformance_U19_LiveCallsAreUntouched(t *testing.T) {
	story(t, func(b *bed) {
		a := b.agent(agentIP, "1001", func(c *Config, _ *Account) { c.Limits.InvitesPerSec = 5 })
		p := b.peer(pbxIP)
		s := p.answered(a)
		callID, remote, seq := p.callID, p.remote, p.seq
		a.invited = func(s *Session) { _ = s.Reject(486, "") }
		for range 50 {
			p.invite("", "offer")
		}
		p.callID, p.remote, p.seq = callID, remote, seq
		p.ask("INFO", "X-Type: application/dtmf", "", "5")
		b.pass(time.Second)
		answered := false
		for m := p.next(time.Millisecond); m != nil; m = p.next(time.Millisecond) {
			answered = answered || message.MethodOf(m.msg) == "INFO" && strings.HasPrefix(m.raw, "SIP/2.0 200")
		}
		if !answered || s.State() != StateConfirmed {
			t.Errorf("INFO answered %v, the call is %s", answered, s.State())
		}
		a.do(func() {
			if n := a.UA.Counters()["sip.overload"]; n < 40 {
				t.Errorf("%d refused for overload", n)
			}
		})
	})
}

// svmap, svwar and svcrack learn nothing: who is a stranger gets one answer,
// whether the user is known or not, and no version.
func TestConformance_S12_EnumerationLearnsNothing(t *testing.T) {
	story(t, func(b *bed) {
		a := b.agent(agentIP, "1001")
		p := b.peer(otherIP)
		for _, method := range []string{"INVITE", "OPTIONS", "REGISTER", "MESSAGE", "SUBSCRIBE", "REFER", "BYE", "NOTIFY", "PUBLISH"} {
			answers := map[string]string{}
			for _, user := range []string{"1001", "nobody", "1002", "admin", ""} {
				p.target, p.callID, p.remote = "sip:"+user+"@"+agentIP+":5060", message.NewCallID(), "<sip:"+user+"@"+pbxIP+">"
				if user == "" {
					p.target, p.remote = "sip:"+agentIP+":5060", "<sip:"+pbxIP+">"
				}
				p.drain()
				p.ask(method)
				m := p.next(time.Second)
				if m == nil {
					t.Fatalf("%s to %q got nothing", method, user)
				}
				if res := m.msg.(*message.Response); strings.ContainsAny(message.Value(res, "Server")+message.Value(res, "User-Agent"), "0123456789/") {
					t.Errorf("%s: the version shows: %q", method, message.Value(res, "Server"))
				}
				answers[answerShape(m.raw, user)] = user
			}
			if len(answers) != 1 {
				t.Errorf("%s: the answers differ by user: %v", method, answers)
			}
		}
		a.saw()
	})
}

// answerShape is an answer without what the request brought and what is drawn.
func answerShape(raw, user string) string {
	var out []string
	for _, line := range strings.Split(raw, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		if !oneOf(name, "Via", "From", "To", "Call-ID", "CSeq") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "|")
}

func TestConformance_T01_TheAgentSees408AndNoCancelGoes(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
		a.invite("sip:peer@" + pbxIP)
		begin := time.Now()
		for i, at := range []string{"0s", "500ms", "1.5s", "3.5s", "7.5s", "15.5s", "31.5s"} {
			m := p.next(time.Minute)
			if m == nil {
				t.Fatalf("INVITE %d did not come", i)
			}
			if req := m.msg.(*message.Request); req.Method != message.INVITE || m.at.Sub(begin).Round(100*time.Millisecond).String() != at {
				t.Errorf("%s at %v, want INVITE at %s", req.Method, m.at.Sub(begin), at)
			}
		}
		b.pass(400 * time.Millisecond)
		a.saw()
		b.pass(200 * time.Millisecond)
		a.saw("ended timed-out 408")
		p.silent(time.Minute)
		a.empty()
	})
}

func TestConformance_S02_ControlCharactersAreNotEchoed(t *testing.T) {
	onUDPAndTCP(t, func(b *bed, a *agent, p *peer) {
		for _, bad := range []string{"a\nX-Evil: 1", "a\rb", "\x1b[2J", "a\x00b", "\x07", "\x7f"} {
			for _, header := range []string{"Subject", "From", "To", "Call-ID", "Contact", "X-Any"} {
				edit := func(s string) string {
					if header == "Subject" || header == "X-Any" {
						return strings.Replace(s, "Content-Length", header+": "+bad+"\r\nContent-Length", 1)
					}
					return strings.Replace(s, header+": ", header+": \""+bad+"\" ", 1)
				}
				got := p.raw("INVITE", edit)
				if !strings.HasPrefix(got, badRequest) || strings.ContainsAny(strings.ReplaceAll(got, "\r\n", ""), "\r\n\x00\x1b\x07\x7f") {
					t.Errorf("%q in %s: %q", bad, header, got)
				}
				p.served()
			}
		}
		a.saw()
	})
}

// What an agent or a CRM gives never makes a line of its own.
func TestConformance_S01_OneMessageOnTheWire(t *testing.T) {
	evil := []string{"a\r\nX-Evil: 1", "a\r\n\r\nINVITE sip:x SIP/2.0", "a\nb", "a\rb", "a\x00b", `quote " and end \`}
	for i, text := range evil {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.agent(agentIP, "1001"), b.peer(pbxIP)
				var raw []string
				var calls []*Session
				a.do(func() {
					for _, o := range []InviteOptions{
						{Account: a.account, To: uri("sip:peer@" + pbxIP), Offer: []byte("offer"), Headers: []Header{{Name: "Subject", Value: text}}},
						{Account: a.account, To: uri("sip:peer@" + pbxIP), Offer: []byte("offer"), Headers: []Header{{Name: text, Value: "x"}}},
						{Account: a.account, To: uri("sip:peer@" + pbxIP), Offer: []byte("offer"), ReferredBy: text},
						{Account: a.account, To: URI{Scheme: "sip", User: text, Host: pbxIP}, Offer: []byte("offer")},
						{Account: a.account, To: URI{Scheme: "sip", User: "%0d%0aX-Evil: 1", Host: pbxIP}, Offer: []byte("offer")},
						{From: &Address{Display: text, URI: uri("sip:me@" + pbxIP)}, To: uri("sip:peer@" + pbxIP), Offer: []byte("offer")},
					} {
						if s, err := a.Invite(o, a); err == nil {
							calls = append(calls, s)
						}
					}
				})
				b.pass(100 * time.Millisecond)
				a.do(func() {
					for _, s := range calls {
						_ = s.Hangup(ReasonHeader{Protocol: "SIP", Cause: 487, Text: text})
					}
				})
				for m := p.next(5 * time.Second); m != nil; m = p.next(5 * time.Second) {
					raw = append(raw, m.raw)
					if req, ok := m.msg.(*message.Request); ok && req.Method == message.INVITE {
						p.reply(req, 180)
					}
				}
				if len(raw) == 0 {
					b.Fatal("nothing was sent at all")
				}
				for _, r := range raw {
					head, _, _ := strings.Cut(r, "\r\n\r\n")
					for _, line := range strings.Split(head, "\r\n") {
						if strings.HasPrefix(line, "X-Evil") || strings.ContainsAny(line, "\r\n\x00") {
							t.Errorf("a line of its own: %q", line)
						}
					}
				}
			})
		})
	}
}
