package media

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/sdp"
)

// post is a socket that gives the datagrams that a test puts into it, with their times.
type post struct {
	from netip.AddrPort
	came []parcel
	sent [][]byte
}

type parcel struct {
	b  []byte
	at time.Time
}

func (p *post) read(b []byte, now time.Time) (int, netip.AddrPort, time.Time, bool) {
	if len(p.came) == 0 || p.came[0].at.After(now) {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	one := p.came[0]
	p.came = p.came[1:]
	return copy(b, one.b), p.from, one.at, true
}

func (p *post) write(b []byte, _ netip.AddrPort) error {
	p.sent = append(p.sent, append([]byte(nil), b...))
	return nil
}

func (p *post) close() {}

// alone is a session in no bridge, and with sockets that the test feeds, which talks in PCMU.
func alone(t *testing.T, cfg SessionConfig) (*Session, *post) {
	t.Helper()
	e := NewEngine(EngineConfig{}) // never run: the test is its clock
	t.Cleanup(func() { _ = e.Close() })
	cfg.LocalIP = netip.MustParseAddr("127.0.0.1")
	s, err := e.NewSession(cfg)
	must(t, err)
	s.rtp.close()
	s.rtcp.close()
	p := &post{from: netip.MustParseAddrPort("127.0.0.9:4000")}
	s.rtp, s.rtcp = p, &post{}
	_, err = s.AcceptOffer([]byte("v=0\r\no=- 7 7 IN IP4 127.0.0.9\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"), sdp.SendRecv)
	must(t, err)
	return s, p
}

// TestUnheard_FiguresAreThoseOfWhoHears: a session whose peer nobody hears, and one that is
// heard, get the same speech over a network that loses, delays, and repeats, and tell the same.
func TestUnheard_FiguresAreThoseOfWhoHears(t *testing.T) {
	said := quality.Speech(1, audio.Rate8k, 10*time.Second)
	heard, heardPost := alone(t, SessionConfig{Codecs: []string{"PCMU", "PCMA"}})
	unheard, unheardPost := alone(t, SessionConfig{Codecs: []string{"PCMU", "PCMA"}, Unheard: true})
	encoder := heard.codecs[0].NewEncoder()
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Now()
	last := start
	var came []parcel
	for i := range 500 {
		b := make([]byte, 12, 172)
		b[0], b[11] = 0x80, 1
		binary.BigEndian.PutUint16(b[2:], uint16(i+1))
		binary.BigEndian.PutUint32(b[4:], uint32(i*160))
		b, _ = encoder.Encode(b, said[i*160:(i+1)*160])
		at := start.Add(time.Duration(i)*audio.FrameTime + time.Duration(rng.Int64N(int64(25*time.Millisecond))))
		if i > 250 && i < 300 {
			at = at.Add(40 * time.Millisecond) // for a second the way is longer
		}
		if at.Before(last) {
			at = last
		}
		last = at
		switch {
		case rng.Float64() < 0.03:
			continue
		case rng.Float64() < 0.02:
			came = append(came, parcel{b, at})
		}
		came = append(came, parcel{b, at})
	}
	heardPost.came, unheardPost.came = came, append([]parcel(nil), came...)
	for i := range 520 {
		now := start.Add(time.Duration(i) * audio.FrameTime)
		heard.tickAlone(now, 0)
		unheard.tickAlone(now, 0)
		if i == 400 { // it speaks then
			if h, u := heard.Stats().RxLevel, unheard.Stats().RxLevel; h-u > 3 || u-h > 3 || h < -40 {
				t.Errorf("level %.1f dBFS heard, %.1f unheard", h, u)
			}
		}
	}
	h, u := heard.Stats(), unheard.Stats()
	if h.Lost < 5 || h.Duplicates == 0 || h.Concealed == 0 {
		t.Fatalf("the network did nothing: %+v", h)
	}
	if u.RxPackets != h.RxPackets || u.Lost != h.Lost || u.Expected != h.Expected || u.Duplicates != h.Duplicates || u.JitterMS != h.JitterMS || u.DelayMS != h.DelayMS || u.BurstRatio != h.BurstRatio || u.MOSScale != h.MOSScale {
		t.Errorf("heard   %+v\nunheard %+v", h, u)
	}
	// What is made shorter or longer differs a little, and with it which packet comes just in time.
	if near := func(x, y uint64) bool { return x <= y+y/10+3 && y <= x+x/10+3 }; !near(u.Concealed, h.Concealed) || !near(u.Late, h.Late) || !near(u.Waited, h.Waited) {
		t.Errorf("heard   %+v\nunheard %+v", h, u)
	}
	if d := u.MOS - h.MOS; d > 0.05 || d < -0.05 {
		t.Errorf("MOS %.3f heard, %.3f unheard", h.MOS, u.MOS)
	}
	if !unheard.rx.passes || unheard.rx.hidden != nil || len(unheard.rx.fifo) > 0 {
		t.Error("what nobody hears was decoded")
	}
}

// TestUnheard_ABrokenPayloadIsCounted as one that cannot be decoded is.
func TestUnheard_ABrokenPayloadIsCounted(t *testing.T) {
	s, p := alone(t, SessionConfig{Codecs: []string{"PCMU"}, Unheard: true})
	now := time.Now()
	for i := range 10 {
		b := make([]byte, 12+1500)
		b[0] = 0x80
		binary.BigEndian.PutUint16(b[2:], uint16(i+1))
		binary.BigEndian.PutUint32(b[4:], uint32(i*160))
		p.came = append(p.came, parcel{b, now})
		s.tickAlone(now, 0)
		now = now.Add(audio.FrameTime)
	}
	if st := s.Stats(); st.RxPackets != 10 || st.Dropped["undecodable"] != 10 {
		t.Errorf("%+v", st)
	}
}

// TestUnheard_GoesIntoNoBridge: there is nothing to be heard of it.
func TestUnheard_GoesIntoNoBridge(t *testing.T) {
	s, _ := alone(t, SessionConfig{Unheard: true})
	if _, err := s.engine.NewBridge().Add(s); !errors.Is(err, ErrUnheard) {
		t.Errorf("added to a bridge: %v", err)
	}
}

// TestUnheard_OtherCodecsAreDecoded where only that tells their level.
func TestUnheard_OtherCodecsAreDecoded(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a := newPhoneAt(t, n, hereIP, audio.Rate16k, func(c *SessionConfig) { c.Codecs = []string{"G722", "PCMU"} })
		defer a.close()
		far, farEnd := farSession(t, n, audio.Rate16k, SessionConfig{Codecs: []string{"G722", "PCMU"}, Unheard: true})
		defer farEnd()
		a.tone(440)
		offer, err := far.CreateOffer(sdp.SendRecv)
		must(t, err)
		answer, err := a.session.AcceptOffer(offer, sdp.SendRecv)
		must(t, err)
		must(t, far.AcceptAnswer(answer, false))
		pass(3 * time.Second)
		if st := far.Stats(); st.RxLevel < -13 || st.RxLevel > -11 || st.RxPackets < 100 {
			t.Errorf("%+v", st)
		}
	})
}

// TestUnheard_ReportsAreReadThoughNobodyIsTold, and the way's length is known as well as by who
// looks often.
func TestUnheard_ReportsAreReadThoughNobodyIsTold(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		n.Link(hereIP, thereIP, simnet.Link{Latency: 30 * time.Millisecond})
		a := newPhone(t, n, hereIP)
		defer a.close()
		far, end := farSession(t, n, audio.Rate8k, SessionConfig{Unheard: true})
		defer end()
		offer, err := far.CreateOffer(sdp.SendRecv)
		must(t, err)
		answer, err := a.session.AcceptOffer(offer, sdp.SendRecv)
		must(t, err)
		must(t, far.AcceptAnswer(answer, false))
		pass(30 * time.Second)
		st := far.Stats()
		if st.RTCPRecv < 3 || st.RTTMS < 59 || st.RTTMS > 61 {
			t.Errorf("%+v", st)
		}
	})
}
