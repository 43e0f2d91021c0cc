package media

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"ringback/media/audio"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// canned is a socket that gives what a test puts into it and keeps nothing.
type canned struct {
	from   netip.AddrPort
	next   []byte
	writes int
}

func (c *canned) read(b []byte, now time.Time) (int, netip.AddrPort, time.Time, bool) {
	if c.next == nil {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	n := copy(b, c.next)
	c.next = nil
	return n, c.from, now, true
}

func (c *canned) write([]byte, netip.AddrPort) error { c.writes++; return nil }
func (c *canned) close()                             {}

// rig is a session with canned sockets in a bridge that the test ticks itself.
type rig struct {
	bridge    *Bridge
	session   *Session
	rtp, rtcp *canned
	packet    []byte
	now       time.Time
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := newRigOf(t, SessionConfig{})
	e, s := r.session.engine, r.session
	player, meter := e.NewPlayer(), e.NewMeter(MeterConfig{Tones: []float64{440}})
	player.PlayTone(audio.Sine(440, -12), nil)
	var err error
	for _, p := range []Port{s, player, meter} {
		if err == nil {
			_, err = r.bridge.Add(p)
		}
	}
	if err == nil {
		err = r.bridge.SetRoutes([]mixer.Route{{From: player.Slot(), To: s.Slot()}, {From: s.Slot(), To: meter.Slot()}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// newRigOf is one whose session is not in the bridge.
func newRigOf(t testing.TB, cfg SessionConfig) *rig {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	e := NewEngine(EngineConfig{}) // never run: the test is its clock
	t.Cleanup(func() { _ = e.Close() })
	s, err := e.NewSession(withAddress(cfg))
	check(err)
	r := &rig{bridge: e.NewBridge(), session: s, now: time.Now()}
	peer := netip.MustParseAddrPort("127.0.0.9:4000")
	s.rtp.close()
	s.rtcp.close()
	r.rtp, r.rtcp = &canned{from: peer}, &canned{from: netip.MustParseAddrPort("127.0.0.9:4001")}
	s.rtp, s.rtcp = r.rtp, r.rtcp
	body := "v=0\r\no=- 7 7 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	_, err = s.AcceptOffer([]byte(body), sdp.SendRecv)
	check(err)
	r.packet = make([]byte, 172)
	r.packet[0] = 0x80
	binary.BigEndian.PutUint32(r.packet[8:], 0xCAFE)
	return r
}

func withAddress(cfg SessionConfig) SessionConfig {
	cfg.LocalIP, cfg.DTMF = netip.MustParseAddr("127.0.0.1"), true
	return cfg
}

// tick lets a packet of the peer come and 20 ms pass.
func (r *rig) tick() {
	r.comes()
	r.bridge.tick(r.now, 0)
}

// comes lets a packet of the peer come, 20 ms after the one before.
func (r *rig) comes() {
	binary.BigEndian.PutUint16(r.packet[2:], binary.BigEndian.Uint16(r.packet[2:])+1)
	binary.BigEndian.PutUint32(r.packet[4:], binary.BigEndian.Uint32(r.packet[4:])+160)
	r.rtp.next = r.packet
	r.now = r.now.Add(audio.FrameTime)
}

func TestTick_AllocatesNothing(t *testing.T) {
	r := newRig(t)
	for range 500 {
		r.tick()
	}
	r.session.control.next = r.now.Add(time.Hour) // a report every 5 s may allocate
	if n := testing.AllocsPerRun(500, r.tick); n != 0 {
		t.Errorf("%v allocations a tick of a call", n)
	}
	if st := r.session.Stats(); st.RxPackets < 1000 || st.TxPackets < 1000 || st.Lost != 0 {
		t.Errorf("%+v", st)
	}
}

func BenchmarkTick(b *testing.B) {
	b.Run("call=1/codec=PCMU/ports=session,player,meter", func(b *testing.B) {
		r := newRig(b)
		for range 100 {
			r.tick()
		}
		r.session.control.next = r.now.Add(1e6 * time.Hour)
		b.ReportAllocs()
		for b.Loop() {
			r.tick()
		}
	})
}

func BenchmarkRTP(b *testing.B) {
	b.Run("op=receive", func(b *testing.B) {
		r := newRig(b)
		r.tick()
		s := r.session
		seq, ts := uint16(500), uint32(500*160)
		dst := make(frame, 160)
		b.ReportAllocs()
		for b.Loop() {
			seq++
			ts += 160
			r.now = r.now.Add(audio.FrameTime)
			binary.BigEndian.PutUint16(r.packet[2:], seq)
			binary.BigEndian.PutUint32(r.packet[4:], ts)
			s.onRTP(r.packet, r.rtp.from, r.now, r.now)
			s.rx.frame(dst, r.now, true)
		}
	})
	b.Run("op=send", func(b *testing.B) {
		r := newRig(b)
		src := make(frame, 160)
		b.ReportAllocs()
		for b.Loop() {
			r.session.transmit(src, r.now)
		}
	})
}

func FuzzRTP(f *testing.F) {
	seed := make([]byte, 172)
	seed[0] = 0x80
	f.Add(seed, uint8(1))
	f.Add(append([]byte{0xBF, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xBE, 0xDE, 0xFF, 0xFF}, make([]byte, 20)...), uint8(3))
	f.Add([]byte{0x80, 101, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 5, 0x8A, 3, 0x20}, uint8(2))
	r := newRig(f)
	f.Fuzz(func(t *testing.T, data []byte, times uint8) {
		for i := range times%8 + 1 {
			b := append([]byte(nil), data...)
			if len(b) > 3 {
				b[3] += i
			}
			r.rtp.next = b
			r.bridge.tick(r.now, 0)
			r.now = r.now.Add(audio.FrameTime)
		}
		if n := r.bridge.engine.Panics(); n != 0 {
			t.Fatalf("%d panics", n)
		}
		if n := r.session.rx.buffer.Len(); n > 64 {
			t.Fatalf("%d packets held", n)
		}
		if n := len(r.session.rx.fifo); n > 4000 {
			t.Fatalf("%d samples wait", n)
		}
	})
}

func FuzzRTCP(f *testing.F) {
	f.Add(receiverReport(0xCAFE))
	f.Add([]byte{0x81, 203, 0, 1, 0, 0, 0xCA, 0xFE})
	f.Add(append([]byte{0x80, 200, 0, 6}, make([]byte, 24)...))
	r := newRig(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		s := r.session
		s.mu.Lock()
		defer s.mu.Unlock()
		s.onRTCP(data, r.now)
		s.report(r.now.Add(time.Hour))
		if rtt := s.control.rtt; rtt < 0 || rtt > time.Minute {
			t.Fatalf("round trip of %v", rtt)
		}
	})
}
