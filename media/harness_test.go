package media

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// The two ends of most tests.
const (
	hereIP  = "192.0.2.1"
	thereIP = "192.0.2.2"
)

// highHz is a tone that only a wideband codec carries.
const highHz = 5500

// story runs fn in virtual time over a network that is closed at its end.
func story(t *testing.T, fn func(t *testing.T, n *simnet.Net)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New()
		defer n.Close()
		fn(t, n)
	})
}

// pass lets virtual time go by, and what is due then be done.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// phone is an engine with one session, in a bridge with a player that the peer
// hears and a meter that hears the peer.
type phone struct {
	t       *testing.T
	engine  *Engine
	session *Session
	bridge  *Bridge
	player  *Player
	meter   *Meter

	mu     sync.Mutex
	events []Event
}

func newPhone(t *testing.T, n *simnet.Net, ip string, change ...func(*SessionConfig)) *phone {
	t.Helper()
	return newPhoneAt(t, n, ip, audio.Rate8k, change...)
}

// newPhoneAt is a phone whose bridge mixes at that rate.
func newPhoneAt(t *testing.T, n *simnet.Net, ip string, rate int, change ...func(*SessionConfig)) *phone {
	t.Helper()
	p := &phone{t: t}
	p.engine = NewEngine(EngineConfig{Network: n.Host(ip), Shards: 1, Rate: rate})
	go func() { _ = p.engine.Run(context.Background()) }()
	cfg := SessionConfig{LocalIP: netip.MustParseAddr(ip), DTMF: true, OnEvent: p.note}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	p.session, err = p.engine.NewSession(cfg)
	must(t, err)
	p.bridge, p.player = p.engine.NewBridge(), p.engine.NewPlayer()
	p.meter = p.engine.NewMeter(MeterConfig{Tones: []float64{440, 620, 850, 1004, highHz}[:min(5, 4+rate/audio.Rate16k)], Speech: true, OnEvent: p.note})
	for _, port := range []Port{p.session, p.player, p.meter} {
		_, err := p.bridge.Add(port)
		must(t, err)
	}
	must(t, p.bridge.SetRoutes([]mixer.Route{
		{From: p.player.Slot(), To: p.session.Slot()}, {From: p.session.Slot(), To: p.meter.Slot()},
	}))
	return p
}

// close ends the phone; deferred, so that it is done inside the bubble.
func (p *phone) close() { _ = p.engine.Close() }

func (p *phone) note(e Event) {
	p.mu.Lock()
	p.events = append(p.events, e)
	p.mu.Unlock()
}

func (p *phone) told() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// count is how often an event of type E was told.
func count[E Event](p *phone) int {
	n := 0
	for _, e := range p.told() {
		if _, ok := e.(E); ok {
			n++
		}
	}
	return n
}

func (p *phone) tone(hz float64) { p.player.PlayTone(audio.Sine(hz, -12), nil) }

func (p *phone) hears(hz float64) bool {
	on, _ := p.meter.Tone(hz)
	return on
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// connect lets a call b, both ways.
// connect returns what they said.
func connect(t *testing.T, a, b *phone) (offer, answer []byte) {
	t.Helper()
	return renegotiate(t, a, b, sdp.SendRecv, sdp.SendRecv)
}

func renegotiate(t *testing.T, a, b *phone, da, db sdp.Direction) (offer, answer []byte) {
	t.Helper()
	offer, err := a.session.CreateOffer(da)
	must(t, err)
	answer, err = b.session.AcceptOffer(offer, db)
	must(t, err)
	must(t, a.session.AcceptAnswer(answer, false))
	return offer, answer
}

// pair makes two phones that are in a call.
func twoPhones(t *testing.T, n *simnet.Net, change ...func(*SessionConfig)) (a, b *phone) {
	a, b = newPhone(t, n, hereIP, change...), newPhone(t, n, thereIP, change...)
	connect(t, a, b)
	return a, b
}

// peer is a far end that sends just what a test says.
type peer struct {
	t    *testing.T
	conn net.PacketConn
	rtcp net.PacketConn
	to   netip.AddrPort
	ssrc uint32
	seq  uint16
	ts   uint32
	pt   uint8
	tone *audio.Tone
	enc  codec.Encoder
}

// newPeer calls p from host:port, where the SDP says that it is.
func newPeer(t *testing.T, n *simnet.Net, p *phone, ip string, port int) *peer {
	t.Helper()
	r := openPeer(t, n, p, ip, port)
	r.reoffer(p, ip, port, "sendrecv")
	return r
}

// openPeer is a peer that has not called yet.
func openPeer(t *testing.T, n *simnet.Net, p *phone, ip string, port int) *peer {
	t.Helper()
	ctx := context.Background()
	h := n.Host(ip)
	conn, err := h.ListenPacket(ctx, "udp4", fmt.Sprintf("%s:%d", ip, port))
	must(t, err)
	rtcp, err := h.ListenPacket(ctx, "udp4", fmt.Sprintf("%s:%d", ip, port+1))
	must(t, err)
	c, _ := codec.Find("PCMU", 8000)
	r := &peer{t: t, conn: conn, rtcp: rtcp, to: p.session.LocalAddr(), ssrc: 0x1111, seq: 100, ts: 5000, enc: c.NewEncoder()}
	r.tone = audio.NewTone(audio.Sine(440, -12), 8000)
	return r
}

func (r *peer) reoffer(p *phone, ip string, port int, direction string) {
	r.t.Helper()
	body := fmt.Sprintf("v=0\r\no=- 7 %d IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\n"+
		"a=rtpmap:101 telephone-event/8000\r\na=%s\r\n", r.ts, ip, ip, port, direction)
	_, err := p.session.AcceptOffer([]byte(body), sdp.SendRecv)
	must(r.t, err)
}

// frame makes the next packet, counts on, and returns it.
func (r *peer) frame() []byte {
	pcm := make([]int16, 160)
	r.tone.Fill(pcm)
	b := make([]byte, 12, 172)
	b[0], b[1] = 0x80, r.pt
	binary.BigEndian.PutUint16(b[2:], r.seq)
	binary.BigEndian.PutUint32(b[4:], r.ts)
	binary.BigEndian.PutUint32(b[8:], r.ssrc)
	r.seq++
	r.ts += 160
	b, _ = r.enc.Encode(b, pcm)
	return b
}

func (r *peer) send(b []byte) { r.sendFrom(r.conn, b) }

func (r *peer) sendFrom(conn net.PacketConn, b []byte) {
	if _, err := conn.WriteTo(b, net.UDPAddrFromAddrPort(r.to)); err != nil {
		r.t.Errorf("send: %v", err)
	}
}

// speak sends n packets, one each 20 ms.
func (r *peer) speak(n int) {
	for range n {
		r.send(r.frame())
		pass(20 * time.Millisecond)
	}
}

func toneOf(hz float64) *audio.Tone { return audio.NewTone(audio.Sine(hz, -12), 8000) }

// probe is a port that keeps what it hears.
type probe struct {
	mu     sync.Mutex
	seat   seat
	levels []float64
	pcm    []int16
	keep   bool
	boom   bool
}

func (p *probe) Slot() mixer.Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seat.slot
}

func (p *probe) attach(b *Bridge, slot mixer.Slot) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seat.take(b, slot)
}

func (p *probe) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seat.leave()
}

func (p *probe) pull(dst frame, _ time.Time, _ int) { clear(dst) }

func (p *probe) rests() bool { return false }

func (p *probe) push(src frame, _ time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.boom {
		panic("boom")
	}
	p.levels = append(p.levels, audio.LevelDBFS(src))
	if p.keep {
		p.pcm = append(p.pcm, src...)
	}
}

func (p *probe) fail(error)    { p.boom = false }
func (p *probe) flush() func() { return nil }

// routesTo is the routes of a phone with its session heard at slot, too.
func routesTo(p *phone, slot mixer.Slot) []mixer.Route {
	return []mixer.Route{
		{From: p.player.Slot(), To: p.session.Slot()}, {From: p.session.Slot(), To: p.meter.Slot()}, {From: p.session.Slot(), To: slot},
	}
}
