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

// wire has the addresses of one comparison: us, the road, and who echoes, whose ports for RTP begin
// at port where it has them on all addresses.
type wire struct {
	us, way, echo string
	port          int
}

// wires are for calls that run at the same time.
func wires(n int) []wire {
	all := make([]wire, n)
	for i := range all {
		all[i] = wire{us: fmt.Sprintf("127.0.0.%d", 21+i), way: fmt.Sprintf("127.0.1.%d", 21+i), echo: fmt.Sprintf("127.0.2.%d", 21+i), port: 31000 + 100*i}
	}
	return all
}

// caller is our phone in real time, calling whoever echoes over a road.
type caller struct {
	wire
	phone *phone
	said  *earpiece
	heard *earpiece
}

func newCaller(t *testing.T, codec string, w wire) *caller {
	t.Helper()
	c, _ := named(codec)
	p := &phone{t: t, engine: NewEngine(EngineConfig{Shards: 1, Rate: c.SampleRate})}
	go func() { _ = p.engine.Run(context.Background()) }()
	t.Cleanup(p.close)
	var err error
	p.session, err = p.engine.NewSession(SessionConfig{LocalIP: netip.MustParseAddr(w.us), Codecs: []string{codec}, Ports: PortRange{Min: 20000, Max: 20099}, OnEvent: p.note})
	must(t, err)
	p.bridge, p.player = p.engine.NewBridge(), p.engine.NewPlayer()
	k := &caller{wire: w, phone: p, said: &earpiece{probe: probe{keep: true}}, heard: &earpiece{probe: probe{keep: true}}}
	for _, port := range []Port{p.session, p.player, k.said, k.heard} {
		_, err := p.bridge.Add(port)
		must(t, err)
	}
	must(t, p.bridge.SetRoutes([]mixer.Route{{From: p.player.Slot(), To: p.session.Slot()},
		{From: p.player.Slot(), To: k.said.Slot()}, {From: p.session.Slot(), To: k.heard.Slot()}}))
	return k
}

// connect calls over the road.
func (k *caller) connect(t *testing.T, r road, call func(offer []byte) []byte) {
	t.Helper()
	offer, err := k.phone.session.CreateOffer(sdp.SendRecv)
	must(t, err)
	answer := call(bytes.ReplaceAll(offer, []byte(k.us), []byte(k.way)))
	port := regexp.MustCompile(`m=audio (\d+)`).FindSubmatch(answer)
	if port == nil {
		t.Fatalf("answer %q", answer)
	}
	to := netip.MustParseAddrPort(k.echo + ":" + string(port[1]))
	way := &bump{road: r, t: t, rng: rand.New(rand.NewPCG(11, 3))}
	t.Cleanup(way.close)
	way.open(k.phone.session.LocalAddr(), to, func(port uint16) net.PacketConn {
		c, err := net.ListenPacket("udp4", fmt.Sprintf("%s:%d", k.way, elsewhere(port)))
		must(t, err)
		way.conns = append(way.conns, c)
		return c
	})
	onWay := regexp.MustCompile(`IN IP4 \S+`).ReplaceAll(answer, []byte("IN IP4 "+k.way)) // baresip names another of its addresses
	for i := range uint16(2) {
		onWay = bytes.ReplaceAll(onWay, fmt.Append(nil, to.Port()+i), fmt.Append(nil, elsewhere(to.Port()+i)))
	}
	must(t, k.phone.session.AcceptAnswer(onWay, false))
	<-time.After(2 * time.Second)
}

// part is what was said and heard while play sounds for that long, and the echo behind it.
func (k *caller) part(length time.Duration, play func(p *Player)) (said, heard []int16) {
	from := len(k.said.taken())
	play(k.phone.player)
	<-time.After(length)
	k.phone.player.Stop()
	<-time.After(2 * time.Second)
	said, heard = k.said.taken(), k.heard.taken()
	to := min(len(said), len(heard))
	return said[from:to], heard[from:to]
}

// talk says speech, a tone and noise, and judges what came back of each.
func (k *caller) talk(t *testing.T, rate int) string {
	t.Helper()
	clip := func(pcm []int16) func(p *Player) {
		return func(p *Player) { must(t, p.PlayClip(audio.Clip{Rate: rate, Channels: 1, Samples: pcm}, false, nil)) }
	}
	const long, short = 15 * time.Second, 10 * time.Second
	said, heard := k.part(long, clip(quality.Speech(1, rate, long)))
	windows := quality.Align(said, heard, rate, time.Second)
	nsim := quality.NSIM(said, heard, rate, audible(rate), windows)
	_, median, p95, most := quality.Delays(windows)
	_, heard = k.part(short, func(p *Player) { p.PlayTone(audio.Sine(toneHz, -12), nil) })
	breaks := quality.FindBreaks(heard, rate, toneHz, -12)
	said, heard = k.part(long, clip(quality.Noise(1, rate, long)))
	madeUp := quality.MadeUp(said, heard, rate, quality.Align(said, heard, rate, time.Second))
	ms := func(d time.Duration) int64 { return (d - 2*roadLag).Milliseconds() }
	return fmt.Sprintf("%d, %d, %d | %.3f | %.1f %% | %d (%d ms) | %d", ms(median), ms(p95), ms(most), nsim, 100*madeUp, breaks.Gaps, breaks.Longest.Milliseconds(), breaks.Clicks)
}

// elsewhere is where the road listens for a port of baresip's, which has it on all addresses.
func elsewhere(port uint16) uint16 {
	if port >= 31000 && port < 32000 { // see wires
		return port + 2000
	}
	return port
}

const besideHead = `# The same sound, over the same roads, to this phone and to baresip

` + "`make beside`" + ` measures this anew (last on %s), in real time on loopback (%s; a busy machine shows in the delays): a
session of ours says 15 s of speech-like sound, a tone of 440 Hz and noise into a road that loses and delays packets (see
[README.md](README.md); the same seed), to a phone that says what it hears: ours, or Debian's baresip 1.0.0 with its
defaults (Opus at 32 kbit/s and mono, as ours), its PLC module, and its aubridge as loudspeaker and microphone. The way back
is without fault, and all is measured of what comes back, by one meter.

- **delay**: the whole way there and back without the network's own: the median, the 95th percentile and the most of windows
  of 400 ms; the buffer of the way back is ours in both.
- **made up**: frames of 20 ms of the noise that did not come back, near where they should: no part of it is like another, so
  that what is made up never passes for it. With our own phone in virtual time it is what the phone counts.
- **gaps** and **clicks** of the tone, and **NSIM** of the speech: as in README.md.

| codec | network | phone | delay ms: median, p95, most | NSIM | made up | gaps (longest) | clicks |
| --- | --- | --- | --- | --- | --- | --- | --- |
`

// echoOfOurs is a phone of ours that says what it hears.
func echoOfOurs(t *testing.T, codec string, w wire) func(offer []byte) []byte {
	c, _ := named(codec)
	e := NewEngine(EngineConfig{Shards: 1, Rate: c.SampleRate})
	go func() { _ = e.Run(context.Background()) }()
	t.Cleanup(func() { _ = e.Close() })
	s, err := e.NewSession(SessionConfig{LocalIP: netip.MustParseAddr(w.echo), Codecs: []string{codec}, Ports: PortRange{Min: 30000, Max: 30099}})
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
rtp_ports %d-%d
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
func echoOfBaresip(t *testing.T, codec string, w wire) func(offer []byte) []byte {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config"), fmt.Appendf(nil, baresipConfig, w.echo, w.port, w.port+98), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "accounts"), []byte("<sip:echo@"+w.echo+">;regint=0;answermode=auto;audio_codecs="+codec+"\n"), 0o600))
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
	conn, err := net.ListenPacket("udp4", w.us+":0")
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return func(offer []byte) []byte { return invite(t, conn, offer, w) }
}

// invite calls baresip as simply as can be, and returns its answer's SDP.
func invite(t *testing.T, conn net.PacketConn, offer []byte, w wire) []byte {
	t.Helper()
	to := &net.UDPAddr{IP: net.ParseIP(w.echo), Port: 5070}
	request := func(method, tag, body string) []byte {
		return fmt.Appendf(nil, "%s sip:echo@%s:5070 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s1;rport\r\nMax-Forwards: 70\r\nFrom: <sip:us@%s>;tag=1\r\nTo: <sip:echo@%s:5070>%s\r\n"+
			"Call-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:us@%s>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
			method, w.echo, conn.LocalAddr(), method, w.us, w.echo, tag, conn.LocalAddr(), method, conn.LocalAddr(), len(body), body)
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

// besideRoads are the rows of the comparison.
func besideRoads() []namedRoad {
	const ms = time.Millisecond
	return []namedRoad{{"nothing", road{}}, {"loss 5 %", road{loss: 0.05}}, {"loss 10 %", road{loss: 0.1}}, {"loss 20 %", road{loss: 0.2}},
		{"loss 10 %, 4 in a row", road{loss: 0.1, burst: 4}}, {"jitter 60 ms", road{jitter: 60 * ms}}, {"jitter 150 ms", road{jitter: 150 * ms}},
		{"10 % overtaken", road{overtaken: 0.1, reorder: true}}}
}

// TestBesideBaresip takes the same sound over the same roads, in real time, to our phone and
// to baresip, both of which say what they hear. All codecs and both phones are measured at once.
func TestBesideBaresip(t *testing.T) {
	codecs := [][2]string{{"PCMA", "PCMA/8000/1"}, {"G722", "G722/16000/1"}, {"opus", "opus/48000/2"}}
	lines, began := wires(2*len(codecs)), time.Now()
	rows := make([][2]string, len(codecs)*len(besideRoads()))
	for k, way := range besideRoads() {
		t.Run(way.name, func(t *testing.T) {
			for i, codec := range codecs {
				for j, phone := range []string{"ours", "baresip"} {
					t.Run(codec[0]+", "+phone, func(t *testing.T) {
						t.Parallel()
						w, c := lines[2*i+j], rateOf(t, codec[0])
						echo := echoOfOurs
						if phone == "baresip" {
							echo = echoOfBaresip
						}
						caller := newCaller(t, codec[0], w)
						caller.connect(t, way.road, echo(t, codec[j], w))
						row := fmt.Sprintf("| %s | %s | %s | %s |\n", codec[0], way.name, phone, caller.talk(t, c))
						t.Log(row)
						rows[i*len(besideRoads())+k][j] = row
					})
				}
			}
		})
	}
	if *beside == "" || t.Failed() {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, besideHead, began.Format("2 January 2006"), time.Since(began).Round(time.Minute))
	for _, row := range rows {
		b.WriteString(row[0] + row[1])
	}
	must(t, os.WriteFile(*beside, []byte(b.String()), 0o600))
}

// rateOf is a codec's rate in Hz.
func rateOf(t *testing.T, name string) int {
	c, ok := named(name)
	if !ok {
		t.Fatalf("%s: not in this build", name)
	}
	return c.SampleRate
}
