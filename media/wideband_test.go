package media

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/sdp"
)

// rtpSeen is what went over the wire as RTP from one host.
type rtpSeen struct {
	payloadType byte
	payload     int
	step        uint32 // of the timestamp, from the packet before
}

// watchRTP notes the audio packets of a host.
func watchRTP(n *simnet.Net, ip string) *[]rtpSeen {
	seen, last := &[]rtpSeen{}, uint32(0)
	n.Tap(func(p simnet.Packet) {
		if p.From.Addr().String() != ip || len(p.Data) < 12 || p.Data[1]&0x7F >= 72 && p.Data[1]&0x7F <= 76 {
			return
		}
		ts := binary.BigEndian.Uint32(p.Data[4:])
		*seen = append(*seen, rtpSeen{p.Data[1] & 0x7F, len(p.Data) - 12, ts - last})
		last = ts
	})
	return seen
}

// TestG722_BothHearWhatATelephoneLoses: a tone above 4 kHz comes through both ways.
func TestG722_BothHearWhatATelephoneLoses(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		seen := watchRTP(n, hereIP)
		wide := func(c *SessionConfig) { c.Codecs = []string{"G722", "PCMU"} }
		a, b := newPhoneAt(t, n, hereIP, audio.Rate16k, wide), newPhoneAt(t, n, thereIP, audio.Rate16k, wide)
		defer a.close()
		defer b.close()
		connect(t, a, b)
		a.tone(highHz)
		b.tone(highHz)
		pass(time.Second)
		if a.session.Codec() != "G722/8000" || !a.hears(highHz) || !b.hears(highHz) {
			t.Errorf("%s: heard %v and %v", a.session.Codec(), a.hears(highHz), b.hears(highHz))
		}
		for _, p := range (*seen)[2:] {
			if p != (rtpSeen{9, 160, 160}) { // RFC 3551 4.5.2: the clock is 8000
				t.Fatalf("sent %+v", p)
			}
		}
	})
}

// TestG722_PacketTimes: what a packet holds follows the peer's wish.
func TestG722_PacketTimes(t *testing.T) {
	for _, ms := range []int{10, 20, 30, 40, 60} {
		t.Run(fmt.Sprint(ms), func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				seen := watchRTP(n, hereIP)
				a := newPhoneAt(t, n, hereIP, audio.Rate16k)
				defer a.close()
				body := fmt.Sprintf("v=0\r\no=- 7 7 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9\r\na=ptime:%d\r\n", thereIP, thereIP, ms)
				_, err := a.session.AcceptOffer([]byte(body), sdp.SendRecv)
				must(t, err)
				a.tone(440)
				pass(time.Second)
				want := rtpSeen{9, 8 * ms, uint32(8 * ms)}
				if p := *seen; len(p) < 10 || p[5] != want {
					t.Errorf("%d packets, want %+v: %+v", len(p), want, p[:min(len(p), 6)])
				}
			})
		})
	}
}

// TestG722_MeetsATelephone: with a far end of 8 kHz the call goes on in G.711, and
// its sound is brought to the bridge's rate.
func TestG722_MeetsATelephone(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a := newPhoneAt(t, n, hereIP, audio.Rate16k, func(c *SessionConfig) { c.Codecs = []string{"G722", "PCMA"} })
		b := newPhone(t, n, thereIP)
		defer a.close()
		defer b.close()
		connect(t, a, b)
		a.tone(440)
		b.tone(1004)
		pass(time.Second)
		if a.session.Codec() != "PCMA/8000" || !a.hears(1004) || !b.hears(440) {
			t.Errorf("%s: heard %v and %v", a.session.Codec(), a.hears(1004), b.hears(440))
		}
	})
}

// TestG722_ChangesInACall: the far end offers another codec, and takes it back.
func TestG722_ChangesInACall(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		wide := func(c *SessionConfig) { c.Codecs = []string{"G722", "PCMU"} }
		a, b := newPhoneAt(t, n, hereIP, audio.Rate16k, wide), newPhoneAt(t, n, thereIP, audio.Rate16k, wide)
		defer a.close()
		defer b.close()
		connect(t, a, b)
		a.tone(440)
		b.tone(1004)
		for i, codecs := range [][]string{{"PCMU"}, {"G722"}, {"PCMU"}} {
			one, err := find(codecs)
			must(t, err)
			b.session.codecs = one
			renegotiate(t, b, a, sdp.SendRecv, sdp.SendRecv)
			pass(time.Second)
			if a.session.Codec() != codecs[0]+"/8000" || !a.hears(1004) || !b.hears(440) {
				t.Errorf("change %d: %s: heard %v and %v", i, a.session.Codec(), a.hears(1004), b.hears(440))
			}
		}
	})
}

func TestRateFor(t *testing.T) {
	for want, names := range map[int][]string{8000: {"PCMU", "pcma", "nonsense"}, 16000: {"pcmu", "g722"}} {
		if got := RateFor(names); got != want {
			t.Errorf("%v: %d", names, got)
		}
	}
	if _, err := Formats([]string{"moon"}); err == nil {
		t.Error("an unknown codec was taken")
	}
}

// TestClockChange_LeavesNoGap: a codec that is counted at another rate takes over, and what
// waited of the one before is still heard.
func TestClockChange_LeavesNoGap(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		n.Link(hereIP, thereIP, simnet.Link{Latency: 7 * time.Millisecond})
		both := func(c *SessionConfig) { c.Codecs = []string{"G722", "L16/16000"} }
		a, b := newPhoneAt(t, n, hereIP, audio.Rate16k, both), newPhoneAt(t, n, thereIP, audio.Rate16k, both)
		defer a.close()
		defer b.close()
		connect(t, a, b)
		heard := listenAt(t, b, b.session)
		a.tone(440)
		pass(2 * time.Second)
		all := a.session.codecs
		for i := range 4 {
			a.session.codecs = []codec.Codec{all[1-i%2], all[i%2]}
			renegotiate(t, a, b, sdp.SendRecv, sdp.SendRecv)
			pass(2 * time.Second)
		}
		if got := quality.FindBreaks(heard.pcm, audio.Rate16k, 440, -12); got.Longest > 20*time.Millisecond || a.session.Codec() != "G722/8000" {
			t.Errorf("%s: %+v", a.session.Codec(), got)
		}
	})
}
