package media

import (
	"errors"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

// heardDigits is what a phone was told, one character for each digit.
func heardDigits(p *phone) string {
	s := ""
	for _, e := range p.told() {
		if d, ok := e.(DigitReceived); ok {
			s += d.Digit.String()
		}
	}
	return s
}

func TestConformance_M18_DigitsAtTenPercentLoss(t *testing.T) {
	const typed = "0123456789*#ABCD112233"
	story(t, func(t *testing.T, n *simnet.Net) {
		n.Link(hereIP, thereIP, simnet.Link{Latency: 30 * time.Millisecond, Jitter: 40 * time.Millisecond, Loss: 0.1, Duplicate: 0.05, Reorder: true})
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		a.tone(440)
		pass(time.Second)
		want := ""
		for range 20 {
			sent := make(chan error, 1)
			must(t, a.session.SendDigits(digits(t, typed), RFC4733, func(err error) { sent <- err }))
			must(t, <-sent)
			want += typed
		}
		pass(2 * time.Second)
		if got := heardDigits(b); got != want {
			t.Errorf("sent %s\nheard %s", want, got)
		}
		if !b.hears(440) || count[DigitSent](a) != len(want) || count[DigitStarted](b) != len(want) {
			t.Errorf("audio %v, sent %d, started %d of %d", b.hears(440), count[DigitSent](a), count[DigitStarted](b), len(want))
		}
	})
}

func TestConformance_M16_DigitOnTheWire(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		pass(500 * time.Millisecond)
		var seqs []uint16
		var events, markers, ends, audioDuring int
		to := b.session.LocalAddr()
		n.Tap(func(k simnet.Packet) {
			if k.To != to {
				return
			}
			seqs = append(seqs, uint16(k.Data[2])<<8|uint16(k.Data[3]))
			if k.Data[1]&0x7F != 101 {
				if events > 0 && ends < 3 {
					audioDuring++
				}
				return
			}
			events++
			if k.Data[1]&0x80 != 0 {
				markers++
			}
			if k.Data[13]&0x80 != 0 {
				ends++
			}
		})
		sent := make(chan error, 1)
		must(t, a.session.SendDigits(digits(t, "5"), RFC4733, func(err error) { sent <- err }))
		must(t, <-sent)
		pass(200 * time.Millisecond)
		if markers != 1 || ends != 3 || events < 7 || audioDuring != 0 {
			t.Errorf("%d packets, %d markers, %d ends, audio in between %d", events, markers, ends, audioDuring)
		}
		for i := 1; i < len(seqs); i++ {
			if seqs[i] != seqs[i-1]+1 {
				t.Errorf("sequence number %d after %d", seqs[i], seqs[i-1])
			}
		}
		if heardDigits(b) != "5" || b.session.Stats().Late != 0 {
			t.Errorf("heard %q, late %d", heardDigits(b), b.session.Stats().Late)
		}
	})
}

func TestSendDigits_InBandIsHeardAsSound(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n, func(c *SessionConfig) { c.DTMF = false })
		defer a.close()
		defer b.close()
		ears := b.engine.NewMeter(MeterConfig{Digits: true, OnEvent: b.note})
		slot, err := b.bridge.Add(ears)
		must(t, err)
		must(t, b.bridge.SetRoutes(routesTo(b, slot)))
		if err := a.session.SendDigits(digits(t, "1"), RFC4733, nil); !errors.Is(err, ErrNoEvents) {
			t.Errorf("no telephone-event was agreed on: %v", err)
		}
		sent := make(chan error, 1)
		must(t, a.session.SendDigits(digits(t, "19*#"), InBand, func(err error) { sent <- err }))
		must(t, <-sent)
		pass(time.Second)
		if got := heardDigits(b); got != "19*#" {
			t.Errorf("heard %q", got)
		}
	})
}

func TestSendDigits_HoldEndsThem(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		sent := make(chan error, 1)
		must(t, a.session.SendDigits(digits(t, "1234567890"), RFC4733, func(err error) { sent <- err }))
		pass(300 * time.Millisecond)
		renegotiate(t, a, b, sdp.Inactive, sdp.SendRecv)
		if err := <-sent; !errors.Is(err, ErrNotSending) {
			t.Errorf("ended with %v", err)
		}
		if err := a.session.SendDigits(digits(t, "1"), RFC4733, nil); !errors.Is(err, ErrNotSending) {
			t.Errorf("on hold: %v", err)
		}
	})
}

func TestConformance_M04_SSRCChangeEndsAHeldDigit(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(10)
		event := func(code byte) {
			b := r.frame()[:16]
			b[1] = 101
			copy(b[12:], []byte{code, 10, 1, 0x40})
			r.send(b)
			r.ts -= 160
			pass(20 * time.Millisecond)
		}
		event(5)
		event(5)
		r.ssrc, r.seq, r.ts = 0x9999, 9, 9
		r.speak(3)
		if count[DigitStarted](p) != 1 || heardDigits(p) != "5" {
			t.Errorf("told %v", p.told())
		}
	})
}
