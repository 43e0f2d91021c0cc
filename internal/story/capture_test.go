package story

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
	"ringback/internal/simnet"
	mediasdp "ringback/media/sdp"
)

// capture is what a network in memory carried, as a pcap file of IP packets has it.
type capture struct {
	mu   sync.Mutex
	file bytes.Buffer
	next map[[2]netip.AddrPort]uint32 // the next sequence number of a TCP direction
}

const linkRaw = 101 // LINKTYPE_RAW: an IP packet

func newCapture() *capture {
	c := &capture{next: map[[2]netip.AddrPort]uint32{}}
	head := []uint32{0xA1B2C3D4, 2 | 4<<16, 0, 0, 65535, linkRaw}
	_ = binary.Write(&c.file, binary.LittleEndian, head)
	return c
}

// take is a tap.
func (c *capture) take(p simnet.Packet) {
	if p.Dropped {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var transport []byte
	protocol := byte(17)
	if p.Network == "tcp" {
		protocol = 6
		way, back := [2]netip.AddrPort{p.From, p.To}, [2]netip.AddrPort{p.To, p.From}
		transport = ports(p)
		transport = binary.BigEndian.AppendUint32(transport, c.next[way]+1)
		transport = binary.BigEndian.AppendUint32(transport, c.next[back]+1)
		transport = append(transport, 5<<4, 0x18, 0xFF, 0xFF, 0, 0, 0, 0) // PSH and ACK
		c.next[way] += uint32(len(p.Data))
	} else {
		transport = binary.BigEndian.AppendUint16(ports(p), uint16(8+len(p.Data)))
		transport = append(transport, 0, 0)
	}
	length := 20 + len(transport) + len(p.Data)
	ip := []byte{0x45, 0, byte(length >> 8), byte(length), 0, 0, 0x40, 0, 64, protocol, 0, 0}
	from, to := p.From.Addr().Unmap().As4(), p.To.Addr().Unmap().As4()
	ip = append(append(ip, from[:]...), to[:]...)
	when := p.At.UnixMicro()
	_ = binary.Write(&c.file, binary.LittleEndian, []uint32{uint32(when / 1e6), uint32(when % 1e6), uint32(length), uint32(length)})
	c.file.Write(slices.Concat(ip, transport, p.Data))
}

func ports(p simnet.Packet) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, p.From.Port()), p.To.Port())
}

// encryptedRTCP is what tshark warns of where it has no key. It is right.
const encryptedRTCP = "Encrypted RTCP Payload - not dissected"

// read has tshark read the capture: how many packets it takes for each protocol, and what
// it finds wrong with any of them.
func (c *capture) read(t *testing.T) (seen map[string]int, wrong []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "wire.pcap")
	c.mu.Lock()
	err := os.WriteFile(file, c.file.Bytes(), 0o600)
	c.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd := exec.Command("tshark", "-r", file, "-T", "fields", "-E", "separator=|", "-e", "frame.number", "-e", "frame.protocols", "-e", "_ws.malformed",
		"-e", "_ws.expert.severity", "-e", "_ws.expert.message")
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark (.ci/prepare installs it): %v: %s", err, errs.String())
	}
	seen = map[string]int{}
	for line := range strings.Lines(string(out)) {
		f := strings.SplitN(strings.TrimSpace(line), "|", 5)
		if len(f) < 5 {
			t.Fatalf("tshark says %q", line)
		}
		if strings.Contains(f[4], encryptedRTCP) {
			seen["SRTCP"]++
			continue
		}
		protocol := strings.ToUpper(f[1][strings.LastIndex(f[1], ":")+1:])
		seen[protocol]++
		// Severities: 0x800000 an error, 0x600000 a warning.
		if f[2] != "" || strings.Contains(f[3], "8388608") || strings.Contains(f[3], "6291456") {
			wrong = append(wrong, line)
		}
	}
	return seen, wrong
}

// What the phone and the lab send is SIP, SDP, RTP, RTCP, SRTP and WebSockets to somebody
// else's reader, who finds nothing wrong with any packet.
func TestCapture_TsharkFindsNoMalformedPacket(t *testing.T) {
	for name, c := range map[string]struct {
		plan plan
		want []string
	}{
		"UDP": {plan{}, []string{"SIP", "RTP", "RTCP"}},
		"TCP": {plan{agent: func(c *agent.Config) { c.Account.Transport = "tcp" }}, []string{"SIP", "RTP", "RTCP"}},
		"WebSocket": {plan{agent: func(c *agent.Config) { c.Account.Transport = "ws" },
			lab: func(c *lab.Config) { c.Listen = append(c.Listen, listen("ws", pbxIP+":80")) }}, []string{"SIP", "RTP"}},
		// With AEAD tshark 4.0 looks for SRTCP's E bit at the wrong place (RFC 7714 section 9.2 has the
		// tag in front of it) and takes half of the packets for plain ones.
		"SRTP": {plan{agent: func(c *agent.Config) { encrypts("required")(c); c.Media.Suites = []string{"AES_CM_128_HMAC_SHA1_80"} }, lab: labEncrypts(mediasdp.EncryptionRequired)}, []string{"SIP", "RTP", "SRTCP"}},
	} {
		t.Run(name, func(t *testing.T) {
			wire := newCapture()
			c.plan.tap = wire.take
			atLab(t, "", c.plan, (*desk).allThatACallSends)
			seen, wrong := wire.read(t)
			t.Logf("%v", seen)
			if len(wrong) > 0 {
				t.Errorf("%d packets are wrong, the first: %s", len(wrong), wrong[0])
			}
			for _, protocol := range c.want {
				if seen[protocol] < 4 {
					t.Errorf("%d packets of %s: %v", seen[protocol], protocol, seen)
				}
			}
		})
	}
}

// allThatACallSends has a callback accepted, held, resumed, digits, a consultation that is
// completed, a call out, and a BYE.
func (d *desk) allThatACallSends() {
	d.Helper()
	d.inCall()
	d.do("hold", nil)
	d.contactHeld()
	d.do("resume", nil)
	d.talks(agent.RoleMain, contact, contactHz)
	d.do("dtmf", args{"digits": "17#"})
	d.pass(12 * time.Second) // a report of RTCP each way
	d.do("consult", args{"target": colleague})
	d.talks(agent.RoleConsultation, colleague, colleagueHz)
	d.do("transfer", nil)
	d.pass(time.Second)
	d.do("done", nil)
	d.do("ready", nil)
	d.do("dial", args{"target": refusing})
	d.pass(3 * time.Second)
	d.do("done", nil)
	d.do("ready", nil)
	d.do("dial", args{"target": colleague})
	d.talks(agent.RoleMain, colleague, colleagueHz)
	d.do("end", nil)
}

// The reader does find what is wrong. With SIP's own headers it is lenient: that they are
// well formed, our own reader holds on every message of every fuzzed run.
func TestCapture_TsharkFindsABadOne(t *testing.T) {
	from, to := netip.MustParseAddrPort(agentIP+":5060"), netip.MustParseAddrPort(pbxIP+":5060")
	offer := "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
	invite := fmt.Sprintf("INVITE sip:1@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:2@10.0.0.2>;tag=1\r\n"+
		"To: <sip:1@10.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(offer), offer)
	for name, c := range map[string]struct {
		text string
		rtcp []byte
	}{
		"nothing":            {text: invite},
		"a port of SDP's":    {text: strings.Replace(invite, "m=audio 5000", "m=audio 99999", 1)},
		"an origin of SDP's": {text: strings.Replace(invite, "o=- 1 1", "o=", 1)},
		"a length of RTCP's": {invite, []byte{0x81, 200, 0, 99, 0, 0, 0, 1}},
	} {
		wire := newCapture()
		wire.take(simnet.Packet{Network: "udp", From: from, To: to, Data: []byte(c.text)})
		if c.rtcp != nil {
			wire.take(simnet.Packet{Network: "udp", From: netip.AddrPortFrom(to.Addr(), 6001), To: netip.AddrPortFrom(from.Addr(), 5001), Data: c.rtcp})
		}
		seen, wrong := wire.read(t)
		if (len(wrong) == 0) != (name == "nothing") {
			t.Errorf("%s: %v, %v", name, seen, wrong)
		}
	}
}
