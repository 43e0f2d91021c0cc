package rude

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/sip"
)

var elsewhere = netip.MustParseAddrPort(otherIP + ":5060")

// watch notes every message of the phone's that a word is in, by whom it went to.
func (p *phone) watch(word string) func() map[string]int {
	var mu sync.Mutex
	seen := map[string]int{}
	p.net.Tap(func(k simnet.Packet) {
		if k.From.Addr().String() == phoneIP && strings.Contains(string(k.Data), word) {
			mu.Lock()
			seen[k.To.Addr().String()]++
			mu.Unlock()
		}
	})
	return func() map[string]int { mu.Lock(); defer mu.Unlock(); return seen }
}

const challenge = `WWW-Authenticate: Digest realm="pbx", nonce="n1", qop="auth"`

// refuses lets a peer answer what comes with a challenge, for d.
func (p *phone) challenges(q *Peer, d time.Duration) (asked []string) {
	for limit := time.Now().Add(d); time.Now().Before(limit); {
		m, ok := q.Next(time.Until(limit))
		if !ok || m.Code() != 0 || m.Method() == "ACK" {
			continue
		}
		asked = append(asked, m.Method())
		p.write(q, Answer(m, "401 Unauthorized", "t", "", challenge, strings.Replace(challenge, "WWW-", "Proxy-", 1)))
	}
	return asked
}

// R16, R17: whatever leads our requests away from the PBX, no credential goes along.
func TestConformance_R16_R17_CredentialTraps(t *testing.T) {
	contact := func(ip string) string { return "Contact: <sip:x@" + ip + ":5060>" }
	for name, trap := range map[string]func(p *phone, evil *Peer){
		"we call a stranger": func(p *phone, evil *Peer) {
			p.dials("sip:x@" + otherIP)
			p.challenges(evil, 5*time.Second)
		},
		"the PBX's 302 leads away": func(p *phone, evil *Peer) {
			p.account.Accept3xx = sip.Follow
			p.dials("sip:x@" + pbxIP)
			m, _ := p.pbx.Next(time.Second)
			p.write(p.pbx, Answer(m, "401 Unauthorized", "t", "", challenge))
			m, _ = p.pbx.Until(time.Second, func(m Message) bool { return m.Method() == "INVITE" && m.Code() == 0 })
			p.write(p.pbx, Answer(m, "302 Moved", "t", "", contact(otherIP)))
			p.challenges(evil, 5*time.Second)
		},
		"the Contact of a call leads away": func(p *phone, evil *Peer) {
			p.dials("sip:x@" + pbxIP)
			m, _ := p.pbx.Next(time.Second)
			p.write(p.pbx, Answer(m, "401 Unauthorized", "t", "", challenge))
			m, _ = p.pbx.Until(time.Second, func(m Message) bool { return m.Method() == "INVITE" && m.Code() == 0 })
			p.write(p.pbx, Answer(m, "200 OK", "t", SDP(pbxIP, 4000), contact(otherIP)))
			p.pass(time.Second)
			p.do(func() { _ = p.calls[0].Reinvite([]byte(SDP(phoneIP, 5002))) })
			p.challenges(evil, 5*time.Second)
			p.do(func() { _ = p.calls[0].Hangup(sip.ReasonHeader{}) })
			p.challenges(evil, 5*time.Second)
		},
		"the Record-Route of a call that came leads away": func(p *phone, evil *Peer) {
			inv := p.pbx.New("INVITE")
			inv.Type, inv.Body = "application/sdp", SDP(pbxIP, 4000)
			inv.Headers = append(inv.Headers, "Record-Route: <sip:"+otherIP+";lr>")
			p.write(p.pbx, inv.String())
			ok, _ := p.pbx.Until(time.Second, func(m Message) bool { return m.Code() == 200 })
			c := &call{phone: p, peer: p.pbx, first: inv, to: ok.Header("To"), seq: 1}
			p.write(p.pbx, c.request("ACK").String())
			p.pass(time.Second)
			p.do(func() { _ = p.calls[0].Info("application/dtmf", []byte("1"), nil) })
			p.challenges(evil, 5*time.Second)
			p.do(func() { _ = p.calls[0].Hangup(sip.ReasonHeader{}) })
			p.challenges(evil, 5*time.Second)
		},
		"the BYE of a call that came is challenged by the PBX": func(p *phone, _ *Peer) {
			p.rings(p.pbx)
			p.pbx.BePolite(false)
			p.do(func() { _ = p.calls[0].Hangup(sip.ReasonHeader{}) })
			if asked := p.challenges(p.pbx, 5*time.Second); len(asked) != 1 {
				p.Errorf("asked %v, want one BYE", asked)
			}
		},
		"a forged 401 with the right branch": func(p *phone, _ *Peer) {
			p.dials("sip:x@" + pbxIP)
			m, _ := p.pbx.Next(time.Second)
			p.spoof(elsewhere, Answer(m, "401 Unauthorized", "t", "", challenge))
			p.pass(200 * time.Millisecond)
			if again, ok := p.pbx.Until(100*time.Millisecond, func(m Message) bool { return m.Header("CSeq") != "1 INVITE" }); ok {
				p.Errorf("it was believed:\n%s", again.Text)
			}
		},
		"an OPTIONS of ours": func(p *phone, evil *Peer) {
			p.do(func() {
				p.ua.Request(p.account, sip.RequestOptions{Method: "OPTIONS", To: p.uri("sip:x@" + otherIP)}, func(sip.Reply) {})
			})
			p.challenges(evil, 5*time.Second)
		},
		"another realm at the PBX": func(p *phone, _ *Peer) {
			p.account.Realms = []string{"home"}
			p.dials("sip:x@" + pbxIP)
			p.challenges(p.pbx, 5*time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onPhone(t, nil, func(p *phone) {
				evil := p.peer(otherIP)
				sent := p.watch("uthorization: ")
				byes := p.watch("BYE sip:")
				trap(p, evil)
				p.pass(time.Minute)
				got := sent()
				leads := strings.Contains(name, "302") || strings.Contains(name, "Contact")
				if got[otherIP] != 0 || got[pbxIP] != 0 && !leads || leads && got[pbxIP] == 0 {
					t.Errorf("credentials went to %v", got)
				}
				if strings.Contains(name, "BYE") && byes()[pbxIP] != 1 {
					t.Errorf("%d BYE", byes()[pbxIP])
				}
			})
		})
	}
}

// dials calls somebody from the account.
func (p *phone) dials(to string) {
	p.Helper()
	p.do(func() {
		s, err := p.ua.Invite(sip.InviteOptions{Account: p.account, To: p.uri(to), Offer: []byte(SDP(phoneIP, 5000))}, p)
		if err != nil {
			p.Fatal(err)
		}
		p.calls = append(p.calls, s)
	})
}

// Who is neither the PBX nor the call's other end gets nothing by knowing its tags.
func TestConformance_X13_StrangersWhoKnowTheTags(t *testing.T) {
	onPhone(t, nil, func(p *phone) {
		c := p.rings(p.pbx)
		evil := p.peer(otherIP)
		dialled := p.watch("INVITE sip:victim")
		for _, method := range []string{"REFER", "INVITE", "UPDATE", "INFO", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK"} {
			r := c.request(method)
			r.Via = evil.New(method).Via
			r.Headers = []string{"Contact: <sip:evil@" + otherIP + ">", "Refer-To: <sip:victim@" + otherIP + ">", "Event: refer", "Subscription-State: active", "RAck: 1 1 INVITE"}
			if method == "INVITE" || method == "UPDATE" {
				r.Type, r.Body = "application/sdp", SDP(otherIP, 4000)
			}
			p.write(evil, r.String())
			m, ok := evil.Until(time.Second, func(m Message) bool { return m.Code() >= 200 })
			if !ok || m.Code() != 403 {
				t.Errorf("%s got %q", method, m.Start())
			}
			c.seq-- // it does not count
		}
		for _, e := range p.events {
			switch e.(type) {
			case sip.OfferReceived, sip.ReferReceived, sip.InfoReceived, sip.MessageReceived:
				t.Errorf("taken: %T", e)
			}
		}
		replaces := evil.New("INVITE")
		replaces.Headers = append(replaces.Headers, fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s", c.first.CallID, Tag(c.to), Tag(c.first.From)))
		p.write(evil, replaces.String())
		if m, _ := evil.Until(time.Second, func(m Message) bool { return m.Code() >= 200 }); m.Code() != 403 {
			t.Errorf("Replaces got %q", m.Start())
		}
		c.works()
		p.pass(time.Minute)
		if n := dialled(); len(n) != 0 || p.counters()["sip.stranger.in_dialog"] != 8 {
			t.Errorf("dialled %v, counted %d", n, p.counters()["sip.stranger.in_dialog"])
		}
	})
}

// A CANCEL that a stranger has guessed, and responses that he forges, change nothing.
func TestForgedCancelAndResponses(t *testing.T) {
	onPhone(t, nil, func(p *phone) {
		p.invited = func(s *sip.Session) { _ = s.Ring() }
		inv := p.pbx.New("INVITE")
		inv.Type, inv.Body = "application/sdp", SDP(pbxIP, 4000)
		p.write(p.pbx, inv.String())
		p.pass(100 * time.Millisecond)
		cancel := inv
		cancel.Method, cancel.CSeq, cancel.Body, cancel.Type = "CANCEL", "1 CANCEL", "", ""
		p.spoof(elsewhere, cancel.String())
		p.pass(100 * time.Millisecond)
		p.do(func() {
			if s := p.calls[0].State(); s != sip.StateEarly {
				t.Errorf("after a stranger's CANCEL the call is %s", s)
			}
		})
		p.dials("sip:x@" + pbxIP)
		out, _ := p.pbx.Until(time.Second, func(m Message) bool { return m.Code() == 0 })
		for _, start := range []string{"200 OK", "486 Busy Here", "302 Moved", "183 Progress"} {
			p.spoof(elsewhere, Answer(out, start, "evil", SDP(otherIP, 4000), "Contact: <sip:evil@"+otherIP+">"))
		}
		p.pass(100 * time.Millisecond)
		p.do(func() {
			if s := p.calls[1].State(); s != sip.StateTrying || len(p.events) != 0 {
				t.Errorf("after forged responses the call is %s, told %d", s, len(p.events))
			}
		})
		if n := p.counters()["transaction.response.stranger"]; n != 4 {
			t.Errorf("%d forged responses are counted", n)
		}
	})
}

// What is refused is counted by its cause.
func TestRefusalsAreCountedByCause(t *testing.T) {
	onPhone(t, nil, func(p *phone) {
		evil := p.peer(otherIP)
		before := p.counters()
		for _, send := range []func(r *Request){
			func(r *Request) { r.Via += strings.Repeat(";a", 100) },
			func(r *Request) { r.Headers = append(r.Headers, strings.Repeat("X: y\r\n", 300)+"X: y") },
			func(r *Request) { r.Headers = append(r.Headers, "X: a\x1b[2J") },
			func(r *Request) { r.Length = "-1" },
			func(r *Request) { r.CSeq = "1 OTHER" },
			func(r *Request) { r.From = "<sip:x" },
			func(r *Request) { r.To = "" },
			func(r *Request) { r.Headers = append(r.Headers, "To: <sip:again@x>") },
			func(r *Request) { r.URI = "<sip:x@y>" },
			func(r *Request) { r.Headers = append(r.Headers, "X: "+strings.Repeat("y", 40000)) },
			func(r *Request) { r.Headers = append(r.Headers, "no colon here") },
		} {
			r := evil.New("OPTIONS")
			send(&r)
			p.write(evil, r.String())
		}
		p.write(evil, strings.Replace(evil.New("OPTIONS").String(), "SIP/2.0\r\n", "SIP/9.0\r\n", 1))
		for _, method := range []string{"INVITE", "REFER", "MESSAGE", "PUBLISH"} {
			p.write(evil, evil.New(method).String())
		}
		p.pass(time.Second)
		after := p.counters()
		for _, name := range []string{"transport.rejected.parameters", "transport.rejected.headers", "transport.rejected.controls", "transport.rejected.length",
			"transport.rejected.cseq", "transport.rejected.address", "transport.rejected.missing", "transport.rejected.repeated", "transport.rejected.uri",
			"transport.rejected.size", "transport.rejected.line", "transport.rejected.version", "sip.stranger.invite", "sip.stranger.refer",
			"sip.stranger.message", "sip.stranger.other", "sip.unserved.method"} {
			if after[name] != before[name]+1 {
				t.Errorf("%s is %d, want %d; all: %v", name, after[name], before[name]+1, after)
			}
		}
	})
}
