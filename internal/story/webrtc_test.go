package story

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/simnet"
	"ringback/internal/turnserver"
	"ringback/media/webrtc"
	"ringback/sip/message"
)

const (
	browserIP = "10.0.0.3"
	turnIP    = "10.0.0.99"
)

// serversBound is the longest that an offer waits for STUN and TURN servers.
const serversBound = 4100 * time.Millisecond

// speaksWebRTC has the agent offer what a browser does, and take nothing less.
func speaksWebRTC(c *agent.Config) {
	c.Media.ICE, c.Media.Encryption, c.Media.Keying = true, "required", "dtls"
	c.Audio.Codecs = []string{"pcmu"} // the INVITE fits into a datagram
}

// browser is a foreign WebRTC peer behind the scripted PBX, known by its tone.
type browser struct {
	*webrtc.Peer
	d  *desk
	hz int
}

func (d *desk) browser(ip string, hz int) *browser {
	d.Helper()
	p, err := webrtc.New(webrtc.Config{Network: d.net.Host(ip), IP: netip.MustParseAddr(ip), Codecs: []string{"PCMU"}, Tone: float64(hz)})
	if err != nil {
		d.Fatal(err)
	}
	return &browser{Peer: p, d: d, hz: hz}
}

func (b *browser) close() {
	if err := b.Close(); err != nil {
		b.d.Error(err)
	}
}

// offer is one of its as lines of a message.
func (b *browser) offer(restart bool) []string {
	b.d.Helper()
	return b.lines(b.Offer(restart))
}

func (b *browser) answer(m message.Message) []string {
	b.d.Helper()
	return b.lines(b.Answer(m.Body()))
}

func (b *browser) lines(body []byte, err error) []string {
	b.d.Helper()
	if err != nil {
		b.d.Fatal(err)
	}
	return append([]string{""}, strings.Split(strings.TrimSuffix(string(body), "\r\n"), "\r\n")...)
}

func (b *browser) takes(answer message.Message) {
	b.d.Helper()
	if err := b.Accept(answer.Body()); err != nil {
		b.d.Fatal(err)
	}
}

// talks waits until the agent and it hear each other.
func (b *browser) talks() {
	b.d.Helper()
	b.d.hears(agent.RoleMain, b.hz)
	for end := time.Now().Add(patience); !b.Hears(agentHz); b.d.pass(100 * time.Millisecond) {
		if time.Now().After(end) {
			b.d.Fatalf("the browser of %d Hz does not hear the agent: %s", b.hz, b.State())
		}
	}
}

// calls has it call the agent, who accepts.
func (b *browser) calls(p *pbx) {
	b.d.Helper()
	p.invite(b.offer(false)...)
	p.response(180)
	accepted := b.d.starts("accept", nil)
	b.takes(p.response(200))
	p.ask("ACK")
	if err := accepted(); err != nil {
		b.d.Fatal(err)
	}
	b.talks()
}

// TestWebRTC_TheAgentTalksWithABrowser: a callback from one, hold and resume, and another ICE.
func TestWebRTC_TheAgentTalksWithABrowser(t *testing.T) {
	atPBX(t, "", plan{agent: speaksWebRTC}, func(d *desk, p *pbx) {
		b := d.browser(browserIP, contactHz)
		defer b.close()
		b.calls(p)
		d.encrypted(true)
		held := d.starts("hold", nil)
		req := p.request("INVITE")
		p.reply(req, 200, b.answer(req)...)
		p.request("ACK")
		if err := held(); err != nil {
			t.Fatal(err)
		}
		d.deafTo(agent.RoleMain, contactHz)
		resumed := d.starts("resume", nil)
		req = p.request("INVITE")
		p.reply(req, 200, b.answer(req)...)
		p.request("ACK")
		if err := resumed(); err != nil {
			t.Fatal(err)
		}
		b.talks()
		p.ask("INVITE", b.offer(true)...)
		b.takes(p.response(200))
		p.ask("ACK")
		d.pass(10 * time.Second)
		b.talks()
		d.encrypted(true)
		if got := d.events(agent.ErrorHappened); len(got) != 0 {
			t.Errorf("told %+v", got)
		}
	})
}

// TestWebRTC_TheOneThatAnswersIsEncryptedTo: a call rings at two browsers, with certificates and
// ICE of their own, which both speak early. Whichever answers is the one that is talked with,
// and nothing more goes to the other.
func TestWebRTC_TheOneThatAnswersIsEncryptedTo(t *testing.T) {
	for _, answers := range []int{0, 1} {
		t.Run(fmt.Sprintf("number %d", answers+1), func(t *testing.T) {
			var to [2]int // datagrams of the agent's media
			tap := func(k simnet.Packet) {
				for i, ip := range []string{browserIP, "10.0.0.4"} {
					if k.From.Addr().String() == agentIP && k.To.Addr().String() == ip {
						to[i]++
					}
				}
			}
			atPBX(t, "", plan{agent: speaksWebRTC, tap: tap}, func(d *desk, p *pbx) {
				both := []*browser{d.browser(browserIP, 1004), d.browser("10.0.0.4", 620)}
				for _, b := range both {
					defer b.close()
				}
				d.do("dial", args{"target": colleague})
				inv := p.request("INVITE")
				said := [][]string{both[0].answer(inv), both[1].answer(inv)}
				if fingerprint(said[0]) == fingerprint(said[1]) {
					t.Fatal("both have the same certificate")
				}
				for i, b := range both {
					p.replyAs(fmt.Sprint("fork", i), inv, 183, said[i]...)
					d.hears(agent.RoleMain, b.hz) // who is silent before the answer
				}
				p.replyAs(fmt.Sprint("fork", answers), inv, 200, said[answers]...)
				p.request("ACK")
				d.is(agent.PhaseConnected)
				kept, other := both[answers], both[1-answers]
				kept.talks()
				d.encrypted(true)
				d.pass(2 * time.Second)
				before, heard := to[1-answers], other.Packets()
				d.pass(30 * time.Second)
				kept.talks()
				if to[1-answers] != before || other.Packets() != heard || other.Hears(agentHz) {
					t.Errorf("%d datagrams more went to the one that did not answer, which hears the agent %v", to[1-answers]-before, other.Hears(agentHz))
				}
				if got := d.events(agent.ErrorHappened, agent.MediaUnencrypted); len(got) != 0 {
					t.Errorf("told %+v", got)
				}
			})
		})
	}
}

func fingerprint(lines []string) string {
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "a=fingerprint:") })
	return lines[max(i, 0)]
}

// TestWebRTC_ARestartIsAnsweredWithRelays: where only TURN servers are used, an offer that
// restarts ICE is answered when they have given a relay, and refused in the end when they do
// not; the call goes on in either case.
func TestWebRTC_ARestartIsAnsweredWithRelays(t *testing.T) {
	around := 0
	tap := func(k simnet.Packet) {
		if k.From.Addr().String() == agentIP && k.To.Addr().String() == browserIP {
			around++
		}
	}
	byRelay(t, tap, func(d *desk, p *pbx, server *turnserver.Server) {
		b := d.browser(browserIP, contactHz)
		defer b.close()
		b.calls(p)
		var offer []string
		for range 3 {
			offer = b.offer(true)
			p.ask("INVITE", offer...)
			res := p.response(200)
			if body := string(res.Body()); !strings.Contains(body, " typ relay ") || strings.Contains(body, agentIP+" ") {
				t.Errorf("answer\n%s", body)
			}
			b.takes(res)
			p.ask("ACK")
			d.pass(5 * time.Second)
			b.talks()
		}
		if open := server.Open(); open != 2 || around != 0 {
			t.Errorf("%d relays are there, want that of the call and one for the next; %d datagrams went around", open, around)
		}
		d.net.Partition(agentIP, turnIP, true)
		asked := time.Now()
		for i, line := range offer { // the browser itself could not go back
			if strings.HasPrefix(line, "a=ice-ufrag:") {
				offer[i] = "a=ice-ufrag:another"
			}
		}
		p.ask("INVITE", offer...)
		p.response(100)
		p.response(488)
		p.ask("ACK")
		if took := time.Since(asked); took < 2*time.Second || took > serversBound {
			t.Errorf("refused after %v", took)
		}
		d.net.Partition(agentIP, turnIP, false)
		d.pass(10 * time.Second)
		d.is(agent.PhaseConnected)
		b.talks()
	})
}

// TestWebRTC_AnOfferThatDoesNotWaitForServers: one that restarts ICE is taken back, or its call
// ends, while they are asked.
func TestWebRTC_AnOfferThatDoesNotWaitForServers(t *testing.T) {
	byRelay(t, nil, func(d *desk, p *pbx, server *turnserver.Server) {
		b := d.browser(browserIP, contactHz)
		defer b.close()
		b.calls(p)
		d.net.Partition(agentIP, turnIP, true)
		var offer []string
		for _, line := range b.offer(false) {
			if strings.HasPrefix(line, "a=ice-ufrag:") {
				line = "a=ice-ufrag:another"
			}
			offer = append(offer, line)
		}
		inv := p.ask("INVITE", offer...)
		p.response(100)
		p.cancel(inv)
		p.response(200)
		p.response(487)
		p.within(inv, "ACK")
		d.net.Partition(agentIP, turnIP, false)
		d.pass(10 * time.Second)
		d.is(agent.PhaseConnected)
		b.talks()
		if open := server.Open(); open != 2 {
			t.Errorf("%d relays, want the call's and one for the next call", open)
		}
		d.net.Partition(agentIP, turnIP, true)
		for i := range offer {
			offer[i] = strings.Replace(offer[i], "a=ice-ufrag:another", "a=ice-ufrag:yetanother", 1)
		}
		inv = p.ask("INVITE", offer...)
		p.response(100)
		p.ask("BYE")
		p.response(487)
		p.within(inv, "ACK")
		p.response(200)
		d.is(agent.PhaseReadyToCall)
		d.net.Partition(agentIP, turnIP, false)
		d.pass(15 * time.Minute) // a relay that nobody gives back lives for ten
		if got := d.events(agent.ErrorHappened); len(got) != 0 || server.Open() != 1 {
			t.Errorf("told %+v; %d relays, want one for the next call", got, server.Open())
		}
	})
}

// byRelay tells a story of an agent whose media goes through a TURN server only.
func byRelay(t *testing.T, tap func(simnet.Packet), tell func(d *desk, p *pbx, server *turnserver.Server)) {
	t.Helper()
	relays := func(c *agent.Config) {
		speaksWebRTC(c)
		c.Media.ICEServers, c.Media.ICEPolicy, c.Media.TURNUsername, c.Media.TURNPassword = []string{"turn:" + turnIP}, "relay", "agent", "secret"
	}
	var server *turnserver.Server
	serve := func(d *desk) {
		var err error
		if server, err = turnserver.Start(turnserver.Config{Network: d.net.Host(turnIP), Address: netip.MustParseAddrPort(turnIP + ":3478"), Username: "agent", Password: "secret"}); err != nil {
			t.Fatal(err)
		}
	}
	atPBX(t, "", plan{agent: relays, before: serve, tap: tap}, func(d *desk, p *pbx) {
		defer server.Close()
		tell(d, p, server)
	})
}
