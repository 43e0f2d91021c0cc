package media

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
)

// PortRange is where RTP ports are taken from: even ones from Min to Max, RTCP on
// the odd one above (RFC 3550 section 11). The zero value is 16384 to 32767.
type PortRange struct{ Min, Max uint16 }

// DefaultPorts is what the zero PortRange means.
func DefaultPorts() PortRange { return PortRange{Min: 16384, Max: 32767} }

// Validate names what is wrong with a range.
func (r PortRange) Validate() error {
	if r == (PortRange{}) {
		return nil
	}
	if r.Min < 1024 || int(r.first())+1 > int(r.Max) {
		return fmt.Errorf("use media ports %d-%d: need an even port and the odd one above it, from 1024 up", r.Min, r.Max)
	}
	return nil
}

func (r PortRange) first() uint16 { return r.Min + r.Min&1 }

// portTable holds which ports sessions of this engine have, so that they are not
// tried again and again when a range is nearly full.
type portTable struct {
	mu   sync.Mutex
	used map[netip.AddrPort]struct{}
}

func (t *portTable) take(a netip.AddrPort) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.used[a]; ok {
		return false
	}
	if t.used == nil {
		t.used = map[netip.AddrPort]struct{}{}
	}
	t.used[a] = struct{}{}
	return true
}

func (t *portTable) free(a netip.AddrPort) {
	t.mu.Lock()
	delete(t.used, a)
	t.mu.Unlock()
}

// pair is the two sockets of a session.
type pair struct {
	rtp, rtcp net.PacketConn
	local     netip.AddrPort // of RTP
}

// listen opens a pair of ports of r, beginning at a place drawn at random, so
// that a stranger cannot guess them.
func (t *portTable) listen(ctx context.Context, n Network, ip netip.Addr, r PortRange) (pair, error) {
	if r == (PortRange{}) {
		r = DefaultPorts()
	}
	if err := r.Validate(); err != nil {
		return pair{}, err
	}
	family := "udp6"
	if ip.Unmap().Is4() {
		family = "udp4"
	}
	count := (int(r.Max) - int(r.first()) + 1) / 2
	start := rand.IntN(count)
	var last error
	for i := range count {
		at := netip.AddrPortFrom(ip, r.first()+uint16(2*((start+i)%count)))
		if !t.take(at) {
			continue
		}
		rtp, rtcp, err := listenBoth(ctx, n, family, at)
		if err == nil {
			return pair{rtp: rtp, rtcp: rtcp, local: at}, nil
		}
		t.free(at)
		if last = err; ctx.Err() != nil {
			break
		}
	}
	return pair{}, fmt.Errorf("open media ports %d-%d on %s: %w (%v)", r.Min, r.Max, ip, ErrNoPorts, last)
}

func listenBoth(ctx context.Context, n Network, family string, at netip.AddrPort) (rtp, rtcp net.PacketConn, err error) {
	rtp, err = n.ListenPacket(ctx, family, at.String())
	if err != nil {
		return nil, nil, err
	}
	above := netip.AddrPortFrom(at.Addr(), at.Port()+1)
	rtcp, err = n.ListenPacket(ctx, family, above.String())
	if err != nil {
		_ = rtp.Close()
		return nil, nil, err
	}
	return rtp, rtcp, nil
}
