package media

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

func TestSession_ChangedAddressIsFollowedAtOnce(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(20)
		moved, err := n.Host("192.0.2.3").ListenPacket(context.Background(), "udp4", "192.0.2.3:5000")
		must(t, err)
		r.conn = moved
		r.reoffer(p, "192.0.2.3", 5000, "sendrecv")
		r.speak(50)
		if st := p.session.Stats(); !p.hears(440) || st.Remote != "192.0.2.3:5000" || p.session.Active() != sdp.SendRecv {
			t.Errorf("after the move: %+v", st)
		}
	})
}

func TestConformance_O05_BothSidesHold(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		a.tone(440)
		b.tone(850)
		for _, row := range []struct {
			by   *phone
			a, b sdp.Direction // what each wants
			want sdp.Direction // what may flow, seen from a
		}{
			{a, sdp.SendOnly, sdp.SendRecv, sdp.SendOnly},
			{b, sdp.SendOnly, sdp.SendOnly, sdp.Inactive},
			{a, sdp.SendRecv, sdp.SendOnly, sdp.RecvOnly},
			{b, sdp.SendRecv, sdp.SendRecv, sdp.SendRecv},
		} {
			if row.by == a {
				renegotiate(t, a, b, row.a, row.b)
			} else {
				renegotiate(t, b, a, row.b, row.a)
			}
			pass(time.Second)
			if got := a.session.Active(); got != row.want || b.session.Active() != row.want.Reverse() {
				t.Errorf("a %v, b %v, want %v", got, b.session.Active(), row.want)
			}
			if b.hears(440) != row.want.Sends() || a.hears(850) != row.want.Receives() {
				t.Errorf("at %v: b hears %v, a hears %v", row.want, b.hears(440), a.hears(850))
			}
		}
	})
}

func version(t *testing.T, body []byte) string {
	t.Helper()
	m := regexp.MustCompile(`o=\S+ \S+ (\S+)`).FindSubmatch(body)
	if m == nil {
		t.Fatalf("no o= line in %s", body)
	}
	return string(m[1])
}

func TestConformance_O06_OurVersionRisesOnlyOnChange(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		offer := func(dir sdp.Direction) string {
			body, err := a.session.CreateOffer(dir)
			must(t, err)
			answer, err := b.session.AcceptOffer(body, sdp.SendRecv)
			must(t, err)
			must(t, a.session.AcceptAnswer(answer, false))
			return version(t, body)
		}
		first, same, hold := offer(sdp.SendRecv), offer(sdp.SendRecv), offer(sdp.SendOnly)
		if first != same || hold == same {
			t.Errorf("versions %s, %s, on hold %s", first, same, hold)
		}
	})
}

func TestConformance_O12_TelephoneEventComesAndGoes(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		offer := func(formats, lines string) {
			_, err := p.session.AcceptOffer([]byte("v=0\r\no=- 7 "+time.Now().Format("150405.000")[7:]+"9 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"+
				"m=audio 4000 RTP/AVP "+formats+"\r\n"+lines), sdp.SendRecv)
			must(t, err)
		}
		sentWith := func(want byte) {
			t.Helper()
			sent := make(chan error, 1)
			must(t, p.session.SendDigits(digits(t, "7"), RFC4733, func(err error) { sent <- err }))
			must(t, <-sent)
			buf := make([]byte, 2000)
			for range 1000 {
				size, _, err := r.conn.ReadFrom(buf)
				must(t, err)
				if size == 16 {
					if buf[1]&0x7F != want {
						t.Errorf("digit sent with %d, want %d", buf[1]&0x7F, want)
					}
					if buf[13]&0x80 != 0 {
						return
					}
				}
			}
			t.Error("no digit")
		}
		sentWith(101)
		pass(100 * time.Millisecond)
		offer("0 96", "a=rtpmap:96 telephone-event/8000\r\n")
		for { // what is left of the first digit
			if _, ok := drain(r); !ok {
				break
			}
		}
		sentWith(96)
		offer("0", "")
		if err := p.session.SendDigits(digits(t, "7"), RFC4733, nil); !errors.Is(err, ErrNoEvents) || p.session.CanSendEvents() {
			t.Errorf("dropped: %v", err)
		}
		pass(100 * time.Millisecond)
		offer("0 101", "a=rtpmap:101 telephone-event/8000\r\n")
		for {
			if _, ok := drain(r); !ok {
				break
			}
		}
		sentWith(101)
	})
}

// drain takes one packet that waits at the peer.
func drain(r *peer) (int, bool) {
	n, _, _, ok := r.conn.(tryReader).TryReadFrom(make([]byte, 2000))
	return n, ok
}

func TestConformance_O16_AnswerOutsideTheOffer(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		for name, body := range map[string]string{
			"codec":   "v=0\r\no=- 7 7 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\n",
			"m lines": "v=0\r\no=- 7 7 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\nm=audio 4002 RTP/AVP 0\r\n",
			"nothing": "",
		} {
			_, err := p.session.CreateOffer(sdp.SendRecv)
			must(t, err)
			var refusal *sdp.Refusal
			if err := p.session.AcceptAnswer([]byte(body), false); !errors.As(err, &refusal) {
				t.Errorf("%s: %v", name, err)
			}
			p.session.RollbackOffer()
		}
		pass(time.Second)
		if p.session.Stats().TxPackets != 0 || p.session.Codec() != "" {
			t.Error("media started")
		}
	})
}

func TestConformance_O17_ProvisionalAnswerThenFinal(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b, c := newPhone(t, n, hereIP), newPhone(t, n, thereIP), newPhone(t, n, "192.0.2.3")
		defer a.close()
		defer b.close()
		defer c.close()
		b.tone(850)
		c.tone(620)
		offer, err := a.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		early, err := b.session.AcceptOffer(offer, sdp.SendRecv)
		must(t, err)
		must(t, a.session.AcceptAnswer(early, true))
		pass(time.Second)
		if !a.hears(850) {
			t.Error("early media is not heard")
		}
		ssrc := a.session.tx.header.SSRC
		must(t, a.session.AcceptAnswer(early, true)) // the same again
		final, err := c.session.AcceptOffer(offer, sdp.SendRecv)
		must(t, err)
		must(t, b.session.Close())
		must(t, a.session.AcceptAnswer(final, false))
		pass(time.Second)
		if !a.hears(620) || a.hears(850) || a.session.tx.header.SSRC != ssrc || count[MediaStarted](a) != 1 {
			t.Errorf("620 %v, 850 %v, told %v", a.hears(620), a.hears(850), a.told())
		}
		if err := a.session.AcceptAnswer(final, false); !errors.Is(err, ErrNoOffer) {
			t.Errorf("a third answer: %v", err)
		}
	})
}

func TestConformance_O17_OfferInAnEarlyDialogClosesOurs(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := newPhone(t, n, hereIP), newPhone(t, n, thereIP)
		defer a.close()
		defer b.close()
		b.tone(850)
		offer, err := a.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		theirs, err := b.session.AcceptOffer(offer, sdp.SendRecv)
		must(t, err)
		if _, err := a.session.AcceptOffer(theirs, sdp.SendRecv); !errors.Is(err, ErrOfferPending) {
			t.Errorf("an offer before the answer: %v", err)
		}
		must(t, a.session.AcceptAnswer(theirs, true))
		update, err := b.session.CreateOffer(sdp.SendOnly)
		must(t, err)
		answer, err := a.session.AcceptOffer(update, sdp.SendRecv)
		must(t, err)
		must(t, b.session.AcceptAnswer(answer, false))
		a.session.RollbackOffer() // the final response has nothing to say
		if !a.session.HeldByRemote() {
			t.Error("the offer in the early dialog was lost")
		}
	})
}

func TestConformance_O09_PortZeroStopsMediaAndTheSessionLives(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(20)
		answer, err := p.session.AcceptOffer([]byte("v=0\r\no=- 7 77 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n"), sdp.SendRecv)
		must(t, err)
		before := p.session.Stats().TxPackets
		pass(time.Minute)
		if !bytes.Contains(answer, []byte("m=audio 0 ")) || p.session.Stats().TxPackets != before || count[MediaSilent](p) != 0 {
			t.Errorf("answer %s, sent %d, told %v", answer, p.session.Stats().TxPackets-before, p.told())
		}
		r.reoffer(p, thereIP, 4000, "sendrecv")
		r.speak(50)
		if !p.hears(440) {
			t.Error("media does not come back")
		}
	})
}

// TestSession_AnHourOfDrift holds that the whole way stays bounded when the
// peer's clock is 500 ppm off.
func TestSession_AnHourOfDrift(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		start := time.Now()
		gap := quietest(p, func() {
			for i := range 180_000 {
				r.send(r.frame())
				pass(time.Until(start.Add(time.Duration(i+1) * 19990 * time.Microsecond)))
			}
		})
		st := p.session.Stats()
		p.session.mu.Lock()
		held, waiting := p.session.rx.buffer.Len(), len(p.session.rx.fifo)
		p.session.mu.Unlock()
		if gap > 0 || held > 4 || waiting > 320 || st.DelayMS > 60 || st.Late+st.Concealed > 2 {
			t.Errorf("gap %v, %d packets and %d samples held, %+v", gap, held, waiting, st)
		}
	})
}
