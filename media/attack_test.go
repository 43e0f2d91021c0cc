package media

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"ringback/internal/simnet"
)

// attack is what comes beside each packet of a peer, from its own address unless from is
// set, and what the counters must say of it.
type attack struct {
	name  string
	from  string // another address; empty: the peer's own
	rtcp  bool   // to the RTCP port
	make  func(r *peer, rng *rand.Rand) []byte
	cause string // of Stats.Dropped: all of it; empty: nothing was dropped
}

// header is a packet of the peer's stream that comes next but one, with changes.
func header(r *peer, change func(b []byte)) []byte {
	next := *r
	next.tone = toneOf(1004) // a stranger's, so that it can be told
	next.seq++
	b := next.frame()
	change(b)
	return b
}

func attacks() []attack {
	noise := func(rng *rand.Rand, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	return []attack{
		{name: "injected from another address", from: "198.51.100.9", cause: "stranger",
			make: func(r *peer, _ *rand.Rand) []byte { return header(r, func([]byte) {}) }},
		{name: "injected from another port", from: thereIP, cause: "stranger",
			make: func(r *peer, _ *rand.Rand) []byte { return header(r, func([]byte) {}) }},
		{name: "wrong payload types", cause: "payload_type",
			make: func(r *peer, rng *rand.Rand) []byte {
				return header(r, func(b []byte) { b[1] = []byte{3, 9, 18, 35, 96, 111, 127}[rng.IntN(7)] })
			}},
		{name: "a wrong SSRC each time", cause: "stray",
			make: func(r *peer, rng *rand.Rand) []byte {
				return header(r, func(b []byte) { binary.BigEndian.PutUint32(b[8:], rng.Uint32()) })
			}},
		{name: "truncated to less than a header", cause: "malformed",
			make: func(r *peer, rng *rand.Rand) []byte { return r.copyOfNext()[:1+rng.IntN(11)] }},
		{name: "more contributors than there are bytes", cause: "malformed",
			make: func(r *peer, _ *rand.Rand) []byte { return header(r, func(b []byte) { b[0] |= 15 })[:30] }},
		{name: "an extension longer than the packet", cause: "malformed",
			make: func(r *peer, _ *rand.Rand) []byte {
				return header(r, func(b []byte) { b[0] |= 0x10; b[14], b[15] = 0xff, 0xff })
			}},
		{name: "more padding than there is", cause: "malformed",
			make: func(r *peer, _ *rand.Rand) []byte {
				return header(r, func(b []byte) { b[0] |= 0x20; b[len(b)-1] = 255 })
			}},
		{name: "another version of RTP", cause: "malformed",
			make: func(r *peer, rng *rand.Rand) []byte {
				return header(r, func(b []byte) { b[0] = b[0]&0x3f | 0x40 })
			}},
		{name: "RTCP in the port of RTP that was not agreed on", cause: "rtcp_on_rtp",
			make: func(r *peer, rng *rand.Rand) []byte { return append([]byte{0x80, 200, 0, 6}, noise(rng, 24)...) }},
		{name: "RTCP garbage", rtcp: true, cause: "rtcp_malformed",
			make: func(r *peer, rng *rand.Rand) []byte { return append([]byte{0x80, 210, 0xff, 0xff}, noise(rng, 40)...) }},
		{name: "an RTCP packet cut off", rtcp: true, cause: "rtcp_malformed",
			make: func(r *peer, rng *rand.Rand) []byte { return append([]byte{0x9f, 201, 0, 200}, noise(rng, 60)...) }},
	}
}

// copyOfNext is the packet that comes next, without counting on.
func (r *peer) copyOfNext() []byte {
	next := *r
	next.tone = toneOf(440)
	return next.frame()
}

// TestAttack_TheCallGoesOnAndTheCountersSayWhatCame: for five seconds each packet of a call
// comes with one that should not be. There is no gap, nobody else is heard, and the counters
// have every one of them by its name.
func TestAttack_TheCallGoesOnAndTheCountersSayWhatCame(t *testing.T) {
	const packets = 250
	for _, a := range attacks() {
		t.Run(a.name, func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				p := newPhone(t, n, hereIP)
				defer p.close()
				r := newPeer(t, n, p, thereIP, 4000)
				r.speak(50)
				conn := r.conn
				if a.from != "" {
					var err error
					conn, err = n.Host(a.from).ListenPacket(context.Background(), "udp4", net.JoinHostPort(a.from, "5008"))
					must(t, err)
				}
				rng := rand.New(rand.NewPCG(3, 4))
				quiet := quietest(p, func() {
					for range packets {
						if b := a.make(r, rng); a.rtcp {
							r.rtcpTo(r.rtcp, p, b)
						} else {
							r.sendFrom(conn, b)
						}
						r.speak(1)
						if p.hears(1004) {
							t.Fatal("what was injected is heard")
						}
					}
				})
				pass(100 * time.Millisecond)
				st := p.session.Stats()
				if quiet > 0 || st.MOS < 4.2 || st.Resyncs != 0 || p.engine.Panics() != 0 || !p.hears(440) {
					t.Errorf("gap %v, MOS %.2f, resyncs %d, panics %d", quiet, st.MOS, st.Resyncs, p.engine.Panics())
				}
				if a.cause != "" && st.Dropped[a.cause] != packets {
					t.Errorf("of %d the counters have %v, want them as %s", packets, st.Dropped, a.cause)
				}
				if all := p.engine.Dropped()[a.cause]; a.cause != "" && all != packets {
					t.Errorf("the engine counts %d", all)
				}
			})
		})
	}
}

// TestAttack_HugeTimestamps: the peer's own packets, in order, with timestamps from anywhere.
// They cannot be played in their place; the call goes on, holds no more than before, and is
// whole again when they stop.
func TestAttack_HugeTimestamps(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		p := newPhone(t, n, hereIP)
		defer p.close()
		r := newPeer(t, n, p, thereIP, 4000)
		r.speak(50)
		rng := rand.New(rand.NewPCG(5, 6))
		for i := range 250 {
			if i%5 != 0 {
				r.speak(1)
				continue
			}
			b := r.frame()
			binary.BigEndian.PutUint32(b[4:], rng.Uint32())
			r.send(b)
			pass(20 * time.Millisecond)
		}
		if n := p.session.Stats().Dropped["stray"]; n != 50 {
			t.Errorf("of 50 the counters have %d", n)
		}
		if held := p.session.rx.buffer.Len(); held > 64 || p.engine.Panics() != 0 {
			t.Errorf("%d packets held, %d panics", held, p.engine.Panics())
		}
		r.speak(100)
		st := p.session.Stats()
		if quiet := quietest(p, func() { r.speak(100) }); quiet > 0 || !p.hears(440) || st.DelayMS > 200 {
			t.Errorf("afterwards a gap of %v, %.0f ms of delay: %+v", quiet, st.DelayMS, st)
		}
	})
}
