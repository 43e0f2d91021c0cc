package ice

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5"
)

// sockets is a Network as pion wants it; what is not here is not asked for.
type sockets struct {
	transport.Net
	reach Reach
	known map[string]*stun.URI // servers by HOST:PORT
}

// ListenPacket is for the way to a TURN server by UDP, from our address.
func (s sockets) ListenPacket(string, string) (net.PacketConn, error) {
	return s.reach.Network.ListenPacket(context.Background(), "udp", netip.AddrPortFrom(s.reach.Local, 0).String())
}

// ResolveUDPAddr finds a server.
func (s sockets) ResolveUDPAddr(_, address string) (*net.UDPAddr, error) {
	at, err := s.resolve(context.Background(), address)
	if err != nil {
		return nil, err
	}
	return net.UDPAddrFromAddrPort(at), nil
}

func (s sockets) resolve(ctx context.Context, address string) (netip.AddrPort, error) {
	if at, err := netip.ParseAddrPort(address); err == nil {
		return at, nil
	}
	uri, ok := s.known[address]
	if !ok {
		return netip.AddrPort{}, errors.New("no server of ours")
	}
	return resolve(ctx, uri, s.reach.Local)
}

// Interfaces implements transport.Net: our address is given.
func (sockets) Interfaces() ([]*transport.Interface, error) { return nil, nil }

// dialer connects to TURN servers by TCP and TLS.
type dialer struct {
	sockets
	ctx context.Context
}

// Dial takes HOST:PORT of a server's URL.
func (d dialer) Dial(_, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.ctx, gatherTime)
	defer cancel()
	at, err := d.resolve(ctx, address)
	if err != nil {
		return nil, err
	}
	return d.reach.dial(ctx, d.known[address], at)
}
