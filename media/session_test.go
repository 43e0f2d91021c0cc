package media

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ringback/dtmf"
	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/sdp"
)

func TestSession_BothHearEachOther(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		a.tone(440)
		b.tone(850)
		pass(time.Second)
		if !b.hears(440) || !a.hears(850) {
			t.Errorf("b hears 440: %v, a hears 850: %v", b.hears(440), a.hears(850))
		}
		if b.hears(850) || a.hears(440) {
			t.Error("one hears himself")
		}
		if _, level := b.meter.Tone(440); level < -12.5 || level > -11.5 {
			t.Errorf("tone of -12 dBFS arrives at %.1f", level)
		}
		st := a.session.Stats()
		if st.Lost != 0 || st.Late != 0 || st.Concealed > 5 || st.MOS < 4.3 || st.Codec != "PCMA/8000" {
			t.Errorf("a perfect network gives %+v", st)
		}
	})
}

func TestConformance_O03_Hold(t *testing.T) {
	for _, row := range []struct{ offer, mirrored sdp.Direction }{
		{sdp.SendOnly, sdp.RecvOnly}, {sdp.Inactive, sdp.Inactive}, {sdp.RecvOnly, sdp.SendOnly}, {sdp.SendRecv, sdp.SendRecv},
	} {
		t.Run(row.offer.String(), func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				a, b := twoPhones(t, n)
				defer a.close()
				defer b.close()
				a.tone(440)
				b.tone(850)
				pass(time.Second)
				renegotiate(t, a, b, row.offer, sdp.SendRecv)
				if got := b.session.Active(); got != row.mirrored {
					t.Fatalf("answer to %v is %v", row.offer, got)
				}
				if held := b.session.HeldByRemote(); held != !row.offer.Receives() {
					t.Errorf("held by remote: %v", held)
				}
				before := b.session.Stats()
				pass(20 * time.Second)
				after := b.session.Stats()
				if sent := after.TxPackets > before.TxPackets; sent != row.mirrored.Sends() {
					t.Errorf("sends RTP: %v", sent)
				}
				if after.RTCPSent < before.RTCPSent+2 {
					t.Errorf("RTCP stopped: %d, then %d", before.RTCPSent, after.RTCPSent)
				}
				if b.hears(440) != row.offer.Sends() {
					t.Errorf("hears the holder: %v", b.hears(440))
				}
				renegotiate(t, a, b, sdp.SendRecv, sdp.SendRecv)
				pass(time.Second)
				if !b.hears(440) || !a.hears(850) {
					t.Error("resumed, and not both hear each other")
				}
			})
		})
	}
}

func TestConformance_O03_WhoeverSendsIntoOurHoldIsNotHeard(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(50)
		heard := p.hears(440)
		r.reoffer(p, thereIP, 4000, "recvonly") // and goes on sending
		r.speak(50)
		if st := p.session.Stats(); !heard || p.hears(440) || st.RxPackets < 98 {
			t.Errorf("before %v, on hold %v, %d received", heard, p.hears(440), st.RxPackets)
		}
	})
}

func TestConformance_O04_OldHold(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		to0 := 0
		n.Tap(func(k simnet.Packet) {
			if k.To.Addr().IsUnspecified() {
				to0++
			}
		})
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(20)
		r.reoffer(p, "0.0.0.0", 4000, "sendrecv")
		before := p.session.Stats().TxPackets
		pass(10 * time.Second)
		if !p.session.HeldByRemote() || p.session.Stats().TxPackets != before || to0 != 0 {
			t.Errorf("held %v, sent %d, to 0.0.0.0 %d", p.session.HeldByRemote(), p.session.Stats().TxPackets-before, to0)
		}
		r.reoffer(p, thereIP, 4000, "sendrecv")
		r.speak(50)
		if !p.hears(440) || p.session.Stats().TxPackets < before+45 {
			t.Error("resume does not work")
		}
	})
}

func TestConformance_M12_TimeoutIsWarnedAndNotOnHold(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		pass(time.Second)
		n.Partition(hereIP, thereIP, true)
		pass(4900 * time.Millisecond)
		if count[MediaSilent](a) != 0 {
			t.Error("warned too early")
		}
		pass(400 * time.Millisecond)
		if count[MediaSilent](a) != 1 || count[RTPTimeout](a) != 0 {
			t.Errorf("at 5 s: %v", a.told())
		}
		pass(25 * time.Second)
		if count[MediaSilent](a) != 1 || count[RTPTimeout](a) != 1 {
			t.Errorf("at 30 s: %v", a.told())
		}
		n.Partition(hereIP, thereIP, false)
		pass(time.Second)
		if count[MediaStarted](a) != 2 {
			t.Errorf("back: %v", a.told())
		}
		renegotiate(t, a, b, sdp.SendOnly, sdp.SendRecv)
		n.Partition(hereIP, thereIP, true)
		pass(time.Minute)
		if count[MediaSilent](a) != 1 || count[RTPTimeout](a) != 1 {
			t.Errorf("on hold: %v", a.told())
		}
	})
}

func TestConformance_M22_Ports(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		// Above the default range, of which the phone's own session has one pair.
		cfg := SessionConfig{LocalIP: netip.MustParseAddr(hereIP), Ports: PortRange{Min: 40000, Max: 40199}}
		for range 2 { // the second time the ports of the first are free again
			var open []*Session
			for range 100 {
				s, err := p.engine.NewSession(cfg)
				must(t, err)
				if port := s.LocalAddr().Port(); port%2 != 0 || port < 40000 || port > 40198 {
					t.Fatalf("port %d", port)
				}
				open = append(open, s)
			}
			if _, err := p.engine.NewSession(cfg); !errors.Is(err, ErrNoPorts) {
				t.Fatalf("all ports busy: %v", err)
			}
			inOrder := true
			for i, s := range open[1:] {
				inOrder = inOrder && s.LocalAddr().Port() == open[i].LocalAddr().Port()+2
			}
			if inOrder {
				t.Error("ports come in order: a stranger can guess them")
			}
			for _, s := range open {
				must(t, s.Close())
			}
		}
		// An odd port that somebody else holds takes its even one out.
		for _, address := range []string{hereIP + ":40001", hereIP + ":40003"} {
			conn, err := n.Host(hereIP).ListenPacket(t.Context(), "udp4", address)
			must(t, err)
			defer func() { _ = conn.Close() }()
		}
		cfg.Ports = PortRange{Min: 40000, Max: 40005}
		s, err := p.engine.NewSession(cfg)
		must(t, err)
		if s.LocalAddr().Port() != 40004 {
			t.Errorf("port %d", s.LocalAddr().Port())
		}
	})
}

func TestConformance_O10_PayloadTypesDifferPerDirection(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		body := "v=0\r\no=- 7 99 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 110 97\r\n" +
			"a=rtpmap:110 PCMU/8000\r\na=rtpmap:97 telephone-event/8000\r\n"
		answer, err := p.session.AcceptOffer([]byte(body), sdp.SendRecv)
		must(t, err)
		if !bytes.Contains(answer, []byte("PCMU/8000")) && !strings.Contains(string(answer), " 0") {
			t.Fatalf("answer %s", answer)
		}
		buf := make([]byte, 2000)
		got, _, err := r.conn.ReadFrom(buf)
		must(t, err)
		if got < 12 || buf[1]&0x7F != 110 {
			t.Errorf("sends payload type %d, the peer's number is 110", buf[1]&0x7F)
		}
		must(t, p.session.SendDigits(digits(t, "1"), RFC4733, nil))
		for range 100 {
			_, _, err := r.conn.ReadFrom(buf)
			must(t, err)
			if buf[1]&0x7F == 97 {
				return
			}
		}
		t.Error("no telephone-event with the peer's number 97")
	})
}

func digits(t *testing.T, s string) dtmf.Sequence {
	t.Helper()
	d, err := dtmf.ParseDigits(s)
	must(t, err)
	return d
}

func TestSession_OfferAndAnswerAreKeptInOrder(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		if err := a.session.AcceptAnswer([]byte("v=0\r\n"), false); !errors.Is(err, ErrNoOffer) {
			t.Errorf("answer without offer: %v", err)
		}
		offer, err := a.session.CreateOffer(sdp.SendOnly)
		must(t, err)
		if _, err := a.session.CreateOffer(sdp.SendRecv); !errors.Is(err, ErrOfferPending) {
			t.Errorf("two offers: %v", err)
		}
		if _, err := a.session.AcceptOffer(offer, sdp.SendRecv); !errors.Is(err, ErrOfferPending) {
			t.Errorf("offers cross: %v", err)
		}
		a.session.RollbackOffer()
		if local, _ := a.session.Direction(); local != sdp.SendRecv {
			t.Errorf("a refused offer changed the direction to %v", local)
		}
		var refusal *sdp.Refusal
		if _, err := a.session.AcceptOffer([]byte("nonsense"), sdp.SendRecv); !errors.As(err, &refusal) {
			t.Errorf("nonsense: %v", err)
		}
		must(t, a.session.Close())
		must(t, a.session.Close())
		if _, err := a.session.CreateOffer(sdp.SendRecv); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestConformance_O13_PtimeIsWhatThePeerAsksFor(t *testing.T) {
	for _, row := range []struct {
		attribute string
		bytes     int
	}{{"a=ptime:10", 80}, {"a=ptime:40", 320}, {"a=ptime:60", 480}, {"a=ptime:0", 160}, {"a=ptime:65536", 160}, {"a=ptime:abc", 160}, {"a=ptime:60\r\na=maxptime:30", 240}} {
		t.Run(row.attribute, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				p := newPhone(t, n, hereIP)
				defer p.close()
				r := newPeer(t, n, p, thereIP, 4000)
				body := "v=0\r\no=- 7 99 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n" + row.attribute + "\r\n"
				_, err := p.session.AcceptOffer([]byte(body), sdp.SendRecv)
				must(t, err)
				before := p.session.Stats().TxPackets
				pass(6 * time.Second)
				if sent, want := p.session.Stats().TxPackets-before, uint64(6*8000/row.bytes); sent < want-4 || sent > want+4 {
					t.Errorf("%d packets in 6 s, want %d", sent, want)
				}
				buf := make([]byte, 2000)
				size := 0
				for range 4 {
					got, _, err := r.conn.ReadFrom(buf)
					must(t, err)
					size = got - 12
				}
				if size != row.bytes {
					t.Errorf("payload of %d bytes, want %d", size, row.bytes)
				}
			})
		})
	}
}

func TestPlayer_LocalTonesAndEnds(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		ended := make(chan time.Time, 1)
		start := time.Now()
		a.player.PlayTone(audio.AutoAnswerBeep(), func() { ended <- time.Now() })
		if took := (<-ended).Sub(start); took < 480*time.Millisecond || took > 560*time.Millisecond {
			t.Errorf("the beep took %v", took)
		}
		if a.player.Playing() {
			t.Error("still playing")
		}
		if err := a.player.PlayClip(audio.Clip{}, true, nil); err == nil {
			t.Error("an empty recording was taken")
		}
	})
}

// A session goes on in another network: from there at once, and there once the peer
// knows.
func TestSession_MovesToAnotherAddress(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		laptop := n.Host(thereIP)
		a.tone(440)
		b.tone(850)
		pass(time.Second)
		if !a.hears(850) || !b.hears(440) {
			t.Fatal("the call has no sound")
		}
		old := b.session.LocalAddr()
		const movedIP = "198.51.100.7"
		laptop.SetAddrs(movedIP)
		pass(time.Second)
		if a.hears(850) || b.hears(440) {
			t.Fatal("there is sound without a network")
		}
		must(t, b.session.Move(netip.MustParseAddr(movedIP)))
		offer, err := b.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		if text := string(offer); !strings.Contains(text, "c=IN IP4 "+movedIP+"\r\n") || !strings.Contains(text, " IN IP4 "+thereIP+"\r\ns=") {
			t.Errorf("the offer names another address, its origin stays (RFC 3264 8):\n%s", text)
		}
		answer, err := a.session.AcceptOffer(offer, sdp.SendRecv)
		must(t, err)
		must(t, b.session.AcceptAnswer(answer, false))
		pass(time.Second)
		if !a.hears(850) || !b.hears(440) {
			t.Error("no sound at the new address")
		}
		if at := b.session.LocalAddr(); at.Addr().String() != movedIP || at == old {
			t.Errorf("it is at %s", at)
		}
		if err := b.session.Move(netip.MustParseAddr(thereIP)); !errors.Is(err, ErrNoPorts) {
			t.Errorf("to an address that is not ours: %v", err)
		}
		pass(time.Second)
		if !a.hears(850) {
			t.Error("a move that fails changes something")
		}
		must(t, b.session.Close())
		if err := b.session.Move(netip.MustParseAddr(movedIP)); !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

func TestSource_IsLearnedAnewAfterAMove(t *testing.T) {
	at := netip.MustParseAddrPort
	now := time.Now()
	s := source{}
	s.expect(at("192.0.2.1:4000"), true, now)
	seq := uint16(0)
	hears := func(from string) bool {
		seq += 2
		s.admit(at(from), seq, true, now)
		return s.admit(at(from), seq+1, true, now) != stranger
	}
	if !hears("198.51.100.1:4000") || hears("198.51.100.2:4000") {
		t.Fatal("the source that was learned is not locked")
	}
	s.unlock(now)
	if !hears("198.51.100.2:4000") || s.target() != at("198.51.100.2:4000") {
		t.Errorf("after a move it listens to %v", s.target())
	}
	if hears("198.51.100.1:4000") {
		t.Error("and to the source of before")
	}
}
