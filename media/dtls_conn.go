package media

import (
	"net"
	"net/netip"
	"os"
	"time"
)

// ReadFrom implements net.PacketConn.
func (a *association) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case got := <-a.in:
		return copy(b, got), a.RemoteAddr(), nil
	case <-a.until.Done():
		return 0, nil, os.ErrDeadlineExceeded
	case <-a.done:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo implements net.PacketConn: to the peer, whatever addr is.
func (a *association) WriteTo(b []byte, _ net.Addr) (int, error) {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.hands != a && s.nextHands != a {
		return len(b), nil
	}
	// Who was seen elsewhere may be a stranger, so that the peer's own address gets it, too.
	for _, to := range []netip.AddrPort{s.link.source.target(), a.peer} {
		if to.IsValid() {
			_ = s.rtp.write(b, to) // what is lost is repeated
		}
	}
	return len(b), nil
}

// Close implements net.PacketConn.
func (a *association) Close() error {
	a.end()
	return nil
}

// LocalAddr implements net.PacketConn.
func (a *association) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4zero} }

// RemoteAddr is constant: pion tells peers apart by it, and there is one.
func (a *association) RemoteAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4zero, Port: 1} }

// SetReadDeadline implements net.PacketConn.
func (a *association) SetReadDeadline(t time.Time) error {
	a.until.Set(t)
	return nil
}

// SetWriteDeadline implements net.PacketConn: writing never waits.
func (*association) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.PacketConn.
func (a *association) SetDeadline(t time.Time) error { return a.SetReadDeadline(t) }
