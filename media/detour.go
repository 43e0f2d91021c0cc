package media

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"ringback/media/ice"
)

// detour is a session's RTP socket, whose datagrams to the peer go through a TURN server
// while that is the way, and come by it. Under Session.mu.
type detour struct {
	socket
	path *way
	only bool // nothing leaves by the socket itself
	come chan datagram
}

func (s *Session) detoured(direct socket) socket {
	if !s.cfg.Security.ICE || len(s.cfg.Ways.Servers) == 0 {
		return direct
	}
	return &detour{socket: direct, path: &s.path, only: s.cfg.Ways.RelayOnly, come: make(chan datagram, queueLength)}
}

func (d *detour) read(b []byte, now time.Time) (int, netip.AddrPort, time.Time, bool) {
	select {
	case got := <-d.come:
		return copy(b, got.buf), d.path.pair, got.at, true
	default:
		return d.socket.read(b, now)
	}
}

func (d *detour) write(b []byte, to netip.AddrPort) error {
	switch {
	case d.path.relayed && to == d.path.pair && d.path.agent != nil:
		d.path.agent.Write(b)
	case !d.only:
		return d.socket.write(b, to)
	}
	return nil
}

// fromRelay takes what came from the peer by a relay. It does not wait for the network.
func (s *Session) fromRelay(agent *ice.Agent, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.rtp.(*detour)
	if !ok || s.path.agent != agent || s.closed {
		return
	}
	select {
	case d.come <- datagram{buf: bytes.Clone(b), at: time.Now()}:
	default: // as a full socket
	}
}

// sendCheck sends what ICE has to send by the socket itself: that of RTP, or of RTCP.
func (s *Session) sendCheck(control bool) func(b []byte, to netip.AddrPort) {
	return func(b []byte, to netip.AddrPort) {
		s.mu.Lock()
		defer s.mu.Unlock()
		direct := s.rtp
		if control {
			direct = s.rtcp
		}
		if d, ok := direct.(*detour); ok {
			direct = d.socket
		}
		if !s.closed {
			_ = direct.write(b, to) // one that is lost is repeated
		}
	}
}

// reach is how STUN and TURN servers are reached from an address of ours.
func (e *Engine) reach(local netip.Addr, cfg *tls.Config) ice.Reach {
	return ice.Reach{Network: serverNetwork{e.cfg.Network}, Local: local, TLS: cfg}
}

// serverNetwork is a Network that also connects: by itself where it can (one in memory),
// or as the system does.
type serverNetwork struct{ Network }

func (n serverNetwork) Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error) {
	if d, ok := n.Network.(interface {
		Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error)
	}); ok {
		return d.Dial(ctx, network, laddr, raddr)
	}
	local, err := net.ResolveTCPAddr(network, laddr)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{LocalAddr: local}).DialContext(ctx, network, raddr)
}

// CheckServer says what is wrong with the URL of a STUN or TURN server.
func CheckServer(url string) error { return ice.CheckServer(url) }

// ProbeServer asks a server as a call from local does, and returns the address of ours
// that it gave. ErrServerAuth, ErrServerSilent.
func ProbeServer(ctx context.Context, local netip.Addr, cfg *tls.Config, s Server) (netip.AddrPort, error) {
	got, err := ice.Probe(ctx, ice.Reach{Network: serverNetwork{Host()}, Local: local, TLS: cfg}, s)
	if got.Relayed.IsValid() {
		return got.Relayed, err
	}
	return got.Mapped, err
}

// Errors of ProbeServer and PathGathered; errors.Is.
var (
	ErrServerAuth   = ice.ErrServerAuth
	ErrServerSilent = ice.ErrServerSilent
)
