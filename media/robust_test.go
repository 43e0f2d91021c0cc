package media

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/mixer"
)

// Before the peer has spoken nobody else takes its place: without nat only the address
// of its SDP is heard.
func TestConformance_M01_BeforeThePeerSpeaks(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		bad, err := n.Host("198.51.100.9").ListenPacket(context.Background(), "udp4", "198.51.100.9:4000")
		must(t, err)
		other := *r
		other.tone = toneOf(1004)
		for range 100 {
			other.sendFrom(bad, other.frame())
			pass(20 * time.Millisecond)
			if p.hears(1004) {
				t.Fatal("the stranger is heard")
			}
		}
		if st := p.session.Stats(); st.Dropped["stranger"] != 100 || st.RxPackets != 0 {
			t.Errorf("dropped %v, %d packets taken", st.Dropped, st.RxPackets)
		}
		r.speak(50)
		if !p.hears(440) {
			t.Error("the peer is not heard")
		}
	})
}

func TestConformance_M01_SourceLock(t *testing.T) {
	for _, nat := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "nat"}[nat], func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				p := newPhone(t, n, hereIP, func(c *SessionConfig) { c.NAT = nat })
				defer p.close()
				r := newPeer(t, n, p, thereIP, 4000)
				r.speak(10)
				toStranger := 0
				n.Tap(func(k simnet.Packet) {
					if k.To.Addr().String() == "198.51.100.9" {
						toStranger++
					}
				})
				bad, err := n.Host("198.51.100.9").ListenPacket(context.Background(), "udp4", "198.51.100.9:4000")
				must(t, err)
				other := *r
				other.tone = toneOf(1004)
				for i := range 250 {
					other.seq, other.ts = r.seq+1, r.ts+160
					other.ssrc = r.ssrc + uint32(i%2) // same and other SSRC
					other.sendFrom(bad, other.frame())
					other.seq--
					other.sendFrom(bad, other.frame())
					r.speak(1)
					if p.hears(1004) {
						t.Fatal("the stranger is heard")
					}
				}
				st := p.session.Stats()
				if st.Dropped["stranger"] != 500 || st.Resyncs != 0 || !p.hears(440) || toStranger != 0 {
					t.Errorf("dropped %v, resyncs %d, answered %d", st.Dropped, st.Resyncs, toStranger)
				}
				// The peer falls silent: still no switch.
				for range 300 {
					other.sendFrom(bad, other.frame())
					pass(20 * time.Millisecond)
				}
				if p.hears(1004) || toStranger != 0 || p.session.Stats().Remote != "192.0.2.2:4000" {
					t.Error("switched to the stranger in the peer's silence")
				}
			})
		})
	}
}

func TestConformance_M02_BleedDuringSetUp(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP, func(c *SessionConfig) { c.NAT = true })
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		toStranger := 0
		n.Tap(func(k simnet.Packet) {
			if k.To.Addr().String() == "198.51.100.9" {
				toStranger++
			}
		})
		bad, err := n.Host("198.51.100.9").ListenPacket(context.Background(), "udp4", "198.51.100.9:4000")
		must(t, err)
		other := *r
		other.sendFrom(bad, other.frame())
		pass(time.Second)
		r.speak(50)
		other.sendFrom(bad, other.frame())
		r.speak(50)
		if toStranger != 0 || !p.hears(440) {
			t.Errorf("%d packets to a stranger who sent one", toStranger)
		}
	})
}

func TestConformance_M03_LearnsOnceBehindNAT(t *testing.T) {
	for _, nat := range []bool{false, true} {
		t.Run(map[bool]string{false: "off", true: "on"}[nat], func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				p := newPhone(t, n, hereIP, func(c *SessionConfig) { c.NAT = nat })
				defer p.close()
				r := newPeer(t, n, p, thereIP, 4000)
				h := n.Host("203.0.113.5")
				mapped, err := h.ListenPacket(context.Background(), "udp4", "203.0.113.5:61234")
				must(t, err)
				for range 50 {
					r.sendFrom(mapped, r.frame())
					pass(20 * time.Millisecond)
				}
				if p.hears(440) != nat || (p.session.RemoteAddr().String() == "203.0.113.5:61234") != nat {
					t.Fatalf("heard %v, sends to %v", p.hears(440), p.session.RemoteAddr())
				}
				again, err := h.ListenPacket(context.Background(), "udp4", "203.0.113.5:61235")
				must(t, err)
				for range 50 {
					r.sendFrom(again, r.frame())
					pass(20 * time.Millisecond)
				}
				if p.hears(440) || p.session.RemoteAddr().Port() == 61235 {
					t.Error("learned twice")
				}
			})
		})
	}
}

func TestConformance_M04_SSRCChange(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(100)
		before := p.session.Stats()
		r.ssrc, r.seq, r.ts = 0x2222, 41000, 0xF0000000
		quiet := quietest(p, func() { r.speak(50) })
		if quiet > 0 {
			t.Errorf("gap of %v", quiet)
		}
		after := p.session.Stats()
		if after.Resyncs != 1 || after.Lost != before.Lost || count[SourceChanged](p) != 1 || !p.hears(440) {
			t.Errorf("resyncs %d, lost %d, told %d", after.Resyncs, after.Lost-before.Lost, count[SourceChanged](p))
		}
		// One packet of yet another stream changes nothing.
		stray := *r
		stray.ssrc = 0x3333
		r.send(stray.frame())
		r.speak(20)
		if p.session.Stats().Resyncs != 1 {
			t.Error("one stray packet was followed")
		}
	})
}

// quietest runs fn and returns the longest run of frames below -40 dBFS that the
// phone's bridge heard from its session, in steps of a frame.
func quietest(p *phone, fn func()) time.Duration {
	probe := &probe{}
	slot, err := p.bridge.Add(probe)
	must(p.t, err)
	must(p.t, p.bridge.SetRoutes([]mixer.Route{
		{From: p.session.Slot(), To: slot}, {From: p.session.Slot(), To: p.meter.Slot()}, {From: p.player.Slot(), To: p.session.Slot()},
	}))
	fn()
	probe.mu.Lock()
	defer probe.mu.Unlock()
	longest, run := 0, 0
	for _, level := range probe.levels[min(2, len(probe.levels)):] {
		if run++; level > -40 {
			run = 0
		}
		longest = max(longest, run)
	}
	return time.Duration(longest) * 20 * time.Millisecond
}

func TestConformance_M05_WrapAndJump(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.seq, r.ts = 0xFFF0-50, 0xFFFFFFFF-60*160
		r.speak(50)
		if quiet := quietest(p, func() { r.speak(100) }); quiet > 0 {
			t.Errorf("wrap: gap of %v", quiet)
		}
		st := p.session.Stats()
		if st.Lost != 0 || st.Expected != 150 || st.Resyncs != 0 {
			t.Errorf("wrap: lost %d of %d, resyncs %d", st.Lost, st.Expected, st.Resyncs)
		}
		r.seq += 3000
		r.ts += 3000 * 160
		if quiet := quietest(p, func() { r.speak(50) }); quiet > 0 {
			t.Errorf("jump: gap of %v", quiet)
		}
		if st := p.session.Stats(); st.Resyncs != 1 || st.Lost != 0 {
			t.Errorf("jump: resyncs %d, lost %d", st.Resyncs, st.Lost)
		}
		r.seq, r.ts = 7, 3 // the sender starts again
		r.speak(50)
		if st := p.session.Stats(); st.Resyncs != 2 || st.Lost != 0 || !p.hears(440) {
			t.Errorf("restart: resyncs %d, lost %d", st.Resyncs, st.Lost)
		}
	})
}

func TestConformance_M06_FiguresOfABadNetwork(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		n.Link(hereIP, thereIP, simnet.Link{Latency: 40 * time.Millisecond, Jitter: 60 * time.Millisecond, Loss: 0.1, Duplicate: 0.05, Reorder: true})
		a, b := newPhone(t, n, hereIP), newPhone(t, n, thereIP)
		defer a.close()
		defer b.close()
		var sent, lost int64
		to := b.session.LocalAddr()
		n.Tap(func(k simnet.Packet) {
			if k.To == to {
				sent++
				if k.Dropped {
					lost++
				}
			}
		})
		connect(t, a, b)
		a.tone(440)
		jitter := 0.0
		for range 60 {
			pass(time.Second)
			jitter += b.session.Stats().JitterMS / 60
		}
		mine, st := a.session.Stats(), b.session.Stats()
		if off := int64(st.Expected) - sent; off < -12 || off > 0 {
			t.Errorf("expected %d, sent %d", st.Expected, sent)
		}
		if got := st.Lost + int64(st.Duplicates); got < lost-sent/100 || got > lost+sent/100 {
			t.Errorf("lost %d, were %d", got, lost)
		}
		if made := int64(float64(sent) * 0.9 * 0.05); int64(st.Duplicates) < made/2 || int64(st.Duplicates) > made*2 {
			t.Errorf("%d duplicates, about %d were made", st.Duplicates, made)
		}
		if jitter < 16 || jitter > 24 { // evenly over 60 ms: the mean difference is 20 ms
			t.Errorf("jitter %.1f ms", jitter)
		}
		if rate := float64(st.Late) / float64(st.Expected); rate > 0.01 {
			t.Errorf("%.3f came late", rate)
		}
		if mine.RTTMS < 80 || mine.RTTMS > 230 {
			t.Errorf("round trip %.0f ms, is 80 to 200", mine.RTTMS)
		}
		if !b.hears(440) || st.MOS < 2.5 || st.MOS > 3.5 {
			t.Errorf("tone %v, MOS %.1f", b.hears(440), st.MOS)
		}
		if mine.RemoteLoss > 0.15 || mine.RemoteJitMS < 8 || mine.RemoteJitMS > 45 {
			t.Errorf("the peer reports loss %.3f, jitter %.1f ms", mine.RemoteLoss, mine.RemoteJitMS)
		}
	})
}

func TestConformance_M07_ComfortNoiseAndPauses(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(50)
		r.pt = 13
		cn := r.frame()
		r.send(cn[:13])
		r.pt = 0
		for range 4 { // RTCP goes on
			pass(5 * time.Second)
			r.ts += 5 * 8000
			r.rtcpTo(r.rtcp, p, receiverReport(r.ssrc))
			pass(100 * time.Millisecond)
			r.ts += 800
		}
		if count[MediaSilent](p) != 0 {
			t.Error("silence on purpose was taken for loss of media")
		}
		late := p.session.Stats().Late
		b := r.frame()
		b[1] |= 0x80
		r.send(b)
		pass(20 * time.Millisecond)
		r.speak(50)
		if st := p.session.Stats(); !p.hears(440) || st.Late != late {
			t.Errorf("after the pause: late %d, %+v", st.Late-late, st)
		}
	})
}

func receiverReport(ssrc uint32) []byte {
	b := []byte{0x80, 201, 0, 1, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(b[4:], ssrc)
	return b
}

func (r *peer) rtcpTo(conn net.PacketConn, p *phone, b []byte) {
	to := p.session.LocalAddr()
	_, err := conn.WriteTo(b, &net.UDPAddr{IP: to.Addr().AsSlice(), Port: int(to.Port()) + 1})
	must(r.t, err)
}

func TestConformance_M08_UnknownPayloadType(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(20)
		for _, pt := range []uint8{77, 34, 26, 120} {
			r.pt = pt
			r.speak(1)
		}
		for _, pt := range []uint8{72, 73, 74, 75, 76} { // with the marker these are RTCP
			r.pt = pt | 0x80
			r.speak(1)
		}
		r.pt = 0
		r.speak(50)
		st := p.session.Stats()
		if st.Dropped["payload_type"] != 4 || st.Dropped["rtcp_on_rtp"] != 5 || !p.hears(440) {
			t.Errorf("dropped %v", st.Dropped)
		}
	})
}

func TestConformance_M09_Junk(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(50)
		rng := rand.New(rand.NewPCG(1, 2))
		quiet := quietest(p, func() {
			for range 250 {
				for range 20 { // 1,000 a second
					b := make([]byte, rng.IntN(300))
					for i := range b {
						b[i] = byte(rng.Uint32())
					}
					if len(b) > 0 && rng.IntN(2) == 0 {
						b[0] = 0x80 | b[0]&0x3F
					}
					if len(b) > 1 { // not what a valid stream change would be
						b[1] |= 0x40
					}
					r.send(b)
					r.rtcpTo(r.rtcp, p, b)
				}
				r.speak(1)
			}
		})
		if st := p.session.Stats(); quiet > 0 || st.MOS < 4.2 || p.engine.Panics() != 0 || !p.hears(440) {
			t.Errorf("gap %v, MOS %.2f, panics %d", quiet, st.MOS, p.engine.Panics())
		}
	})
}

func TestConformance_M11_RTCPBye(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(20)
		bad, err := n.Host("198.51.100.9").ListenPacket(context.Background(), "udp4", "198.51.100.9:4001")
		must(t, err)
		bye := func(ssrc uint32) []byte {
			return append(receiverReport(ssrc), 0x81, 203, 0, 1, byte(ssrc>>24), byte(ssrc>>16), byte(ssrc>>8), byte(ssrc))
		}
		r.rtcpTo(bad, p, bye(r.ssrc))
		r.rtcpTo(r.rtcp, p, bye(0x9999))
		r.speak(20)
		if count[PeerLeft](p) != 0 {
			t.Error("a stranger, or another SSRC, ended the stream")
		}
		r.rtcpTo(r.rtcp, p, bye(r.ssrc))
		r.speak(20)
		if count[PeerLeft](p) != 1 {
			t.Error("the peer's BYE was not told")
		}
	})
}

func TestConformance_M23_ManySSRCs(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(50)
		quiet := quietest(p, func() {
			for i := range 500 {
				for k := range 4 {
					other := *r
					other.tone, other.ssrc = toneOf(1004), uint32(i*4+k+0x10000)
					r.send(other.frame())
				}
				r.speak(1)
			}
		})
		if st := p.session.Stats(); quiet > 0 || st.Resyncs != 0 || p.hears(1004) {
			t.Errorf("gap %v, resyncs %d", quiet, st.Resyncs)
		}
	})
}

// A stranger who sends from the first moment on, before the peer does, and goes on.
func TestConformance_M02_StrangerIsThereFirst(t *testing.T) {
	for _, nat := range []bool{false, true} {
		t.Run(map[bool]string{false: "plain", true: "nat"}[nat], func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				p := newPhone(t, n, hereIP, func(c *SessionConfig) { c.NAT = nat })
				defer p.close()
				r := newPeer(t, n, p, thereIP, 4000)
				p.tone(850)
				bad, err := n.Host("198.51.100.9").ListenPacket(context.Background(), "udp4", "198.51.100.9:4000")
				must(t, err)
				other := *r
				other.tone, other.ssrc = toneOf(1004), 0x6666
				toStranger := 0
				n.Tap(func(k simnet.Packet) {
					if k.To.Addr().String() == "198.51.100.9" {
						toStranger++
					}
				})
				for range 5 {
					other.sendFrom(bad, other.frame())
					pass(20 * time.Millisecond)
				}
				heard := 0
				for i := range 150 {
					other.sendFrom(bad, other.frame())
					r.speak(1)
					if i == 10 {
						heard = toStranger
					}
				}
				if !p.hears(440) || p.hears(1004) || p.session.RemoteAddr().String() != thereIP+":4000" {
					t.Errorf("hears the peer %v, the stranger %v, sends to %v", p.hears(440), p.hears(1004), p.session.RemoteAddr())
				}
				if toStranger != heard || toStranger > 5 || !nat && toStranger != 0 {
					t.Errorf("%d packets to the stranger, %d of them after the peer was there", toStranger, toStranger-heard)
				}
			})
		})
	}
}
