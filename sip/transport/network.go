package transport

import (
	"context"
	"fmt"
	"net"
)

// Network opens sockets. Networks are "udp", "tcp" and their 4 and 6 forms.
type Network interface {
	// ListenPacket binds a UDP socket; port 0 picks one.
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	// Listen binds a TCP listener; port 0 picks one.
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	// Dial connects from laddr ("" for any) to raddr, both host:port.
	Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error)
}

type hostNetwork struct{}

// Host is the machine's own network.
func Host() Network { return hostNetwork{} }

func (hostNetwork) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, network, address)
}

func (hostNetwork) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, network, address)
}

func (hostNetwork) Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error) {
	var d net.Dialer
	if laddr != "" {
		local, err := resolveLocal(network, laddr)
		if err != nil {
			return nil, fmt.Errorf("dial %s from %s: %w", raddr, laddr, err)
		}
		d.LocalAddr = local
	}
	return d.DialContext(ctx, network, raddr)
}

func resolveLocal(network, laddr string) (net.Addr, error) {
	if len(network) >= 3 && network[:3] == "udp" {
		return net.ResolveUDPAddr(network, laddr)
	}
	return net.ResolveTCPAddr(network, laddr)
}
