//go:build baresip

package media

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/media/audio"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

var beside = flag.String("beside", "", "the file that the comparison is written to")

// The addresses of a comparison: us, the road, and who echoes.
const (
	usIP   = "127.0.0.21"
	wayIP  = "127.0.0.29"
	echoIP = "127.0.0.31"
)

// caller is our phone in real time, calling whoever echoes over a road.
type caller struct {
	phone *phone
	said  *earpiece
	heard *earpiece
}

func newCaller(t *testing.T, codec string) *caller {
	t.Helper()
	c, _ := named(codec)
	p := &phone{t: t, engine: NewEngine(EngineConfig{Shards: 1, Rate: c.SampleRate})}
	go func() { _ = p.engine.Run(context.Background()) }()
	t.Cleanup(p.close)
	var err error
	p.session, err = p.engine.NewSession(SessionConfig{LocalIP: netip.MustParseAddr(usIP), Codecs: []string{codec}, Ports: PortRange{Min: 20000, Max: 20099}, OnEvent: p.note})
	must(t, err)
	p.bridge, p.player = p.engine.NewBridge(), p.engine.NewPlayer()
	k := &caller{phone: p, said: &earpiece{probe: probe{keep: true}}, heard: &earpiece{probe: probe{keep: true}}}
	for _, port := range []Port{p.session, p.player, k.said, k.heard} {
		_, err := p.bridge.Add(port)
		must(t, err)
	}
	must(t, p.bridge.SetRoutes([]mixer.Route{{From: p.player.Slot(), To: p.session.Slot()},
		{From: p.player.Slot(), To: k.said.Slot()}, {From: p.session.Slot(), To: k.heard.Slot()}}))
	return k
}

// talk connects over the road, says the clip, and judges what came back.
func (k *caller) talk(t *testing.T, r road, rate int, length time.Duration, call func(offer []byte) []byte) string {
	t.Helper()
	offer, err := k.phone.session.CreateOffer(sdp.SendRecv)
	must(t, err)
	answer := call(bytes.ReplaceAll(offer, []byte(usIP), []byte(wayIP)))
	port := regexp.MustCompile(`m=audio (\d+)`).FindSubmatch(answer)
	if port == nil {
		t.Fatalf("answer %q", answer)
	}
	to := netip.MustParseAddrPort(echoIP + ":" + string(port[1]))
	way := &bump{road: r, t: t, rng: rand.New(rand.NewPCG(11, 3))}
	defer way.close()
	way.open(k.phone.session.LocalAddr(), to, func(port uint16) net.PacketConn {
		c, err := net.ListenPacket("udp4", fmt.Sprintf("%s:%d", wayIP, elsewhere(port)))
		must(t, err)
		way.conns = append(way.conns, c)
		return c
	})
	onWay := regexp.MustCompile(`IN IP4 \S+`).ReplaceAll(answer, []byte("IN IP4 "+wayIP)) // baresip names another of its addresses
	for i := range uint16(2) {
		onWay = bytes.ReplaceAll(onWay, fmt.Append(nil, to.Port()+i), fmt.Append(nil, elsewhere(to.Port()+i)))
	}
	must(t, k.phone.session.AcceptAnswer(onWay, false))
	<-time.After(2 * time.Second)
	must(t, k.phone.player.PlayClip(audio.Clip{Rate: rate, Channels: 1, Samples: quality.Speech(1, rate, length)}, false, nil))
	<-time.After(length + 2*time.Second)
	said, heard := k.said.taken(), k.heard.taken()
	windows := quality.Align(said, heard, rate, time.Second)
	_, median, _, most := quality.Delays(windows)
	return fmt.Sprintf("%d, %d | %.3f", (median - 2*roadLag).Milliseconds(), (most - 2*roadLag).Milliseconds(),
		quality.NSIM(said, heard, rate, audible(rate), windows))
}

// elsewhere is where the road listens for a port of baresip's, which has it on all addresses.
func elsewhere(port uint16) uint16 {
	if port >= 31000 && port < 32000 {
		return port + 2000
	}
	return port
}

// taken is what was heard so far.
func (e *earpiece) taken() []int16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pcm
}

const besideHead = `# The same sound, over the same roads, to this phone and to baresip

` + "`make beside`" + ` measures this anew, in real time on loopback (ten minutes; a busy machine shows in the delays): a session of
ours says 15 s of speech-like sound into a road that loses and delays packets (see README.md beside this; the same seed),
to a phone that says what it hears: ours, or Debian's baresip 1.0.0 with its defaults (Opus at 32 kbit/s and mono, as ours), its PLC module, and its aubridge as
loudspeaker and microphone. The way back is without fault. **delay** is the whole way there and back without the network's
own, the median and the most of windows of 400 ms; the buffer of the way back is ours in both.

| codec | network | ours: delay ms | NSIM | baresip: delay ms | NSIM |
| --- | --- | --- | --- | --- | --- |
`

// echoOfOurs is a phone of ours that says what it hears.
func echoOfOurs(t *testing.T, codec string) func(offer []byte) []byte {
	c, _ := named(codec)
	e := NewEngine(EngineConfig{Shards: 1, Rate: c.SampleRate})
	go func() { _ = e.Run(context.Background()) }()
	t.Cleanup(func() { _ = e.Close() })
	s, err := e.NewSession(SessionConfig{LocalIP: netip.MustParseAddr(echoIP), Codecs: []string{codec}, Ports: PortRange{Min: 30000, Max: 30099}})
	must(t, err)
	b := e.NewBridge()
	_, err = b.Add(s)
	must(t, err)
	must(t, b.SetRoutes([]mixer.Route{{From: s.Slot(), To: s.Slot()}}))
	return func(offer []byte) []byte {
		answer, err := s.AcceptOffer(offer, sdp.SendRecv)
		must(t, err)
		return answer
	}
}

const baresipConfig = `poll_method epoll
sip_listen %s:5070
audio_player aubridge,echo
audio_source aubridge,echo
audio_alert aubridge,alert
rtp_ports 31000-31100
opus_bitrate 32000
opus_stereo no
opus_sprop_stereo no
module_path /usr/lib/baresip/modules
module g711.so
module g722.so
module opus.so
module plc.so
module aubridge.so
module_tmp account.so
module_app menu.so
`

// echoOfBaresip is Debian's baresip with its defaults, whose microphone hears what its
// loudspeaker plays.
func echoOfBaresip(t *testing.T, codec string) func(offer []byte) []byte {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config"), fmt.Appendf(nil, baresipConfig, echoIP), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "accounts"), []byte("<sip:echo@"+echoIP+">;regint=0;answermode=auto;audio_codecs="+codec+"\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "contacts"), nil, 0o600))
	cmd := exec.Command("baresip", "-4", "-f", dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it would wait for half a minute for an answer to its BYE
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	conn, err := net.ListenPacket("udp4", usIP+":0")
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return func(offer []byte) []byte { return invite(t, conn, offer) }
}

// invite calls baresip as simply as can be, and returns its answer's SDP.
func invite(t *testing.T, conn net.PacketConn, offer []byte) []byte {
	t.Helper()
	to := &net.UDPAddr{IP: net.ParseIP(echoIP), Port: 5070}
	request := func(method, tag, body string) []byte {
		return fmt.Appendf(nil, "%s sip:echo@%s:5070 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s1;rport\r\nMax-Forwards: 70\r\nFrom: <sip:us@%s>;tag=1\r\nTo: <sip:echo@%s:5070>%s\r\n"+
			"Call-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:us@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
			method, echoIP, conn.LocalAddr(), method, usIP, echoIP, tag, conn.LocalAddr(), method, conn.LocalAddr(), len(body), body)
	}
	buf := make([]byte, 8192)
	for range 20 { // it takes a moment to start
		if _, err := conn.WriteTo(request("INVITE", "", string(offer)), to); err != nil {
			t.Fatal(err)
		}
		for {
			must(t, conn.SetReadDeadline(time.Now().Add(500*time.Millisecond)))
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				break
			}
			response := string(buf[:n])
			if !strings.HasPrefix(response, "SIP/2.0 200") {
				continue
			}
			tag := regexp.MustCompile(`(?im)^To:.*(;tag=[^\r\n;]+)`).FindStringSubmatch(response)
			_, body, _ := strings.Cut(response, "\r\n\r\n")
			_, err = conn.WriteTo(request("ACK", tag[1], ""), to)
			must(t, err)
			return []byte(body)
		}
	}
	t.Fatal("baresip does not answer")
	return nil
}

// TestBesideBaresip takes the same sound over the same roads, in real time, to our phone and
// to baresip, both of which say what they hear.
func TestBesideBaresip(t *testing.T) {
	const ms = time.Millisecond
	var b strings.Builder
	b.WriteString(besideHead)
	for _, codec := range [][2]string{{"PCMA", "PCMA/8000/1"}, {"G722", "G722/16000/1"}, {"opus", "opus/48000/2"}} {
		for _, row := range []struct {
			name string
			road road
		}{{"nothing", road{}}, {"loss 5 %", road{loss: 0.05}}, {"loss 10 %", road{loss: 0.1}}, {"jitter 60 ms", road{jitter: 60 * ms}}, {"jitter 150 ms", road{jitter: 150 * ms}}} {
			c, _ := named(codec[0])
			var results []string
			for name, echo := range map[string]func(*testing.T) func([]byte) []byte{
				"1 ours":    func(t *testing.T) func([]byte) []byte { return echoOfOurs(t, codec[0]) },
				"2 baresip": func(t *testing.T) func([]byte) []byte { return echoOfBaresip(t, codec[1]) },
			} {
				t.Run(codec[0]+", "+row.name+", "+name, func(t *testing.T) {
					results = append(results, name+newCaller(t, codec[0]).talk(t, row.road, c.SampleRate, 15*time.Second, echo(t)))
				})
			}
			if len(results) < 2 {
				continue
			}
			if results[0][0] == '2' {
				results[0], results[1] = results[1], results[0]
			}
			line := fmt.Sprintf("| %s | %s | %s | %s |\n", codec[0], row.name, strings.TrimPrefix(results[0], "1 ours"), strings.TrimPrefix(results[1], "2 baresip"))
			t.Log(line)
			b.WriteString(line)
		}
	}
	if *beside != "" {
		must(t, os.WriteFile(*beside, []byte(b.String()), 0o600))
	}
}
