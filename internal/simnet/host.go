package simnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// Host is one machine. It is a Network for sip/transport and for media.
type Host struct {
	net     *Net
	addr    netip.Addr
	down    bool
	ports   map[portKey]any // *packetConn or *streamListener
	streams map[*stream]struct{}
	next    uint16 // where to look for a free port
}

type portKey struct {
	network string // "udp" or "tcp"
	port    uint16
}

// Addr is the host's address.
func (h *Host) Addr() netip.Addr { return h.addr }

// SetDown makes a host silent, as a pulled cable does: datagrams are lost,
// connections stall, and dials to it time out; false brings it back.
func (h *Host) SetDown(down bool) {
	h.net.mu.Lock()
	h.down = down
	h.net.mu.Unlock()
	if !down {
		h.net.flushStreams()
	}
}

// Kill ends the host's programs, as a crash does: its sockets and listeners
// close, its connections are reset on both sides, dials to it are refused until
// somebody listens again.
func (h *Host) Kill() { h.closeAll(syscall.ECONNRESET) }

func (h *Host) closeAll(cause error) {
	h.net.mu.Lock()
	socks := make([]any, 0, len(h.ports))
	for _, s := range h.ports {
		socks = append(socks, s)
	}
	streams := make([]*stream, 0, len(h.streams))
	for s := range h.streams {
		streams = append(streams, s)
	}
	h.net.mu.Unlock()
	for _, s := range socks {
		switch s := s.(type) {
		case *packetConn:
			s.Close()
		case *streamListener:
			s.Close()
		}
	}
	for _, s := range streams {
		s.reset(cause)
		s.peer.reset(cause)
	}
}

// ListenPacket binds a UDP socket. The address may be unspecified or the
// host's; port 0 picks a free one.
func (h *Host) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	local, err := h.parse(network, "udp", address)
	if err != nil {
		return nil, h.fail("listen", network, address, err)
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	port, err := h.claim("udp", local.Port())
	if err != nil {
		return nil, h.fail("listen", network, address, err)
	}
	c := newPacketConn(h, netip.AddrPortFrom(local.Addr(), port))
	h.ports[portKey{"udp", port}] = c
	return c, nil
}

// Listen binds a listener for connections.
func (h *Host) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	local, err := h.parse(network, "tcp", address)
	if err != nil {
		return nil, h.fail("listen", network, address, err)
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	port, err := h.claim("tcp", local.Port())
	if err != nil {
		return nil, h.fail("listen", network, address, err)
	}
	ln := newStreamListener(h, netip.AddrPortFrom(local.Addr(), port))
	h.ports[portKey{"tcp", port}] = ln
	return ln, nil
}

// Dial connects to raddr. For UDP it only tells the local address and gives a
// socket that talks to that one peer. For TCP it takes a round trip; refused,
// when nobody listens; it waits for ctx when the peer cannot be reached.
func (h *Host) Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error) {
	kind := strings.TrimRight(network, "46")
	remote, err := netip.ParseAddrPort(raddr)
	if err != nil {
		return nil, h.fail("dial", network, raddr, err)
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if remote.Addr().Is4() != h.addr.Is4() {
		return nil, h.fail("dial", network, raddr, syscall.ENETUNREACH)
	}
	if laddr == "" {
		laddr = ":0"
	}
	local, err := h.parse(network, kind, laddr)
	if err != nil {
		return nil, h.fail("dial", network, raddr, err)
	}
	if kind == "udp" {
		pc, err := h.ListenPacket(ctx, network, netip.AddrPortFrom(h.addr, local.Port()).String())
		if err != nil {
			return nil, err
		}
		return &connectedPacket{packetConn: pc.(*packetConn), remote: remote}, nil
	}
	c, err := h.dialStream(ctx, local.Port(), remote)
	if err != nil {
		return nil, h.fail("dial", network, raddr, err)
	}
	return c, nil
}

func (h *Host) fail(op, network, address string, err error) error {
	return fmt.Errorf("simnet %s: %s %s %s: %w", h.addr, op, network, address, err)
}

// parse reads a local address and checks that it is this host's to bind.
func (h *Host) parse(network, kind, address string) (netip.AddrPort, error) {
	if network != kind && network != kind+"4" && network != kind+"6" {
		return netip.AddrPort{}, net.UnknownNetworkError(network)
	}
	if strings.HasPrefix(address, ":") {
		any := netip.IPv4Unspecified()
		if h.addr.Is6() {
			any = netip.IPv6Unspecified()
		}
		address = net.JoinHostPort(any.String(), address[1:])
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return ap, err
	}
	addr := ap.Addr().Unmap()
	if addr != h.addr && !addr.IsUnspecified() {
		return ap, syscall.EADDRNOTAVAIL
	}
	return netip.AddrPortFrom(addr, ap.Port()), nil
}

// claim finds a free port, or checks that the wanted one is. n.mu is held.
func (h *Host) claim(network string, port uint16) (uint16, error) {
	if h.net.closed {
		return 0, net.ErrClosed
	}
	if port != 0 {
		if _, taken := h.ports[portKey{network, port}]; taken {
			return 0, syscall.EADDRINUSE
		}
		return port, nil
	}
	for range 16384 {
		port = h.next
		if h.next++; h.next == 0 {
			h.next = 49152
		}
		if _, taken := h.ports[portKey{network, port}]; !taken {
			return port, nil
		}
	}
	return 0, errors.New("no free port")
}

func (h *Host) free(network string, port uint16, what any) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	key := portKey{network, port}
	if h.ports[key] == what {
		delete(h.ports, key)
	}
}

// dialStream shakes hands with the host that has the address: a round trip.
func (h *Host) dialStream(ctx context.Context, port uint16, remote netip.AddrPort) (net.Conn, error) {
	n := h.net
	outcome := make(chan dialOutcome, 1)
	gone := false // the dialler has given up; n.mu guards it
	n.mu.Lock()
	port, err := h.claim("tcp", port)
	if err != nil {
		n.mu.Unlock()
		return nil, err
	}
	local := netip.AddrPortFrom(h.addr, port)
	there, back := pair{h.addr, remote.Addr()}, pair{remote.Addr(), h.addr}
	if n.reachable(there) && n.reachable(back) {
		n.schedule(n.due(there, n.linkFor(there), true), func() {
			o := n.knock(h, local, remote)
			n.schedule(n.due(back, n.linkFor(back), true), func() {
				if gone && o.conn != nil {
					go o.conn.Close()
				}
				outcome <- o
			})
		})
	}
	n.mu.Unlock()
	select {
	case o := <-outcome:
		if o.err != nil {
			return nil, o.err
		}
		return o.conn, nil
	case <-ctx.Done():
		n.mu.Lock()
		gone = true
		n.mu.Unlock()
		return nil, giveUp(ctx, outcome)
	case <-n.ended:
		return nil, net.ErrClosed
	}
}

type dialOutcome struct {
	conn *stream
	err  error
}

// giveUp ends a connection that was made just when its dialler went away.
func giveUp(ctx context.Context, outcome chan dialOutcome) error {
	select {
	case o := <-outcome:
		if o.conn != nil {
			o.conn.Close()
		}
	default:
	}
	return ctx.Err()
}

// knock asks for a connection at the far end. n.mu is held.
func (n *Net) knock(h *Host, local, remote netip.AddrPort) dialOutcome {
	there := n.hosts[remote.Addr()]
	ln, _ := there.ports[portKey{"tcp", remote.Port()}].(*streamListener)
	if ln == nil {
		return dialOutcome{err: syscall.ECONNREFUSED}
	}
	ours, theirs := newStreamPair(h, there, local, remote)
	if !ln.offer(theirs) {
		return dialOutcome{err: syscall.ECONNREFUSED}
	}
	h.streams[ours], there.streams[theirs] = struct{}{}, struct{}{}
	return dialOutcome{conn: ours}
}
