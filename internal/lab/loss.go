package lab

import (
	"context"
	"net"
)

// Loss decides about one SIP datagram: true loses it on its way. out says that
// the lab sends it. It is called on the goroutines of the transport, one after
// the other only for those that come in.
type Loss func(out bool, text string) bool

// Lose loses SIP datagrams from now on as f decides; nil loses none. Media and
// connections are not touched.
func (l *Lab) Lose(f Loss) {
	l.loss.Store(&f)
}

func (l *Lab) loses(out bool, data []byte) bool {
	f := l.loss.Load()
	return f != nil && *f != nil && (*f)(out, string(data))
}

// lossyNetwork is the network of the lab's user agent.
type lossyNetwork struct {
	Network
	lab *Lab
}

func (n lossyNetwork) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	pc, err := n.Network.ListenPacket(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &lossyConn{PacketConn: pc, lab: n.lab}, nil
}

type lossyConn struct {
	net.PacketConn
	lab *Lab
}

// ReadFrom passes over what is lost.
func (c *lossyConn) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.PacketConn.ReadFrom(p)
		if err != nil || !c.lab.loses(false, p[:n]) {
			return n, from, err
		}
	}
}

// WriteTo says that it sent what is lost, as a network does.
func (c *lossyConn) WriteTo(p []byte, to net.Addr) (int, error) {
	if c.lab.loses(true, p) {
		return len(p), nil
	}
	return c.PacketConn.WriteTo(p, to)
}
