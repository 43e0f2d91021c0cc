package media

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

// shaking has a session speak DTLS-SRTP with a certificate of its own.
func shaking(t *testing.T, e sdp.Encryption) func(*SessionConfig) {
	return func(c *SessionConfig) {
		made, err := NewCertificate()
		must(t, err)
		c.Security = Security{Encryption: e, KeysReadable: true, Keying: sdp.KeyingDTLS, Certificate: made}
		c.NAT = true
	}
}

func TestDTLS_BothHearEachOther(t *testing.T) {
	for name, policy := range map[string]sdp.Encryption{"required": sdp.EncryptionRequired, "optional": sdp.EncryptionOptional} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				var wire [][]byte
				n.Tap(func(k simnet.Packet) {
					if k.Data[0]>>6 == 2 {
						wire = append(wire, bytes.Clone(k.Data))
					}
				})
				a, b := newPhone(t, n, hereIP, shaking(t, policy)), newPhone(t, n, thereIP, shaking(t, policy))
				defer a.close()
				defer b.close()
				connect(t, a, b)
				a.tone(440)
				b.tone(850)
				pass(time.Second)
				if !b.hears(440) || !a.hears(850) {
					t.Fatalf("within a second b hears 440: %v, a hears 850: %v; told %+v %+v", b.hears(440), a.hears(850), a.told(), b.told())
				}
				pass(8 * time.Second)
				hands := a.session.hands
				renegotiate(t, a, b, sdp.SendOnly, sdp.SendRecv)
				pass(time.Second)
				renegotiate(t, b, a, sdp.SendRecv, sdp.SendRecv)
				pass(time.Second)
				for _, p := range []*phone{a, b} {
					st := p.session.Stats()
					if p.session.Suite() != string(sdp.AEAD256) || st.Lost != 0 || st.RTCPRecv == 0 || st.Dropped["unauthentic"] != 0 || count[EncryptionChanged](p) != 1 {
						t.Errorf("suite %q, %+v", p.session.Suite(), st)
					}
				}
				if a.session.hands != hands || !b.hears(440) || !a.hears(850) {
					t.Error("hold and resume did not keep the association")
				}
				nothingPlain(t, wire, 12+160)
			})
		})
	}
}

// offerTo is a's offer as it came to b, changed on the way.
func offerTo(t *testing.T, a, b *phone, change func(string) string) error {
	t.Helper()
	offer, err := a.session.CreateOffer(sdp.SendRecv)
	must(t, err)
	answer, err := b.session.AcceptOffer([]byte(change(string(offer))), sdp.SendRecv)
	if err != nil {
		a.session.RollbackOffer()
		return err
	}
	return a.session.AcceptAnswer(answer, false)
}

// replaceLine puts another line in the place of the one that begins so.
func replaceLine(text, begin, line string) string {
	before, rest, _ := strings.Cut(text, begin)
	_, after, _ := strings.Cut(rest, "\r\n")
	return before + line + after
}

func TestConformance_O21_WhoseFingerprintIsWrongIsNotHeard(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := newPhone(t, n, hereIP, shaking(t, sdp.EncryptionRequired)), newPhone(t, n, thereIP, shaking(t, sdp.EncryptionRequired))
		defer a.close()
		defer b.close()
		wrong := "a=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "\r\n"
		must(t, offerTo(t, a, b, func(text string) string { return replaceLine(text, "a=fingerprint:", wrong) }))
		a.tone(440)
		b.tone(850)
		pass(40 * time.Second)
		if a.hears(850) || b.hears(440) || b.session.Suite() != "" || count[EncryptionFailed](b) != 1 || b.session.Stats().TxPackets != 0 {
			t.Errorf("hear %v %v, suite %q, sent %d, told %+v", a.hears(850), b.hears(440), b.session.Suite(), b.session.Stats().TxPackets, b.told())
		}
		connect(t, a, b) // a new offer, with the right one
		pass(time.Second)
		if !a.hears(850) || !b.hears(440) {
			t.Errorf("after a new offer they hear %v %v; told %+v %+v", a.hears(850), b.hears(440), a.told(), b.told())
		}
	})
}

func TestConformance_O21_WeakOrMissingFingerprintsAreRefused(t *testing.T) {
	for name, line := range map[string]string{
		"md5":   "a=fingerprint:md5 " + strings.TrimSuffix(strings.Repeat("AB:", 16), ":") + "\r\n",
		"sha-1": "a=fingerprint:sha-1 " + strings.TrimSuffix(strings.Repeat("AB:", 20), ":") + "\r\n",
		"short": "a=fingerprint:sha-256 AB:CD\r\n", "none": "",
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				a, b := newPhone(t, n, hereIP, shaking(t, sdp.EncryptionRequired)), newPhone(t, n, thereIP, shaking(t, sdp.EncryptionRequired))
				defer a.close()
				defer b.close()
				weaken := func(text string) string { return replaceLine(text, "a=fingerprint:", line) }
				if err := offerTo(t, a, b, weaken); err == nil || !strings.Contains(err.Error(), "fingerprint") {
					t.Errorf("an offer: %v", err)
				}
				offer, err := a.session.CreateOffer(sdp.SendRecv)
				must(t, err)
				answer, err := b.session.AcceptOffer(offer, sdp.SendRecv)
				must(t, err)
				if err := a.session.AcceptAnswer([]byte(weaken(string(answer))), false); err == nil || !strings.Contains(err.Error(), "would not be encrypted") {
					t.Errorf("an answer: %v", err)
				}
			})
		})
	}
}

func TestConformance_O21_AnotherCertificateNeedsANewOffer(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := newPhone(t, n, hereIP, shaking(t, sdp.EncryptionRequired)), newPhone(t, n, thereIP, shaking(t, sdp.EncryptionRequired))
		defer a.close()
		defer b.close()
		connect(t, a, b)
		a.tone(440)
		b.tone(850)
		pass(time.Second)
		hands := b.session.hands
		made, err := NewCertificate()
		must(t, err)
		a.session.cfg.Security.Certificate = made
		connect(t, a, b)
		pass(2 * time.Second)
		if b.session.hands == hands || !a.hears(850) || !b.hears(440) || count[EncryptionFailed](a)+count[EncryptionFailed](b) != 0 {
			t.Errorf("the same association %v, they hear %v %v; told %+v %+v", b.session.hands == hands, a.hears(850), b.hears(440), a.told(), b.told())
		}
	})
}

// TestConformance_M15_ForeignHelloAndSTUN: strangers send hellos and STUN to both
// sides while the call is set up. 15 of 15 calls come up, none hears a stranger.
func TestConformance_M15_ForeignHelloAndSTUN(t *testing.T) {
	for range 15 {
		story(t, func(t *testing.T, n *simnet.Net) {
			a, b := newPhone(t, n, hereIP, shaking(t, sdp.EncryptionRequired)), newPhone(t, n, thereIP, shaking(t, sdp.EncryptionRequired))
			defer a.close()
			defer b.close()
			evil, err := n.Host("192.0.2.66").ListenPacket(t.Context(), "udp4", "192.0.2.66:6666")
			must(t, err)
			spray := func() {
				for _, p := range []*phone{a, b} {
					r := peer{t: t, to: p.session.LocalAddr()}
					r.sendFrom(evil, hello(1))
					r.sendFrom(evil, hello(2))
					r.sendFrom(evil, []byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
				}
			}
			for range 3 {
				spray()
				pass(20 * time.Millisecond)
			}
			offer, err := a.session.CreateOffer(sdp.SendRecv)
			must(t, err)
			spray()
			answer, err := b.session.AcceptOffer(offer, sdp.SendRecv)
			must(t, err)
			for range 3 {
				spray()
				pass(20 * time.Millisecond)
			}
			must(t, a.session.AcceptAnswer(answer, false))
			a.tone(440)
			b.tone(850)
			for range 50 {
				spray()
				pass(20 * time.Millisecond)
			}
			pass(time.Second)
			if !a.hears(850) || !b.hears(440) || count[EncryptionFailed](a)+count[EncryptionFailed](b) != 0 {
				t.Fatalf("they hear %v %v; told %+v %+v", a.hears(850), b.hears(440), a.told(), b.told())
			}
			if got := a.session.RemoteAddr().Addr().String(); got != thereIP {
				t.Errorf("sends to %s", got)
			}
		})
	}
}

// hello is a DTLS 1.2 handshake message of that type with nothing of sense in it.
func hello(kind byte) []byte {
	body := make([]byte, 60)
	for i := range body {
		body[i] = byte(rand.Uint32())
	}
	b := []byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(12+len(body)))
	b = append(b, kind, 0, 0, byte(len(body)), 0, 0, 0, 0, 0, 0, 0, byte(len(body)))
	return append(b, body...)
}

// TestDTLS_BehindATranslator: the peer's packets come from another address than its
// SDP says.
func TestDTLS_BehindATranslator(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := newPhone(t, n, hereIP, shaking(t, sdp.EncryptionRequired)), newPhone(t, n, thereIP, shaking(t, sdp.EncryptionRequired))
		defer a.close()
		defer b.close()
		offer, err := a.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		answer, err := b.session.AcceptOffer(offer, sdp.SendRecv)
		must(t, err)
		must(t, a.session.AcceptAnswer(bytes.Replace(answer, []byte("c=IN IP4 "+thereIP), []byte("c=IN IP4 10.9.9.9"), 1), false))
		a.tone(440)
		b.tone(850)
		pass(5 * time.Second)
		if !a.hears(850) || !b.hears(440) {
			t.Errorf("they hear %v %v; told %+v %+v", a.hears(850), b.hears(440), a.told(), b.told())
		}
	})
}

// talking is two phones that hear each other by DTLS-SRTP; a made the offer, so that b
// began the handshake.
func talking(t *testing.T, n *simnet.Net) (a, b *phone) {
	t.Helper()
	return speaking(t, n, shaking(t, sdp.EncryptionRequired))
}

// speaking is two phones, as change has them, that hear each other within a second.
func speaking(t *testing.T, n *simnet.Net, change func(*SessionConfig)) (a, b *phone) {
	t.Helper()
	a, b = twoPhones(t, n, change)
	a.tone(440)
	b.tone(850)
	pass(time.Second)
	if !a.hears(850) || !b.hears(440) {
		t.Fatalf("within a second they hear %v %v; told %+v %+v", a.hears(850), b.hears(440), a.told(), b.told())
	}
	return a, b
}

// TestDTLS_PeerBeginsAnew: a peer forgets its association at a re-INVITE and shakes hands
// once more (RFC 6347 section 4.2.8), as Asterisk 22 does. The call goes on meanwhile.
func TestDTLS_PeerBeginsAnew(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := talking(t, n)
		defer a.close()
		defer b.close()
		oldA, oldB := a.session.hands, b.session.hands
		b.session.mu.Lock()
		b.session.nextHands = b.session.associate(oldB.agreed)
		b.session.mu.Unlock()
		pass(time.Second)
		if a.session.hands == oldA || b.session.hands == oldB || a.session.nextHands != nil || !oldA.over() {
			t.Error("the association is still the old one")
		}
		if st := a.session.Stats(); !a.hears(850) || !b.hears(440) || st.Lost > 2 || count[EncryptionFailed](a)+count[EncryptionFailed](b) != 0 {
			t.Errorf("they hear %v %v, %+v; told %+v %+v", a.hears(850), b.hears(440), st, a.told(), b.told())
		}
	})
}

// TestDTLS_DigitsWaitForTheKeys: digits that are typed while the peer shakes hands anew are
// sent when it has the keys, in one stream; one that had begun ends with the old one. None is
// heard twice, and within a stream none seems to be older than one that was sent before it.
func TestDTLS_DigitsWaitForTheKeys(t *testing.T) {
	for typed, wait := range map[string]time.Duration{"before": 30 * time.Millisecond, "meanwhile": 0} {
		t.Run(typed, func(t *testing.T) {
			for range 8 { // the new stream's first timestamp is random
				story(t, func(t *testing.T, n *simnet.Net) {
					a, b := talking(t, n)
					defer a.close()
					defer b.close()
					n.Link(hereIP, thereIP, simnet.Link{Latency: 4 * time.Millisecond})
					sent := make(chan error, 1)
					type event struct{ ssrc, at uint32 }
					var events []event
					to := a.session.LocalAddr()
					n.Tap(func(k simnet.Packet) {
						if k.To == to && len(k.Data) > 12 && k.Data[0]>>6 == 2 && k.Data[1]&0x7F == 101 {
							events = append(events, event{binary.BigEndian.Uint32(k.Data[8:]), binary.BigEndian.Uint32(k.Data[4:])})
						}
					})
					if wait > 0 {
						long := digits(t, "0D*7")
						long[0].For = 400 * time.Millisecond // a handshake takes some ticks
						must(t, b.session.SendDigits(long, RFC4733, func(err error) { sent <- err }))
						pass(wait)
					}
					b.session.mu.Lock()
					b.session.nextHands = b.session.associate(b.session.hands.agreed)
					b.session.mu.Unlock()
					if wait == 0 {
						must(t, b.session.SendDigits(digits(t, "0D*7"), RFC4733, func(err error) { sent <- err }))
					}
					must(t, <-sent)
					pass(time.Second)
					for i := 1; i < len(events); i++ {
						before, is := events[i-1], events[i]
						if is.ssrc == before.ssrc && int32(is.at-before.at) < 0 || wait == 0 && is.ssrc != before.ssrc {
							t.Errorf("event %d: %+v behind %+v", i, is, before)
						}
					}
					if got := heardDigits(a); got != "0D*7" {
						t.Errorf("heard %q", got)
					}
				})
			}
		})
	}
}

// TestDTLS_ConnectionNewBeginsAnew: an answer with a=connection:new has whose part it is
// begin another handshake; one without has it leave the association be.
func TestDTLS_ConnectionNewBeginsAnew(t *testing.T) {
	for line, anew := range map[string]bool{"a=connection:new": true, "a=connection:existing": false} {
		t.Run(line, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				a, b := talking(t, n)
				defer a.close()
				defer b.close()
				old := b.session.hands
				must(t, offerTo(t, a, b, func(text string) string { return text + line + "\r\n" }))
				pass(time.Second)
				if got := b.session.hands != old; got != anew {
					t.Errorf("another association: %v", got)
				}
				if !a.hears(850) || !b.hears(440) || count[EncryptionFailed](a)+count[EncryptionFailed](b) != 0 {
					t.Errorf("they hear %v %v; told %+v %+v", a.hears(850), b.hears(440), a.told(), b.told())
				}
			})
		})
	}
}

// TestDTLS_AForgedHelloChangesNothing: who can only forge the peer's address does not get
// past the cookie, and the association stays what it is; the peer's own new one still comes through.
func TestDTLS_AForgedHelloChangesNothing(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := talking(t, n)
		defer a.close()
		defer b.close()
		old, lost := a.session.hands, a.session.Stats().Lost
		for range 40 {
			n.Spoof(b.session.LocalAddr(), a.session.LocalAddr(), hello(1))
			pass(time.Second)
		}
		if a.session.hands != old || !a.hears(850) || !b.hears(440) || a.session.Stats().Lost != lost || count[EncryptionFailed](a) != 0 {
			t.Errorf("the same association %v, they hear %v %v; told %+v", a.session.hands == old, a.hears(850), b.hears(440), a.told())
		}
	})
}
