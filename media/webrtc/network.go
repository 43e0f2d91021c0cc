package webrtc

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/pion/transport/v5"
)

// Network opens the peer's sockets; a host of internal/simnet is one.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
}

// sockets is a Network as pion wants it, with one interface that has one address; what is
// not here is not asked for.
type sockets struct {
	transport.Net
	network Network
	ip      netip.Addr
}

func (s sockets) open() (net.PacketConn, error) {
	return s.network.ListenPacket(context.Background(), "udp4", netip.AddrPortFrom(s.ip, 0).String())
}

// ListenUDP is for a candidate of the host itself.
func (s sockets) ListenUDP(string, *net.UDPAddr) (transport.UDPConn, error) {
	conn, err := s.open()
	if err != nil {
		return nil, err
	}
	return udp{conn: conn}, nil
}

// ListenPacket is for the way to a TURN server.
func (s sockets) ListenPacket(string, string) (net.PacketConn, error) { return s.open() }

// ResolveUDPAddr takes addresses only.
func (s sockets) ResolveUDPAddr(_, address string) (*net.UDPAddr, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	return net.UDPAddrFromAddrPort(at), nil
}

// Interfaces implements transport.Net.
func (s sockets) Interfaces() ([]*transport.Interface, error) {
	one := transport.NewInterface(net.Interface{Index: 1, MTU: 1500, Name: "eth0", Flags: net.FlagUp | net.FlagRunning})
	one.AddAddress(&net.IPNet{IP: s.ip.AsSlice(), Mask: net.CIDRMask(24, 32)})
	return []*transport.Interface{one}, nil
}

// udp is a socket with those of transport.UDPConn's methods that ICE calls.
type udp struct {
	transport.UDPConn
	conn net.PacketConn
}

func (u udp) ReadFrom(b []byte) (int, net.Addr, error)   { return u.conn.ReadFrom(b) }
func (u udp) WriteTo(b []byte, to net.Addr) (int, error) { return u.conn.WriteTo(b, to) }
func (u udp) LocalAddr() net.Addr                        { return u.conn.LocalAddr() }
func (u udp) Close() error                               { return u.conn.Close() }
func (u udp) SetDeadline(t time.Time) error              { return u.conn.SetDeadline(t) }
func (u udp) SetReadDeadline(t time.Time) error          { return u.conn.SetReadDeadline(t) }
func (u udp) SetWriteDeadline(t time.Time) error         { return u.conn.SetWriteDeadline(t) }
