package media

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// roadIP is the host between two phones that does to packets what a road says.
const (
	roadIP  = "192.0.2.9"
	roadLag = 47 * time.Millisecond // of every packet, so that no two ticks fall together
)

// road is what happens to the packets of one direction.
type road struct {
	loss      float64       // share of packets, 0 to 1
	burst     float64       // mean length of a loss; 0: each packet for itself
	jitter    time.Duration // most; the half of a bell curve
	reorder   bool          // a later packet may overtake
	stall     time.Duration // every 8 s nothing passes for so long, and then all at once
	duplicate float64       // share
	drift     float64       // of the sender's clock, parts per million; more is slower
}

// bump is a road between two phones, with what it did.
type bump struct {
	road
	t     *testing.T
	rng   *rand.Rand
	conns []net.PacketConn
	done  sync.WaitGroup

	mu     sync.Mutex
	began  time.Time
	last   time.Time
	losing bool
	sent   int
	lost   int
	delays []time.Duration // of the packets that came, without roadLag and drift
}

// newBump opens the road's four sockets between the phones' ports.
func newBump(t *testing.T, n *simnet.Net, r road, from, to netip.AddrPort) *bump {
	b := &bump{road: r, t: t, rng: rand.New(rand.NewPCG(11, 3))}
	h := n.Host(roadIP)
	listen := func(port uint16) net.PacketConn {
		c, err := h.ListenPacket(context.Background(), "udp4", fmt.Sprintf("%s:%d", roadIP, port))
		must(t, err)
		b.conns = append(b.conns, c)
		return c
	}
	b.open(from, to, listen)
	return b
}

// open carries packets between the phones' ports, each way on its own.
func (b *bump) open(from, to netip.AddrPort, listen func(port uint16) net.PacketConn) {
	for i := range uint16(2) {
		forTo, forFrom := listen(to.Port()+i), listen(from.Port()+i)
		b.carry(forTo, forFrom, netip.AddrPortFrom(to.Addr(), to.Port()+i), i == 0)
		b.carry(forFrom, forTo, netip.AddrPortFrom(from.Addr(), from.Port()+i), false)
	}
}

func (b *bump) close() {
	for _, c := range b.conns {
		_ = c.Close()
	}
	b.done.Wait()
}

func (b *bump) carry(in, out net.PacketConn, to netip.AddrPort, rough bool) {
	b.done.Go(func() {
		buf := make([]byte, maxDatagram)
		for {
			n, _, err := in.ReadFrom(buf)
			if err != nil {
				return
			}
			data := bytes.Clone(buf[:n])
			send := func() { _, _ = out.WriteTo(data, net.UDPAddrFromAddrPort(to)) }
			if !rough {
				time.AfterFunc(roadLag, send)
				continue
			}
			for _, wait := range b.pass(time.Now()) {
				time.AfterFunc(wait, send)
			}
		}
	})
}

// pass says when a packet that comes now goes on, how often.
func (b *bump) pass(now time.Time) []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.began.IsZero() {
		b.began = now
	}
	b.sent++
	if b.isLost() {
		b.lost++
		return nil
	}
	late := time.Duration(math.Min(math.Abs(b.rng.NormFloat64())/2.5, 1) * float64(b.jitter))
	base := roadLag + time.Duration(b.drift*1e-6*float64(now.Sub(b.began)))
	if b.drift < 0 {
		base += 2 * time.Second
	}
	at := now.Add(base + late)
	if into := now.Sub(b.began) % (8 * time.Second); into < b.stall && now.Sub(b.began) > 4*time.Second {
		at = now.Add(base + b.stall - into)
	}
	if !b.reorder && !at.After(b.last) {
		at = b.last.Add(time.Microsecond)
	}
	b.last = at
	b.delays = append(b.delays, at.Sub(now)-base)
	waits := []time.Duration{at.Sub(now)}
	if b.rng.Float64() < b.duplicate {
		waits = append(waits, at.Sub(now)+time.Duration(b.rng.Int64N(int64(30*time.Millisecond))))
	}
	return waits
}

// isLost is by chance, or by Gilbert's two states for bursts.
func (b *bump) isLost() bool {
	if b.burst <= 1 {
		return b.rng.Float64() < b.loss
	}
	leave := 1 / b.burst
	enter := leave * b.loss / (1 - b.loss)
	if b.losing {
		b.losing = b.rng.Float64() >= leave
	} else {
		b.losing = b.rng.Float64() < enter
	}
	return b.losing
}

// optimum is the delay of a buffer that knew all delays before and gave up one packet in
// a hundred.
func (b *bump) optimum() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.delays) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(b.delays))
	return sorted[len(sorted)*99/100] - sorted[0]
}

// earpiece keeps what a slot hears, and when that began.
type earpiece struct {
	probe
	began time.Time
}

func (e *earpiece) push(src frame, now time.Time) {
	e.mu.Lock()
	if e.began.IsZero() {
		e.began = now
	}
	e.mu.Unlock()
	e.probe.push(src, now)
}

// ride is one way of sound over a road.
type ride struct {
	codec  string
	road   road
	length time.Duration
}

// heard is what came of it.
type heard struct {
	said, got []int16 // from the same moment on, without the silence before
	rate      int
	stats     Stats
	optimum   time.Duration
	lost      float64
}

// take sends a clip from one phone to another over the road, in virtual time.
func (r ride) take(t *testing.T, play func(p *Player, rate int)) (h heard) {
	t.Helper()
	story(t, func(t *testing.T, n *simnet.Net) {
		c, ok := named(r.codec)
		if !ok || !c.Sends() {
			t.Fatalf("%s: not in this build", r.codec)
		}
		at := func(low uint16) func(*SessionConfig) {
			return func(cfg *SessionConfig) {
				cfg.Codecs, cfg.Ports = []string{r.codec}, PortRange{Min: low, Max: low + 99}
				cfg.Opus.BitRate = 24000
			}
		}
		a, b := newPhoneAt(t, n, hereIP, c.SampleRate, at(20000)), newPhoneAt(t, n, thereIP, c.SampleRate, at(30000))
		defer a.close()
		defer b.close()
		way := newBump(t, n, r.road, a.session.LocalAddr(), b.session.LocalAddr())
		defer way.close()
		said, got := listenAt(t, a, a.player), listenAt(t, b, b.session)
		offer, err := a.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		answer, err := b.session.AcceptOffer(bytes.ReplaceAll(offer, []byte(hereIP), []byte(roadIP)), sdp.SendRecv)
		must(t, err)
		must(t, a.session.AcceptAnswer(bytes.ReplaceAll(answer, []byte(thereIP), []byte(roadIP)), false))
		pass(time.Second)
		play(a.player, c.SampleRate)
		pass(r.length)
		pass(3 * time.Second)
		h = heard{rate: c.SampleRate, stats: b.session.Stats(), optimum: way.optimum(), lost: float64(way.lost) / float64(max(1, way.sent))}
		h.said, h.got = said.pcm, got.pcm
		if off := int(got.began.Sub(said.began) * time.Duration(c.SampleRate) / time.Second); off > 0 {
			h.said = h.said[off:]
		} else {
			h.got = h.got[-off:]
		}
	})
	return h
}

// listenAt hears one port of a phone.
func listenAt(t *testing.T, p *phone, source Port) *earpiece {
	e := &earpiece{probe: probe{keep: true}}
	slot, err := p.bridge.Add(e)
	must(t, err)
	must(t, p.bridge.SetRoutes([]mixer.Route{{From: p.player.Slot(), To: p.session.Slot()},
		{From: p.session.Slot(), To: p.meter.Slot()}, {From: source.Slot(), To: slot}}))
	return e
}

// judgement is what is measured of a ride.
type judgement struct {
	heard
	nsim                float64
	least, median, most time.Duration // mouth to ear, the network's own delay taken off
	p95                 time.Duration
	breaks              quality.Breaks
	lostPercent         float64
}

const toneHz = 440

// judge takes the ride twice: with speech, and with a tone that shows what breaks.
func (r ride) judge(t *testing.T) judgement {
	t.Helper()
	speech := r.take(t, func(p *Player, rate int) {
		must(t, p.PlayClip(audio.Clip{Rate: rate, Channels: 1, Samples: quality.Speech(1, rate, r.length)}, false, nil))
	})
	v := judgement{heard: speech}
	network := roadLag
	if r.road.drift < 0 {
		network += 2 * time.Second
	}
	windows := quality.Align(speech.said, speech.got[min(len(speech.got), int(network.Seconds()*float64(speech.rate))):], speech.rate, time.Second)
	for i := range windows {
		windows[i].Delay += network
	}
	v.nsim = quality.NSIM(speech.said, speech.got, speech.rate, audible(speech.rate), windows)
	v.least, v.median, v.p95, v.most = quality.Delays(windows)
	for _, d := range []*time.Duration{&v.least, &v.median, &v.p95, &v.most} {
		*d += audio.FrameTime - network // a frame is said before it is sent
	}
	tone := r.take(t, func(p *Player, rate int) {
		p.PlayTone(audio.Sine(toneHz, -12), nil)
		time.AfterFunc(r.length, p.Stop)
	})
	v.breaks = quality.FindBreaks(tone.got, tone.rate, toneHz, -12)
	v.lostPercent = 100 * speech.lost
	return v
}

// audible is what a codec of that rate can carry, in Hz.
func audible(rate int) float64 { return min(0.44*float64(rate), 12000) }

func (v judgement) String() string {
	ms := func(d time.Duration) int64 { return d.Milliseconds() }
	return fmt.Sprintf("nsim %.3f, delay %d/%d/%d/%d ms, optimum %d, lost %.1f %%, %d gaps to %d ms, %d clicks, concealed %d late %d",
		v.nsim, ms(v.least), ms(v.median), ms(v.p95), ms(v.most), ms(v.optimum), v.lostPercent, v.breaks.Gaps, ms(v.breaks.Longest), v.breaks.Clicks,
		v.stats.Concealed, v.stats.Late)
}

// gates are the least that stack.md asks of each codec, without impairment.
func gate(codec string) float64 {
	return map[string]float64{"PCMA": 0.98, "PCMU": 0.98, "G722": 0.96, "opus": 0.92}[codec]
}

// TestQuality_Goals is the quick part of the table in testdata/quality: for each codec
// what an agent has most days, and the goals.
func TestQuality_Goals(t *testing.T) {
	for _, c := range qualityCodecs() {
		for name, r := range map[string]road{"clean": {}, "5 % loss": {loss: 0.05}, "60 ms jitter": {jitter: 60 * time.Millisecond}} {
			v := ride{c, r, 8 * time.Second}.judge(t)
			t.Logf("%s, %s: %s", c, name, v)
			switch {
			case r == road{} && (v.nsim < gate(c) || v.median > 60*time.Millisecond || v.stats.Concealed != 0):
				t.Errorf("%s, %s: want NSIM %.2f and 60 ms: %s", c, name, gate(c), v)
			case v.breaks.Longest > 20*time.Millisecond || v.breaks.Clicks > 0:
				t.Errorf("%s, %s: want no gap over 20 ms and no click: %s", c, name, v)
			case v.overOptimum(60*time.Millisecond) > 20*time.Millisecond:
				t.Errorf("%s, %s: %v above the best delay: %s", c, name, v.overOptimum(60*time.Millisecond), v)
			case r.jitter > 0 && v.stats.Concealed > 5:
				t.Errorf("%s, %s: made up %d frames: %s", c, name, v.stats.Concealed, v)
			case v.nsim < gate(c)-0.04:
				t.Errorf("%s, %s: NSIM %.3f", c, name, v.nsim)
			}
		}
	}
}

// overOptimum is how much longer the delay is than that of a buffer that knew all
// delays before; calm is the delay without jitter.
func (v judgement) overOptimum(calm time.Duration) time.Duration { return v.median - calm - v.optimum }

// qualityCodecs are those that this build can send.
func qualityCodecs() []string {
	all := []string{"PCMA", "G722"}
	if Sends("opus") {
		all = append(all, "opus")
	}
	return all
}
