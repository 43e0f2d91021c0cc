package transport

import (
	"fmt"
	"net/netip"
	"time"
)

// sourceAddr is our address towards a peer, and until when it is believed.
type sourceAddr struct {
	addr  netip.Addr
	until time.Time
}

func (s *socket) sourceFor(remote netip.AddrPort) netip.Addr {
	const (
		believe = 10 * time.Second
		most    = 256
	)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.sources[remote.Addr()]; ok && time.Now().Before(known.until) {
		return known.addr
	}
	addr, err := s.l.SourceFor(remote)
	if err != nil {
		return s.local.Addr()
	}
	if len(s.sources) >= most {
		clear(s.sources)
	}
	s.sources[remote.Addr()] = sourceAddr{addr, time.Now().Add(believe)}
	return addr
}

// SourceFor asks the network which of our addresses it would send from to a peer.
// Connecting a UDP socket sends nothing and does not block. An error says that there
// is no way to it.
func (l *Layer) SourceFor(remote netip.AddrPort) (netip.Addr, error) {
	c, err := l.cfg.Network.Dial(l.ctx, "udp", "", remote.String())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find our address towards %s: %w", remote, err)
	}
	defer c.Close()
	return addrPortOf(c.LocalAddr()).Addr(), nil
}

// ForgetSources makes UDP flows ask the network anew for our addresses: they have
// changed.
func (l *Layer) ForgetSources() {
	l.mu.Lock()
	sockets := l.sockets
	l.mu.Unlock()
	for _, s := range sockets {
		s.mu.Lock()
		clear(s.sources)
		s.mu.Unlock()
	}
}
