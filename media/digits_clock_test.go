package media

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

// eventPeer is a peer that sends digits on a clock of its own choice.
type eventPeer struct {
	*peer
	clock int // Hz of its timestamps, and of the durations in its events
}

// newEventPeer calls p with one codec, and with telephone-event as 110 at clock Hz.
func newEventPeer(t *testing.T, n *simnet.Net, p *phone, codec string, clock int) *eventPeer {
	t.Helper()
	r := &eventPeer{openPeer(t, n, p, thereIP, 4000), clock}
	r.pt = 98
	body := fmt.Sprintf("v=0\r\no=- 7 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 4000 RTP/AVP 98 110\r\n"+
		"a=rtpmap:98 %[2]s\r\na=rtpmap:110 telephone-event/%[3]d\r\na=fmtp:110 0-15\r\na=sendrecv\r\n", thereIP, codec, clock)
	_, err := p.session.AcceptOffer([]byte(body), sdp.SendRecv)
	must(t, err)
	return r
}

// press sends one event (RFC 4733 section 2.5.1) of that length, a packet each 20 ms, the
// last one three times, with the timestamp of where it began.
func (r *eventPeer) press(event byte, length time.Duration) {
	const step = 20 * time.Millisecond
	for at := step; at <= length; at += step {
		ends := at+step > length
		for i := range 3 {
			if i > 0 && !ends {
				break
			}
			b := make([]byte, 16)
			b[0], b[1] = 0x80, 110
			if at == step {
				b[1] |= 0x80
			}
			binary.BigEndian.PutUint16(b[2:], r.seq)
			binary.BigEndian.PutUint32(b[4:], r.ts)
			binary.BigEndian.PutUint32(b[8:], r.ssrc)
			b[12], b[13] = event, 10
			if ends {
				b[13] |= 0x80
			}
			binary.BigEndian.PutUint16(b[14:], uint16(int(at/time.Millisecond)*r.clock/1000))
			r.seq++
			r.send(b)
		}
		pass(step)
	}
	r.ts += uint32(int(length/time.Millisecond) * r.clock / 1000)
}

// quiet lets time pass without a packet, as a peer with silence suppression does.
func (r *eventPeer) quiet(d time.Duration) {
	pass(d)
	r.ts += uint32(int(d/time.Millisecond) * r.clock / 1000)
}

// hearsEvents holds that digits of 100 and 700 ms are heard once each, with their own
// lengths; on a clock that is read as another they would be of another length.
func hearsEvents(t *testing.T, codec string, rate, clock int) {
	t.Helper()
	t.Run(fmt.Sprintf("%s/%d", codec, clock), func(t *testing.T) {
		story(t, func(t *testing.T, n *simnet.Net) {
			p := newPhoneAt(t, n, hereIP, rate, func(c *SessionConfig) { c.Codecs = []string{"L16/16000", "L16/8000", "G722", "PCMU", "OPUS"} })
			defer p.close()
			r := newEventPeer(t, n, p, codec, clock)
			r.quiet(200 * time.Millisecond)
			var want []time.Duration
			for i := range byte(16) {
				length := []time.Duration{100 * time.Millisecond, 700 * time.Millisecond}[i%2]
				want = append(want, length)
				r.press(i, length)
				r.quiet(100 * time.Millisecond)
			}
			pass(time.Second)
			if got := heardDigits(p); got != "0123456789*#ABCD" {
				t.Errorf("heard %q", got)
			}
			i := 0
			for _, e := range p.told() {
				d, is := e.(DigitReceived)
				if !is {
					continue
				}
				if d.Duration != want[i] {
					t.Errorf("%s lasted %v, want %v", d.Digit, d.Duration, want[i])
				}
				i++
			}
			if count[DigitStarted](p) != 16 {
				t.Errorf("%d digits began", count[DigitStarted](p))
			}
		})
	})
}

// TestDigits_ReceivedOnTheCodecsClock: a peer whose codec counts at 16000, or at 8000 as
// G.722 does whatever its sound, sends its events on that clock.
func TestDigits_ReceivedOnTheCodecsClock(t *testing.T) {
	hearsEvents(t, "L16/16000", 16000, 16000)
	hearsEvents(t, "G722/8000", 16000, 8000)
	hearsEvents(t, "L16/8000", 8000, 8000)
}
