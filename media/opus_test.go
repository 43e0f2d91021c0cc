package media

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/codec"
	"ringback/media/sdp"
)

// TestOpus_IsNeverAgreedOnWithoutAnEncoder: a build that cannot send Opus neither offers
// nor answers it, but where it is only to listen.
func TestOpus_IsNeverAgreedOnWithoutAnEncoder(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a := newPhoneAt(t, n, hereIP, audio.Rate48k, func(c *SessionConfig) { c.Codecs = []string{"opus", "PCMU"} })
		defer a.close()
		can := Sends("opus")
		for dir, want := range map[sdp.Direction]bool{sdp.SendRecv: can, sdp.SendOnly: can, sdp.Inactive: can, sdp.RecvOnly: true} {
			offer, err := a.session.CreateOffer(dir)
			must(t, err)
			a.session.RollbackOffer()
			if got := bytes.Contains(offer, []byte("opus/48000/2")); got != want {
				t.Errorf("%s: opus offered: %v, can be sent: %v", dir, got, can)
			}
		}
		body := "v=0\r\no=- 7 7 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 opus/48000/2\r\n"
		_, err := a.session.AcceptOffer([]byte(body), sdp.SendRecv)
		must(t, err)
		if got := a.session.Codec(); (got == "opus/48000") != can || (!can && got != "PCMU/8000") {
			t.Errorf("agreed on %s, can send opus: %v", got, can)
		}
	})
}

// TestOpus_OnlyToListen: whatever the build, Opus of a far end that only sends is heard.
func TestOpus_OnlyToListen(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a := newPhoneAt(t, n, hereIP, audio.Rate48k, func(c *SessionConfig) { c.Codecs = []string{"opus", "PCMU"} })
		defer a.close()
		p := newPeer(t, n, a, thereIP, 4000)
		body := "v=0\r\no=- 7 9 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\na=sendonly\r\n"
		_, err := a.session.AcceptOffer([]byte(body), sdp.RecvOnly)
		must(t, err)
		for _, payload := range opusGolden(t) {
			b := p.frame()[:12]
			b[1] = 97
			p.ts += 960 - 160
			p.send(append(b, payload...))
			pass(20 * time.Millisecond)
		}
		if !a.hears(1004) {
			t.Errorf("heard nothing of it: %+v", a.session.Stats())
		}
	})
}

func TestL16_BothWays(t *testing.T) {
	for name, pt := range map[string]byte{"l16/16000": 118, "l16/8000": 118} {
		story(t, func(t *testing.T, n *simnet.Net) {
			seen := watchRTP(n, hereIP)
			raw := func(c *SessionConfig) { c.Codecs = []string{name, "PCMU"} }
			a, b := newPhoneAt(t, n, hereIP, audio.Rate16k, raw), newPhoneAt(t, n, thereIP, audio.Rate16k, raw)
			defer a.close()
			defer b.close()
			connect(t, a, b)
			a.tone(440)
			b.tone(1004)
			pass(time.Second)
			if !a.hears(1004) || !b.hears(440) || (*seen)[5].payloadType != pt || a.session.Stats().MOS < 4 {
				t.Errorf("%s: heard %v and %v, sent %+v", name, a.hears(1004), b.hears(440), (*seen)[5])
			}
			sent := make(chan error, 1)
			must(t, a.session.SendDigits(digits(t, "147#"), RFC4733, func(err error) { sent <- err }))
			must(t, <-sent)
			pass(time.Second)
			if got := heardDigits(b); got != "147#" {
				t.Errorf("%s: digits %q", name, got)
			}
		})
	}
}

func TestNamedCodecs(t *testing.T) {
	for name, want := range map[string]string{"L16": "L16/16000", "l16/8000": "L16/8000", "g722/8000": "G722/8000", "OPUS": "opus/48000"} {
		if c, ok := named(name); !ok || c.String() != want {
			t.Errorf("%s is %s", name, c)
		}
	}
	for _, name := range []string{"l16/x", "l16/44100", "g722/-1", "/8000", ""} {
		if c, ok := named(name); ok {
			t.Errorf("%q is %s", name, c)
		}
	}
	for _, c := range within(audio.Rate48k) {
		if c.Name == "L16" {
			t.Error("L16 is offered though nobody named it")
		}
	}
	if c, _ := codec.Find("opus", 0); c.Channels != 2 { // RFC 7587 section 7
		t.Errorf("opus/%d/%d", c.ClockRate, c.Channels)
	}
}

// opusGolden is a second of 1004 Hz as libopus sends it.
func opusGolden(t *testing.T) [][]byte {
	t.Helper()
	b, err := os.ReadFile("codec/testdata/opus/hybrid.bin")
	must(t, err)
	var packets [][]byte
	for len(b) > 2 {
		n := int(binary.BigEndian.Uint16(b))
		packets, b = append(packets, b[2:2+n]), b[2+n:]
	}
	return packets
}
