package media

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/sdp"
)

// path is a session with canned sockets whose ways in and out the test walks itself.
type path struct {
	session *Session
	rtp     *canned
	packet  []byte

	step uint32
	said []frame  // speech, 20 ms by 20 ms
	came [][]byte // the same as payloads
	n    int
	dst  frame
	now  time.Time
}

// newPath agrees on one codec, at the codec's own rate, with packets of 20 ms.
func newPath(tb testing.TB, name string) *path {
	tb.Helper()
	c, _ := named(name)
	e := NewEngine(EngineConfig{Rate: c.SampleRate}) // never run: the test is its clock
	tb.Cleanup(func() { _ = e.Close() })
	s, err := e.NewSession(SessionConfig{LocalIP: netip.MustParseAddr("127.0.0.1"), Codecs: []string{name}, DTMF: true})
	if err != nil {
		tb.Fatal(err)
	}
	s.rtp.close()
	s.rtcp.close()
	p := &path{session: s, rtp: &canned{from: netip.MustParseAddrPort("127.0.0.9:4000")}, now: time.Now(), step: c.FrameTicks()}
	s.rtp, s.rtcp = p.rtp, &canned{}
	format := formats([]codec.Codec{c}, s.cfg.Opus)[0]
	body := fmt.Sprintf("v=0\r\no=- 7 7 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP %d\r\na=rtpmap:%d %s\r\na=fmtp:%d useinbandfec=1\r\n",
		format.PayloadType, format.PayloadType, format, format.PayloadType)
	if _, err = s.AcceptOffer([]byte(body), sdp.SendRecv); err != nil {
		tb.Fatal(err)
	}
	p.dst = make(frame, c.FrameSamples())
	p.packet = append([]byte{0x80, format.PayloadType, 0, 0, 0, 0, 0, 0, 0, 0, 0xCA, 0xFE}, make([]byte, codec.MaxPayload)...)
	encoder := c.NewEncoder()
	for pcm := quality.Speech(1, c.SampleRate, 2*time.Second); len(pcm) >= c.FrameSamples(); pcm = pcm[c.FrameSamples():] {
		payload, err := encoder.Encode(nil, pcm[:c.FrameSamples()])
		if err != nil {
			tb.Fatal(err)
		}
		p.said, p.came = append(p.said, pcm[:c.FrameSamples()]), append(p.came, payload)
	}
	for range 200 { // warm
		p.in()
		p.out()
	}
	return p
}

// in lets a packet come and its 20 ms be heard.
func (p *path) in() {
	p.now = p.now.Add(audio.FrameTime)
	binary.BigEndian.PutUint16(p.packet[2:], binary.BigEndian.Uint16(p.packet[2:])+1)
	binary.BigEndian.PutUint32(p.packet[4:], binary.BigEndian.Uint32(p.packet[4:])+p.step)
	p.n++
	p.rtp.next = p.packet[:12+copy(p.packet[12:], p.came[p.n%len(p.came)])]
	p.session.pull(p.dst, p.now, 0)
}

// skip lets 20 ms be heard whose packet is lost.
func (p *path) skip() {
	binary.BigEndian.PutUint16(p.packet[2:], binary.BigEndian.Uint16(p.packet[2:])+1)
	binary.BigEndian.PutUint32(p.packet[4:], binary.BigEndian.Uint32(p.packet[4:])+p.step)
	p.now = p.now.Add(audio.FrameTime)
	p.session.pull(p.dst, p.now, 0)
}

// out sends 20 ms.
func (p *path) out() {
	p.session.mu.Lock()
	p.n++
	p.session.transmit(p.said[p.n%len(p.said)], p.now)
	p.session.mu.Unlock()
}

// pathCodecs are all that this build sends.
func pathCodecs() []string { return append([]string{"PCMU", "L16/16000"}, qualityCodecs()...) }

func TestPath_NothingIsAllocatedForAPacket(t *testing.T) {
	for _, name := range pathCodecs() {
		p := newPath(t, name)
		if n := testing.AllocsPerRun(500, func() { p.in(); p.out() }); n != 0 {
			t.Errorf("%s: %v allocations a packet", name, n)
		}
		if st := p.session.Stats(); st.RxPackets < 600 || st.Late+st.Concealed > 3 || st.TxPackets < 600 {
			t.Errorf("%s: %+v", name, st)
		}
	}
}

// TestPath_NothingIsAllocatedForALostPacket: what does not come is made up without an
// allocation.
func TestPath_NothingIsAllocatedForALostPacket(t *testing.T) {
	for _, name := range pathCodecs() {
		p := newPath(t, name)
		n := 0
		one := func() {
			if n++; n%7 > 3 {
				p.skip()
			} else {
				p.in()
			}
		}
		for range 70 {
			one()
		}
		if n := testing.AllocsPerRun(500, one); n != 0 {
			t.Errorf("%s: %v allocations a packet", name, n)
		}
		if st := p.session.Stats(); st.Lost < 100 {
			t.Errorf("%s: nothing was lost: %+v", name, st)
		}
	}
}

// BenchmarkPath is what a packet costs without the system: from the datagram to the frame that
// is heard, and from the frame that is said to the datagram.
func BenchmarkPath(b *testing.B) {
	for _, name := range pathCodecs() {
		for _, way := range []string{"in", "out"} {
			b.Run(fmt.Sprintf("codec=%s/way=%s", name, way), func(b *testing.B) {
				p := newPath(b, name)
				walk := p.in
				if way == "out" {
					walk = p.out
				}
				b.ReportAllocs()
				for b.Loop() {
					walk()
				}
			})
		}
	}
}

// BenchmarkPath_Lost is a packet in that did not come, and was made up.
func BenchmarkPath_Lost(b *testing.B) {
	for _, name := range pathCodecs() {
		b.Run("codec="+name, func(b *testing.B) {
			p := newPath(b, name)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if n++; n%2 == 0 { // every second one
					p.skip()
					continue
				}
				p.in()
			}
		})
	}
}

// BenchmarkResample is 20 ms from one rate to another.
func BenchmarkResample(b *testing.B) {
	for _, way := range [][2]int{{8000, 48000}, {48000, 8000}, {16000, 48000}, {48000, 16000}, {44100, 48000}} {
		b.Run(fmt.Sprintf("from=%d/to=%d", way[0], way[1]), func(b *testing.B) {
			r, src := audio.NewResampler(way[0], way[1]), make([]int16, audio.FrameSamples(way[0]))
			var dst []int16
			b.ReportAllocs()
			for b.Loop() {
				dst = r.Process(dst[:0], src)
			}
		})
	}
}
