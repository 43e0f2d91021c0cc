package media

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/sdp"
)

func TestSRTP_EverySuiteBothWays(t *testing.T) {
	for _, suite := range sdp.Suites() {
		t.Run(string(suite), func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				var wire [][]byte
				n.Tap(func(k simnet.Packet) { wire = append(wire, bytes.Clone(k.Data)) })
				a, b := twoPhones(t, n, secured(sdp.EncryptionRequired, suite))
				defer a.close()
				defer b.close()
				a.tone(440)
				b.tone(850)
				pass(8 * time.Second) // RTCP, too
				if !b.hears(440) || !a.hears(850) {
					t.Errorf("b hears 440: %v, a hears 850: %v", b.hears(440), a.hears(850))
				}
				for _, p := range []*phone{a, b} {
					st := p.session.Stats()
					if p.session.Suite() != string(suite) || st.Suite != string(suite) || st.Lost != 0 || st.RTCPRecv == 0 || len(st.Dropped) != 0 {
						t.Errorf("suite %q, %+v", p.session.Suite(), st)
					}
				}
				nothingPlain(t, wire, 12+160+map[sdp.Suite]int{sdp.AESCM80: 10, sdp.AESCM32: 4}[suite])
			})
		})
	}
}

func TestConformance_M13_SRTPAuthenticationFailureChangesNothing(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP, secured(sdp.EncryptionRequired), func(c *SessionConfig) { c.NAT = true })
		defer p.close()
		r := newSecurePeer(t, n, p, 1)

		wrong := r.context(bytes.Repeat([]byte{9}, 30))
		other, err := n.Host(thereIP).ListenPacket(t.Context(), "udp4", thereIP+":5555")
		must(t, err)
		for range 30 { // before the first good one, from another address: it must not be learned
			b, err := wrong.EncryptRTP(nil, r.frame(), nil)
			must(t, err)
			r.sendFrom(other, b)
			pass(20 * time.Millisecond)
		}
		if got := p.session.RemoteAddr().Port(); got != 4000 || count[SourceLocked](p) != 0 {
			t.Errorf("a source was learned from what is not authentic: %d", got)
		}
		r.speakSealed(50)
		before := p.session.Stats()
		if !p.hears(440) || before.Dropped["unauthentic"] != 30 {
			t.Fatalf("hears %v, dropped %v", p.hears(440), before.Dropped)
		}

		junk := 0
		for range 100 { // two seconds of it: 50 a tick are 2,500 a second
			good := r.sealed()
			for i := range 50 {
				bad := bytes.Clone(good)
				bad[12+i%(len(bad)-12)] ^= 1 << (i % 8)
				binary.BigEndian.PutUint16(bad[2:], r.seq+uint16(i))
				if i%3 == 0 {
					binary.BigEndian.PutUint32(bad[8:], uint32(i)) // and streams that nobody knows
				}
				r.send(bad)
				junk++
			}
			r.send(good)
			pass(20 * time.Millisecond)
		}
		after := p.session.Stats()
		if got := after.Dropped["unauthentic"] - before.Dropped["unauthentic"]; got != uint64(junk) {
			t.Errorf("%d of %d counted as not authentic, %v", got, junk, after.Dropped)
		}
		if after.Lost != before.Lost || after.RxPackets-before.RxPackets != 100 || after.Resyncs != before.Resyncs || !p.hears(440) ||
			len(p.session.secrecy.recv.seen) != 1 || count[Failed](p) != 0 {
			t.Errorf("before %+v\nafter  %+v", before, after)
		}
	})
}

func TestConformance_M13_TenThousandJunkPacketsASecond(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP, secured(sdp.EncryptionRequired))
		defer p.close()
		r := newSecurePeer(t, n, p, 1)
		other, err := n.Host(thereIP).ListenPacket(t.Context(), "udp4", thereIP+":5555")
		must(t, err)
		r.speakSealed(50)
		junk := make([]byte, 182)
		copy(junk, r.sealed())
		for range 50 {
			r.send(r.sealed())
			for range 200 {
				r.sendFrom(other, junk)
			}
			pass(20 * time.Millisecond)
		}
		forged := bytes.Clone(r.sealed())
		forged[20] ^= 1
		for range 50 {
			r.send(r.sealed())
			for range 200 {
				r.send(forged)
			}
			pass(20 * time.Millisecond)
		}
		pass(20 * time.Millisecond)
		if st := p.session.Stats(); st.RxPackets != 150 || st.Dropped["stranger"] != 10000 || st.Dropped["unauthentic"] != 10000 ||
			!p.hears(440) || st.Lost != 2 || count[Failed](p) != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestConformance_M13_PlainPacketsAreNotHeardWhereKeysWereAgreedOn(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP, secured(sdp.EncryptionOptional))
		defer p.close()
		r := newSecurePeer(t, n, p, 1)
		r.speak(50)
		r.rtcpTo(r.rtcp, p, receiverReport(p.session.tx.header.SSRC))
		pass(200 * time.Millisecond)
		if st := p.session.Stats(); p.hears(440) || st.RxPackets != 0 || st.RTCPRecv != 0 || st.Dropped["unauthentic"] != 51 {
			t.Errorf("%+v", st)
		}
	})
}

func TestConformance_M14_ReplaysAreDropped(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP, secured(sdp.EncryptionRequired))
		defer p.close()
		r := newSecurePeer(t, n, p, 1)
		var sent [][]byte
		for range 300 {
			sent = append(sent, r.sealed())
			r.send(sent[len(sent)-1])
			pass(20 * time.Millisecond)
		}
		before := p.session.Stats()
		r.send(sent[299])
		for _, b := range sent[:200] { // too old to tell
			r.send(b)
		}
		pass(200 * time.Millisecond)
		after := p.session.Stats()
		if got := after.Dropped["replay"]; got != 201 || after.RxPackets != before.RxPackets || after.Duplicates != 0 {
			t.Errorf("%d dropped as replays: %+v", got, after)
		}
		var late [][]byte // the last of them within the window
		for range 10 {
			late = append(late, r.sealed())
		}
		r.speakSealed(20)
		r.send(late[9])
		pass(20 * time.Millisecond)
		if got := p.session.Stats(); got.Dropped["replay"] != 201 || got.RxPackets != after.RxPackets+21 {
			t.Errorf("a late packet is no replay: %+v", got)
		}
	})
}

func TestConformance_M14_SRTCPReplaysAreDropped(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP, secured(sdp.EncryptionRequired))
		defer p.close()
		r := newSecurePeer(t, n, p, 1)
		r.speakSealed(10)
		report, err := r.out.EncryptRTCP(nil, receiverReport(p.session.tx.header.SSRC), nil)
		must(t, err)
		for range 3 {
			r.rtcpTo(r.rtcp, p, report)
			pass(200 * time.Millisecond)
		}
		if st := p.session.Stats(); st.RTCPRecv != 1 || st.Dropped["replay"] != 2 {
			t.Errorf("%+v", st)
		}
	})
}

func TestConformance_M14_TheRollOverCounterTurnsTwice(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP, secured(sdp.EncryptionRequired))
		defer p.close()
		r := newSecurePeer(t, n, p, 1)
		r.seq = 0xFFF0
		r.speakSealed(50)
		first := p.session.Stats()
		for range 8 { // through the numbers in jumps of less than half of them
			r.seq += 8000
			r.speakSealed(10)
		}
		r.seq = 0xFFF0
		lost := r.sealed() // 0xFFF0: never sent until its number has turned
		r.speakSealed(50)
		r.send(lost)
		pass(100 * time.Millisecond)
		st := p.session.Stats()
		if roc, _ := p.session.secrecy.recv.context.ROC(r.ssrc); roc != 2 || first.RxPackets != 50 || st.Dropped["unauthentic"] != 0 || !p.hears(440) {
			t.Errorf("roll-over counter %d, %+v", roc, st)
		}
	})
}

func TestConformance_M14_LateJoin(t *testing.T) {
	for name, roc := range map[string]uint32{"in the first turn": 0, "just after it": 1} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				p := newPhone(t, n, hereIP, secured(sdp.EncryptionRequired))
				defer p.close()
				r := newSecurePeer(t, n, p, 1)
				r.out.SetROC(r.ssrc, roc)
				r.seq = 40000
				r.speakSealed(50)
				if st := p.session.Stats(); !p.hears(440) || len(st.Dropped) != 0 {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

// TestRFC3711_3_3_1_Rekeying: "the ROC [...] SHALL NOT be reset to zero" after
// rekeying; many reset it all the same. Both are understood.
func TestRFC3711_3_3_1_Rekeying(t *testing.T) {
	for name, keeps := range map[string]bool{"the peer keeps its counter": true, "the peer resets its counter": false} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				p := newPhone(t, n, hereIP, secured(sdp.EncryptionRequired))
				defer p.close()
				p.tone(850)
				r := newSecurePeer(t, n, p, 1)
				r.seq = 0xFFF0
				r.speakSealed(30)
				r.seq += 30000
				r.speakSealed(5)
				r.seq += 30000
				r.speakSealed(5)
				r.seq += 5900
				r.speakSealed(50)
				old, ours := r.sealed(), r.theirs
				roc, _ := r.out.ROC(r.ssrc)
				r.rekey(p, 2)
				if !bytes.Equal(ours, r.theirs) {
					t.Error("our own key changed with the peer's")
				}
				if keeps {
					r.out.SetROC(r.ssrc, roc)
				}
				r.send(old) // was on the way
				pass(20 * time.Millisecond)
				before := p.session.Stats()
				r.speakSealed(50)
				after := p.session.Stats()
				if roc != 2 && roc != 1 {
					t.Fatalf("the peer's counter is %d: the test is wrong", roc)
				}
				if after.RxPackets-before.RxPackets != 50 || after.Dropped["unauthentic"] != 0 || !p.hears(440) {
					t.Errorf("before %+v\nafter  %+v", before, after)
				}
				r.out = r.context(bytes.Repeat([]byte{1}, 30)) // the old key is over
				r.send(r.sealed())
				pass(20 * time.Millisecond)
				if got := p.session.Stats().Dropped["unauthentic"]; got != 1 {
					t.Errorf("%d packets under the old key dropped", got)
				}
			})
		})
	}
}

func TestSRTP_HoldAndResumeKeepKeysAndCounters(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n, secured(sdp.EncryptionRequired))
		defer a.close()
		defer b.close()
		a.tone(440)
		b.tone(850)
		pass(time.Second)
		agreed, context, receives := a.session.secrecy.agreed, a.session.secrecy.send, b.session.secrecy.recv
		ssrc := a.session.tx.header.SSRC
		renegotiate(t, a, b, sdp.SendOnly, sdp.SendRecv)
		pass(time.Second)
		renegotiate(t, b, a, sdp.SendRecv, sdp.SendRecv) // and the other way round
		pass(time.Second)
		now := a.session.secrecy.agreed
		if !now.SameSend(agreed) || !now.SameReceive(agreed) || a.session.secrecy.send != context || b.session.secrecy.recv != receives ||
			a.session.tx.header.SSRC != ssrc {
			t.Error("keys, contexts or the stream changed")
		}
		if !b.hears(440) || !a.hears(850) || len(a.session.Stats().Dropped)+len(b.session.Stats().Dropped) != 0 {
			t.Errorf("%v %v", a.session.Stats(), b.session.Stats())
		}
	})
}

// TestSRTP_NoKeyStreamIsUsedTwice: however often the suite changes and encryption
// goes and comes back, no packet has the SSRC, number and key of another.
func TestSRTP_NoKeyStreamIsUsedTwice(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		seen, again := map[string]bool{}, 0
		p := newPhone(t, n, hereIP, secured(sdp.EncryptionOptional))
		defer p.close()
		p.tone(850)
		from := p.session.LocalAddr()
		n.Tap(func(k simnet.Packet) {
			if k.From == from {
				id := fmt.Sprintf("%x", append(k.Data[2:4:4], k.Data[8:12]...))
				if seen[id] {
					again++
				}
				seen[id] = true
			}
		})
		r := newSecurePeer(t, n, p, 1)
		r.speakSealed(20)
		contexts := p.session.secrecy.send
		r.propose(p, "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:"+base64.StdEncoding.EncodeToString(r.key))
		pass(time.Second)
		r.rekey(p, 3)
		pass(time.Second)
		if again != 0 || p.session.secrecy.send != contexts || len(seen) < 100 {
			t.Errorf("%d of %d packets under the same key stream", again, len(seen))
		}
	})
}

func TestConformance_M23_StreamsOfAPeerAreBounded(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP, secured(sdp.EncryptionRequired))
		defer p.close()
		r := newSecurePeer(t, n, p, 1)
		for i := range 500 {
			r.ssrc = uint32(1000 + i)
			r.send(r.sealed())
			if i%10 == 0 {
				pass(20 * time.Millisecond)
			}
		}
		pass(time.Second)
		if got := len(p.session.secrecy.recv.seen); got != maxSSRC || p.session.Stats().Dropped["too_many_streams"] != 500-maxSSRC {
			t.Errorf("%d streams kept, %v", got, p.session.Stats().Dropped)
		}
	})
}

func TestConformance_O20_EncryptionChangesAreTold(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := newPhone(t, n, hereIP, secured(sdp.EncryptionOptional)), newPhone(t, n, thereIP, secured(sdp.EncryptionOptional))
		defer a.close()
		defer b.close()
		connect(t, a, b)
		a.tone(440)
		b.tone(850)
		pass(time.Second)
		b.session.cfg.Security = Security{} // the far end becomes another one
		connect(t, a, b)
		pass(time.Second)
		var told []string
		for _, e := range a.told() {
			if c, ok := e.(EncryptionChanged); ok {
				told = append(told, c.Suite)
			}
		}
		if !slices.Equal(told, []string{string(sdp.AEAD256), ""}) || a.session.Suite() != "" || !a.hears(850) || !b.hears(440) {
			t.Errorf("told %q, suite %q, hear each other %v %v", told, a.session.Suite(), a.hears(850), b.hears(440))
		}
		a.session.cfg.Security.Encryption = sdp.EncryptionRequired
		offer, err := b.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		if _, err := a.session.AcceptOffer(offer, sdp.SendRecv); err == nil || !strings.Contains(err.Error(), "not encrypted") {
			t.Errorf("an offer that is not encrypted: %v", err)
		}
	})
}

// BenchmarkSRTP: a packet of 20 ms of G.711, out, and out and in. The budget is 2 µs
// each way and no allocation: a thousand calls then take a tenth of a core each way.
func BenchmarkSRTP(b *testing.B) {
	for _, suite := range sdp.Suites() {
		octets, salt := suite.Sizes()
		key := sdp.MasterKey{Key: make([]byte, octets), Salt: make([]byte, salt)}
		agreed := &sdp.Crypto{Suite: suite, Send: key, Receive: []sdp.MasterKey{key}}
		b.Run("way=out/suite="+string(suite), func(b *testing.B) {
			var s secrecy
			if _, err := s.agree(agreed); err != nil {
				b.Fatal(err)
			}
			var t transmitter
			room := new(scratch)
			out := &room.out
			t.init(8000)
			b.ReportAllocs()
			for b.Loop() {
				n, _ := t.header.MarshalTo(out[:])
				t.header.SequenceNumber++
				if _, err := s.seal(out[:n+160], &room.sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("way=in/suite="+string(suite), func(b *testing.B) {
			var far, near secrecy
			for _, s := range []*secrecy{&far, &near} {
				if _, err := s.agree(agreed); err != nil {
					b.Fatal(err)
				}
			}
			var t transmitter
			room := new(scratch)
			out := &room.out
			t.init(8000)
			b.ReportAllocs()
			for b.Loop() {
				n, _ := t.header.MarshalTo(out[:])
				t.header.SequenceNumber++
				sealed, err := far.seal(out[:n+160], &room.sealed)
				if err != nil {
					b.Fatal(err)
				}
				if _, _, ok := near.open(sealed); !ok {
					b.Fatal("not opened")
				}
			}
		})
	}
}
