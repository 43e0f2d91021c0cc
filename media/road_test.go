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

	"ringback/internal/simnet"
)

// roadIP is the host between two phones that does to packets what a road says.
const (
	roadIP  = "192.0.2.9"
	roadLag = 47 * time.Millisecond // of every packet, so that no two ticks fall together
)

// road is what happens to the packets of one direction.
type road struct {
	longer    time.Duration // than roadLag, of every packet
	loss      float64       // share of packets, 0 to 1
	burst     float64       // mean length of a loss; 0: each packet for itself
	jitter    time.Duration // most; the half of a bell curve
	reorder   bool          // a later packet may overtake
	stall     time.Duration // every 8 s nothing passes for so long, and then all at once
	overtaken float64       // share of the packets that come 30 ms later than the others, behind the next one
	duplicate float64       // share
	drift     float64       // of the sender's clock, parts per million; more is slower
}

// lag is how long every packet takes at the begin: a clock that is too fast needs some to gain.
func (r road) lag() time.Duration {
	if r.drift < 0 {
		return roadLag + r.longer + 2*time.Second
	}
	return roadLag + r.longer
}

// off is how much longer a packet takes that is sent at that time of the ride, by the sender's
// clock alone.
func (r road) off(at time.Duration) time.Duration {
	return time.Duration(r.drift * 1e-6 * float64(at))
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
	base := b.lag() + b.off(now.Sub(b.began))
	at := now.Add(base + late)
	if into := now.Sub(b.began) % (8 * time.Second); into < b.stall && now.Sub(b.began) > 4*time.Second {
		at = now.Add(base + b.stall - into)
	}
	if b.overtaken > 0 && b.rng.Float64() < b.overtaken {
		at = at.Add(overtaken)
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
