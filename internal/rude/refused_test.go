package rude

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent"
	"ringback/media"
	"ringback/sip/message"
)

// shownElsewhere are the causes whose test stands in their own room, because it needs
// what an agent cannot be made to do from outside.
var shownElsewhere = map[string]string{
	"connection.dead":        "sip/transport/keepalive_test.go",
	"connection.tls":         "sip/transport/tls_test.go",
	"rate.messages":          "sip/transport/udp_test.go",
	"table.transactions":     "sip/transaction/server_test.go",
	"control.":               "agent/control/refused_test.go",
	"store.":                 "agent/store/failures_test.go",
	"media.undecodable":      "media/drops_test.go",
	"media.unauthentic":      "media/srtp_test.go",
	"media.replay":           "media/srtp_test.go",
	"media.too_many_streams": "media/srtp_test.go",
	"media.stray":            "media/attack_test.go",
	"fault.panic":            "sip/conformance_d_test.go",
	"credentials.password":   "sip/auth_cause_test.go",
	"credentials.algorithm":  "sip/auth_cause_test.go",
	"credentials.stale":      "sip/auth_cause_test.go",
	"credentials.challenge":  "sip/auth_cause_test.go",
}

// provoke are hostile things, each with the causes that it is to be counted by.
var provoke = map[string]func(d *desk){
	"message.parameters": spoilt(func(r *Request) { r.Via += strings.Repeat(";a", 100) }),
	"message.headers":    spoilt(func(r *Request) { r.Headers = append(r.Headers, strings.Repeat("X: y\r\n", 300)+"X: y") }),
	"message.controls":   spoilt(func(r *Request) { r.Headers = append(r.Headers, "X: a\x1b[2J") }),
	"message.length":     spoilt(func(r *Request) { r.Length = "-1" }),
	"message.cseq":       spoilt(func(r *Request) { r.CSeq = "1 OTHER" }),
	"message.address":    spoilt(func(r *Request) { r.From = "<sip:x" }),
	"message.missing":    spoilt(func(r *Request) { r.To = "" }),
	"message.repeated":   spoilt(func(r *Request) { r.Headers = append(r.Headers, "To: <sip:again@x>") }),
	"message.uri":        spoilt(func(r *Request) { r.URI = "<sip:x@y>" }),
	"message.size":       spoilt(func(r *Request) { r.Headers = append(r.Headers, "X: "+strings.Repeat("y", 40000)) }),
	"message.via":        spoilt(func(r *Request) { r.Via += strings.Repeat(",SIP/2.0/UDP h", 80) }),
	"message.value": stranger(func(d *desk, evil *Peer) {
		d.write(evil, strings.Replace(evil.New("OPTIONS").String(), "Max-Forwards: 70", "Max-Forwards: many", 1))
	}),
	"message.version": stranger(func(d *desk, evil *Peer) {
		d.write(evil, strings.Replace(evil.New("OPTIONS").String(), "SIP/2.0\r\n", "SIP/9.0\r\n", 1))
	}),
	"message.line message.hop": stranger(func(d *desk, evil *Peer) { d.write(evil, "hello?\r\n\r\n") }),
	"message.merged": func(d *desk) {
		inv := d.pbx.New("INVITE")
		inv.Type, inv.Body = "application/sdp", SDP(pbxIP, 4000)
		d.write(d.pbx, inv.String())
		inv.Via += "other"
		d.write(d.pbx, inv.String())
	},

	"connection.limit connection.silent": func(d *desk) {
		for range 40 {
			d.stream(func(*Peer) {})
		}
		d.pass(20 * time.Second)
	},
	"connection.slow": func(d *desk) {
		d.stream(func(q *Peer) { _ = q.Write("OPTIONS sip:x") })
		d.pass(20 * time.Second)
	},
	"connection.unframed": func(d *desk) {
		d.stream(func(q *Peer) { r := q.New("OPTIONS"); r.Length = "many"; _ = q.Write(r.String()) })
	},
	"connection.garbage": func(d *desk) {
		d.stream(func(q *Peer) {
			for range 20 {
				r := q.New("OPTIONS")
				r.To = ""
				_ = q.Write(r.String())
			}
		})
	},
	"rate.answers": stranger(func(d *desk, evil *Peer) {
		for range 300 {
			d.write(evil, evil.New("OPTIONS").String())
		}
	}),
	"rate.calls": func(d *desk) {
		for range 60 {
			d.write(d.pbx, d.pbx.New("INVITE").String())
		}
	},

	"service.method":    fromPBX(func(r *Request) { r.Method, r.CSeq = "PUBLISH", "1 PUBLISH" }),
	"service.extension": fromPBX(func(r *Request) { r.Headers = append(r.Headers, "Require: flying") }),
	"service.scheme":    fromPBX(func(r *Request) { r.URI = "tel:1001" }),
	"service.type":      fromPBX(func(r *Request) { r.Type, r.Body = "text/html", "<html>" }),
	"service.accept":    fromPBX(func(r *Request) { r.Headers = append(r.Headers, "Accept: text/html") }),
	"service.body":      fromPBX(func(r *Request) { r.Type, r.Body = "multipart/mixed", "x" }),

	"stranger.invite":    asks("INVITE"),
	"stranger.message":   asks("MESSAGE"),
	"stranger.register":  asks("REGISTER"),
	"stranger.subscribe": asks("SUBSCRIBE"),
	"stranger.notify":    asks("NOTIFY"),
	"stranger.refer":     asks("REFER"),
	"stranger.options":   asks("OPTIONS"),
	"stranger.other":     asks("INFO"),
	"stranger.in_call": stranger(func(d *desk, evil *Peer) {
		c := d.call()
		r := c.request("INFO")
		r.Via = evil.New("INFO").Via
		d.write(evil, r.String())
	}),
	"stranger.response": func(d *desk) {
		m := d.dials()
		d.net.Spoof(netip.MustParseAddrPort(otherIP+":5060"), netip.MustParseAddrPort(at), []byte(Answer(m, "486 Busy", "evil", "")))
	},
	"stray.ack":      stray("ACK"),
	"stray.cancel":   stray("CANCEL"),
	"stray.response": func(d *desk) { d.write(d.pbx, Answer(Message{d.pbx.New("OPTIONS").String()}, "200 OK", "x", "")) },
	"refer.headers": func(d *desk) {
		c := d.call()
		r := c.request("REFER")
		r.Headers = append(r.Headers, "Refer-To: <sip:x@"+pbxIP+"?Authorization=x>")
		d.write(d.pbx, r.String())
	},
	"credentials.realm": func(d *desk) {
		d.write(d.pbx, Answer(d.dials(), "401 Unauthorized", "t", "", challenge))
	},

	"sdp.offer": func(d *desk) { d.asks(d.pbx, strings.Replace(SDP(pbxIP, 4000), "RTP/AVP 0 101", "RTP/AVP 18", 1)) },
	"sdp.answer": func(d *desk) {
		d.write(d.pbx, Answer(d.dials(), "200 OK", "t", "v=0\r\n", "Contact: <sip:x@"+pbxIP+">"))
	},

	"media.early": func(d *desk) { d.rtp(pbxIP, soundPort(d.dials()), 0, rtpPacket(0, 1)) },
	"media.stranger media.malformed media.payload_type media.rtcp media.rtcp_on_rtp": func(d *desk) {
		c := d.call()
		to := soundPort(Message{c.answer})
		for i := range 3 {
			d.rtp(pbxIP, to, 4000, rtpPacket(0, uint16(i)))
		}
		d.rtp(otherIP, to, 4000, rtpPacket(0, 9))
		d.rtp(pbxIP, to, 4000, rtpPacket(0, 3)[:9])
		d.rtp(pbxIP, to, 4000, rtpPacket(97, 4))
		d.rtp(pbxIP, to, 4000, []byte{0x80, 200, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0})
		d.rtp(pbxIP, netip.AddrPortFrom(to.Addr(), to.Port()+1), 4001, []byte{0x80, 200, 0xff, 0xff})
	},
}

// Each cause of the list is provoked, and is seen among what status shows.
func TestEachCauseIsCounted(t *testing.T) {
	seen := map[string]bool{}
	for causes, do := range provoke {
		t.Run(causes, func(t *testing.T) {
			edit := func(c *agent.Config) {
				c.Account.Realms, c.Audio.Codecs = []string{"home"}, []string{"pcmu"}
			}
			onDesk(t, edit, func(d *desk) {
				before := d.agent.Refused()
				do(d)
				d.pass(time.Second)
				after := d.agent.Refused()
				for cause := range strings.FieldsSeq(causes) {
					seen[cause] = true
					if after[cause] <= before[cause] {
						t.Errorf("%s is not counted; counted: %v", cause, after)
					}
				}
			})
		})
	}
	here, all := 0, agent.Causes()
	for _, c := range all {
		if seen[c.Name] {
			here++
		}
		room, _, _ := strings.Cut(c.Name, ".")
		file := shownElsewhere[c.Name] + shownElsewhere[room+"."]
		if !seen[c.Name] && file == "" {
			t.Errorf("%s: nothing in this test provokes it", c.Name)
		}
		if file == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	text, err := os.ReadFile("../../testdata/robustness/README.md")
	if want := fmt.Sprintf("%d causes: %d provoked at an agent, one after the other, %d in the room", len(all), here, len(all)-here); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("testdata/robustness/README.md does not say %q (%v)", want, err)
	}
}

// notRefusals are counters of what is no refusal.
var notRefusals = strings.Fields(`transport.received transport.sent transport.bytes_in transport.bytes_out transport.rejected
	transport.rejected_answered transport.keepalives transport.send_error transport.dial_error transport.tcp_fallback_to_udp
	transport.rejected.unserved transport.rejected.unknown media.late media.duplicate
	sip.forks_left sip.glare sip.answer.resent sip.register.public_changes sip.reliable_dropped sip.keepalive.late sip.keepalive.dead
	sip.register.redirected sip.register.clock_jumps sip.address_changes sip.trace.dropped sip.ack_unroutable sip.refused.
	transaction.request.absorbed transaction.request.stateless transaction.response.undelivered transaction.client.large
	transaction.client.unexpected. transaction.client.resent transaction.client.timeout transaction.client.transport
	transaction.client.dropped transaction.ack.undelivered transaction.server.gone transaction.server.refused
	transaction.server.unexpected. transaction.server.resent transaction.server.unanswered transaction.server.transport
	transaction.server.noack transaction.server.dropped`)

// What a room counts is a cause that people can read, or is known to be no refusal.
func TestEveryCounterHasACause(t *testing.T) {
	known := slices.Clone(notRefusals)
	for _, c := range agent.Causes() {
		known = append(known, strings.Fields(c.Counters)...)
		if c.Words == "" || strings.ToLower(c.Name) != c.Name || !strings.Contains(c.Name, ".") {
			t.Errorf("%+v: a cause has a name room.what and words", c)
		}
	}
	counters := []string{"sip.panics"}
	for f := range message.Faults {
		counters = append(counters, "transport.rejected."+f.String())
	}
	engine := media.NewEngine(media.EngineConfig{})
	for name := range engine.Dropped() {
		counters = append(counters, "media."+name)
	}
	engine.Close()
	for room, form := range map[string]string{
		"sip": `count\.add\("([^"]+)"|return "((?:stranger|unserved|challenge)\.[^"]+)"`, "sip/transaction": `count\("([^"]+)"`, "sip/transport": `count\w+:\s+"([^"]+)"`,
	} {
		for _, name := range namesIn(t, "../../"+room, form) {
			counters = append(counters, filepath.Base(room)+"."+name)
		}
	}
	if len(counters) < 70 {
		t.Fatalf("%d counters are found: the forms above find them no longer", len(counters))
	}
	for _, name := range counters {
		if !slices.Contains(known, name) {
			t.Errorf("%s is counted and has no row in agent.Causes (agent/refused.go): give it one, or name it above when it is no refusal", name)
		}
	}
}

func namesIn(t *testing.T, room, form string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(room + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(form).FindAllStringSubmatch(string(text), -1) {
			names = append(names, strings.Join(m[1:], ""))
		}
	}
	return names
}

// Counting costs no memory once a cause has been seen.
func TestCountingAllocatesNothing(t *testing.T) {
	a, err := agent.New(func() agent.Config { c := agent.DefaultConfig(); c.Account.AOR = "sip:1001@" + pbxIP; return c }(), agent.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { a.Refuse(agent.RefusedOffer) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got := a.Refused(); !maps.Equal(got, map[string]uint64{"sdp.offer": 101}) {
		t.Errorf("counted %v", got)
	}
}

// spoilt is a stranger's request with one thing wrong.
func spoilt(spoil func(*Request)) func(*desk) {
	return stranger(func(d *desk, evil *Peer) {
		r := evil.New("OPTIONS")
		spoil(&r)
		d.write(evil, r.String())
	})
}

func stranger(do func(*desk, *Peer)) func(*desk) {
	return func(d *desk) {
		evil := d.peer(otherIP)
		defer evil.Close()
		do(d, evil)
		d.pass(100 * time.Millisecond)
	}
}

func asks(method string) func(*desk) {
	return stranger(func(d *desk, evil *Peer) { d.write(evil, evil.New(method).String()) })
}

func fromPBX(spoil func(*Request)) func(*desk) {
	return func(d *desk) {
		r := d.pbx.New("OPTIONS")
		spoil(&r)
		d.write(d.pbx, r.String())
	}
}

// stray is a request that belongs to nothing.
func stray(method string) func(*desk) {
	return func(d *desk) { r := d.pbx.New(method); r.To += ";tag=none"; d.write(d.pbx, r.String()) }
}

// stream connects to the agent by TCP and closes with the test's bubble.
func (d *desk) stream(do func(*Peer)) {
	d.Helper()
	q, err := Dial(d.net.Host(otherIP), at, nil)
	if err != nil {
		return // refused: that is what some are here for
	}
	do(q)
	d.Cleanup(q.Close)
	d.pass(10 * time.Millisecond)
}

// dials lets the agent call somebody, and gives the INVITE.
func (d *desk) dials() Message {
	d.Helper()
	go func() { _, _ = d.agent.Do(d.Context(), "dial", []byte(`{"target":"1002"}`)) }()
	m, ok := d.pbx.Until(time.Second, func(m Message) bool { return m.Code() == 0 && m.Method() == "INVITE" })
	if !ok {
		d.Fatal("no INVITE came")
	}
	return m
}

// talk is a call that the PBX made and the agent accepted.
type talk struct {
	peer   *Peer
	first  Request
	to     string
	answer string
	seq    int
}

func (c *talk) request(method string) Request {
	r := c.peer.New(method)
	r.From, r.To, r.CallID = c.first.From, c.to, c.first.CallID
	if method != "ACK" {
		c.seq++
	}
	r.CSeq = strconv.Itoa(c.seq) + " " + method
	return r
}

func (d *desk) call() *talk {
	d.Helper()
	inv := d.pbx.New("INVITE")
	inv.Type, inv.Body = "application/sdp", SDP(pbxIP, 4000)
	d.write(d.pbx, inv.String())
	d.pass(100 * time.Millisecond)
	d.do("accept", nil)
	ok, _ := d.pbx.Until(time.Second, func(m Message) bool { return m.Code() == 200 })
	c := &talk{peer: d.pbx, first: inv, to: ok.Header("To"), answer: ok.Text, seq: 1}
	d.write(d.pbx, c.request("ACK").String())
	d.pass(100 * time.Millisecond)
	return c
}

// soundPort is where an SDP of the phone's wants RTP.
func soundPort(m Message) netip.AddrPort {
	_, rest, _ := strings.Cut(m.Body(), "m=audio ")
	port, _, _ := strings.Cut(rest, " ")
	n, _ := strconv.Atoi(port)
	return netip.AddrPortFrom(netip.MustParseAddr(phoneIP), uint16(n))
}

// rtp sends a datagram from a port of a host; 0 is any.
func (d *desk) rtp(ip string, to netip.AddrPort, port int, data []byte) {
	d.Helper()
	c, err := d.net.Host(ip).ListenPacket(d.Context(), "udp", fmt.Sprintf("%s:%d", ip, port))
	if err != nil {
		d.Fatal(err)
	}
	defer c.Close()
	if _, err := c.WriteTo(data, net.UDPAddrFromAddrPort(to)); err != nil {
		d.Fatal(err)
	}
	d.pass(200 * time.Millisecond)
	synctest.Wait()
}

func rtpPacket(pt byte, seq uint16) []byte {
	return append([]byte{0x80, pt, byte(seq >> 8), byte(seq), 0, 0, 0, byte(seq) * 160, 0, 0, 0, 7}, make([]byte, 160)...)
}
