package simnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// socketBuffer is how many datagrams wait in a socket before more are lost.
const socketBuffer = 4096

// packetConn is a UDP socket.
type packetConn struct {
	host  *Host
	local netip.AddrPort

	mu       sync.Mutex
	wake     *sync.Cond
	queue    []datagram
	closed   bool
	deadline deadline
}

type datagram struct {
	data []byte
	from netip.AddrPort
	at   time.Time
}

func newPacketConn(h *Host, local netip.AddrPort) *packetConn {
	c := &packetConn{host: h, local: local}
	c.wake = sync.NewCond(&c.mu)
	return c
}

// deliver is called when a datagram arrives, with the Net's mutex held.
func (c *packetConn) deliver(d datagram) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.queue) == socketBuffer {
		return
	}
	d.at = time.Now()
	c.queue = append(c.queue, d)
	c.wake.Signal()
}

func (c *packetConn) pop() datagram {
	d := c.queue[0]
	c.queue[0] = datagram{}
	if c.queue = c.queue[1:]; len(c.queue) == 0 {
		c.queue = nil
	}
	return d
}

// ReadFrom waits for a datagram. What does not fit in p is cut off.
func (c *packetConn) ReadFrom(p []byte) (int, net.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.closed:
			return 0, nil, c.err("read", net.ErrClosed)
		case c.deadline.passed():
			return 0, nil, c.err("read", os.ErrDeadlineExceeded)
		case len(c.queue) > 0:
			d := c.pop()
			return copy(p, d.data), net.UDPAddrFromAddrPort(d.from), nil
		}
		c.wake.Wait()
	}
}

// TryReadFrom takes a datagram that has arrived, without waiting; at is when it
// arrived.
func (c *packetConn) TryReadFrom(p []byte) (n int, from netip.AddrPort, at time.Time, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.queue) == 0 {
		return 0, netip.AddrPort{}, time.Time{}, false
	}
	d := c.pop()
	return copy(p, d.data), d.from, d.at, true
}

// WriteTo sends a datagram; it never waits, and a lost one is no error.
func (c *packetConn) WriteTo(p []byte, to net.Addr) (int, error) {
	ap, err := addrPort(to)
	if err != nil {
		return 0, c.err("write", err)
	}
	return c.WriteToAddrPort(p, ap)
}

// WriteToAddrPort is WriteTo without the net.Addr.
func (c *packetConn) WriteToAddrPort(p []byte, to netip.AddrPort) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, c.err("write", net.ErrClosed)
	}
	if len(p) > 65507 {
		return 0, c.err("write", syscall.EMSGSIZE)
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if err := c.host.net.sendPacket(c.host, c.local, to, p); err != nil {
		return 0, c.err("write", err)
	}
	return len(p), nil
}

// sendPacket puts a datagram on the link. It fails where the host has no address to
// send from.
func (n *Net) sendPacket(h *Host, from, to netip.AddrPort, data []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	own, err := h.source(from.Addr(), to.Addr())
	if err != nil {
		return err
	}
	if to.Addr().IsLoopback() && !own.IsLoopback() {
		to = netip.AddrPortFrom(own, to.Port())
	}
	from = netip.AddrPortFrom(own, from.Port())
	p := pair{own, to.Addr()}
	link := n.linkFor(p)
	lost := !n.reachable(p) || link.Loss > 0 && n.rng.Float64() < link.Loss
	n.tell("udp", from, to, data, lost)
	if lost {
		return nil
	}
	copies := 1
	if link.Duplicate > 0 && n.rng.Float64() < link.Duplicate {
		copies = 2
	}
	data = append([]byte(nil), data...)
	for range copies {
		n.schedule(n.due(p, link, !link.Reorder), func() {
			if !n.reachable(p) {
				return
			}
			c, ok := n.hosts[to.Addr()].ports[portKey{"udp", to.Port()}].(*packetConn)
			if ok && covers(c.local.Addr(), to.Addr()) {
				c.deliver(datagram{data: data, from: from})
			}
		})
	}
	return nil
}

// Close frees the port and wakes whoever reads.
func (c *packetConn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return c.err("close", net.ErrClosed)
	}
	c.closed = true
	c.queue = nil
	c.deadline.stop()
	c.wake.Broadcast()
	c.mu.Unlock()
	c.host.free("udp", c.local.Port(), c)
	return nil
}

func (c *packetConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

func (c *packetConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *packetConn) SetReadDeadline(t time.Time) error {
	c.deadline.set(t, &c.mu, c.wake)
	return nil
}

// SetWriteDeadline does nothing: writes never wait.
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }

func (c *packetConn) err(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Addr: c.LocalAddr(), Err: err}
}

// connectedPacket is a UDP socket with one peer.
type connectedPacket struct {
	*packetConn
	remote netip.AddrPort
}

func (c *connectedPacket) RemoteAddr() net.Addr { return net.UDPAddrFromAddrPort(c.remote) }

func (c *connectedPacket) Write(p []byte) (int, error) { return c.WriteToAddrPort(p, c.remote) }

// Read drops what other peers send.
func (c *connectedPacket) Read(p []byte) (int, error) {
	for {
		n, from, err := c.ReadFrom(p)
		if err != nil {
			return 0, err
		}
		if ap, _ := addrPort(from); ap == c.remote {
			return n, nil
		}
	}
}

func addrPort(a net.Addr) (netip.AddrPort, error) {
	if u, ok := a.(*net.UDPAddr); ok {
		ap := u.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
	}
	return netip.ParseAddrPort(a.String())
}
