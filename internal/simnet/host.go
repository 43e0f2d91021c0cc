package simnet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
)

// Host is one machine. It is a Network for sip/transport and for media.
type Host struct {
	net     *Net
	name    netip.Addr   // the address that it was made with, for errors
	addrs   []netip.Addr // those that it has; of each family the first is sent from
	down    bool
	ports   map[portKey]any // *packetConn or *streamListener
	streams map[*stream]struct{}
	next    uint16 // where to look for a free port
}

type portKey struct {
	network string // "udp" or "tcp"
	port    uint16
}

// Addr is the host's first address; the zero Addr when it has none.
func (h *Host) Addr() netip.Addr {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if len(h.addrs) == 0 {
		return netip.Addr{}
	}
	return h.addrs[0]
}

// SetAddrs gives the host these addresses in place of those that it has, as a move
// to another network does; without any it is in no network. Sockets on the
// unspecified address go on from the new ones; what is bound to an address that is
// gone stays, and is neither heard nor reached until that address is back. It
// panics when another host has one of them: that is a mistake in a test.
func (h *Host) SetAddrs(ips ...string) {
	n := h.net
	n.mu.Lock()
	for _, addr := range h.addrs {
		delete(n.hosts, addr)
	}
	h.addrs = nil
	for _, ip := range ips {
		addr := netip.MustParseAddr(ip).Unmap()
		if n.hosts[addr] != nil {
			panic("simnet: " + ip + " is another host's")
		}
		n.hosts[addr] = h
		h.addrs = append(h.addrs, addr)
	}
	n.mu.Unlock()
	n.flushStreams()
}

// source is the address that the host sends from to a peer, by a socket bound to
// local. n.mu is held.
func (h *Host) source(local, peer netip.Addr) (netip.Addr, error) {
	for _, addr := range h.addrs {
		if addr == local || local.IsUnspecified() && addr.Is4() == peer.Is4() {
			return addr, nil
		}
	}
	if local.IsUnspecified() {
		return netip.Addr{}, syscall.ENETUNREACH
	}
	return netip.Addr{}, syscall.EADDRNOTAVAIL
}

// covers says that a socket bound to local gets what is sent to an address of its
// host: the unspecified IPv6 address takes both families.
func covers(local, addr netip.Addr) bool {
	return local == addr || local == netip.IPv6Unspecified() || local.IsUnspecified() && addr.Is4()
}

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

// Reset ends the host's connections on both sides, as a firewall between does that is
// restarted; its sockets and listeners stay.
func (h *Host) Reset() {
	h.net.mu.Lock()
	streams := slices.Collect(maps.Keys(h.streams))
	h.net.mu.Unlock()
	resetAll(streams, syscall.ECONNRESET)
}

func resetAll(streams []*stream, cause error) {
	for _, s := range streams {
		s.reset(cause)
		s.peer.reset(cause)
	}
}

func (h *Host) closeAll(cause error) {
	h.net.mu.Lock()
	socks := make([]any, 0, len(h.ports))
	for _, s := range h.ports {
		socks = append(socks, s)
	}
	streams := slices.Collect(maps.Keys(h.streams))
	h.net.mu.Unlock()
	for _, s := range socks {
		switch s := s.(type) {
		case *packetConn:
			s.Close()
		case *streamListener:
			s.Close()
		}
	}
	resetAll(streams, cause)
}

// Sockets counts what is open on the host: datagram sockets, listeners, connections.
func (h *Host) Sockets() (datagrams, listeners, connections int) {
	h.net.mu.Lock()
	streams := slices.Collect(maps.Keys(h.streams))
	for _, s := range h.ports {
		switch s.(type) {
		case *packetConn:
			datagrams++
		case *streamListener:
			listeners++
		}
	}
	h.net.mu.Unlock()
	for _, s := range streams { // one that was closed in a partition is remembered
		s.mu.Lock()
		if s.err == nil {
			connections++
		}
		s.mu.Unlock()
	}
	return datagrams, listeners, connections
}

// ListenPacket binds a UDP socket. The address may be unspecified or one of the
// host's; port 0 picks a free one.
func (h *Host) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.listenPacket(network, address)
}

func (h *Host) listenPacket(network, address string) (*packetConn, error) {
	local, err := h.parse(network, "udp", address)
	if err != nil {
		return nil, h.fail("listen", network, address, err)
	}
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
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	local, err := h.parse(network, "tcp", address)
	if err != nil {
		return nil, h.fail("listen", network, address, err)
	}
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
	local, err := h.bindFor(network, kind, laddr, remote)
	if err != nil {
		return nil, h.fail("dial", network, raddr, err)
	}
	if kind == "udp" {
		pc, err := h.ListenPacket(ctx, network, local.String())
		if err != nil {
			return nil, err
		}
		return &connectedPacket{packetConn: pc.(*packetConn), remote: remote}, nil
	}
	c, err := h.dialStream(ctx, local, remote)
	if err != nil {
		return nil, h.fail("dial", network, raddr, err)
	}
	return c, nil
}

// bindFor is the local address of a dial: the one that was asked for, or the one
// that the peer is reached from.
func (h *Host) bindFor(network, kind, laddr string, remote netip.AddrPort) (netip.AddrPort, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if laddr == "" {
		laddr = ":0"
	}
	local, err := h.parse(network, kind, laddr)
	if err != nil {
		return local, err
	}
	addr, err := h.source(local.Addr(), remote.Addr())
	return netip.AddrPortFrom(addr, local.Port()), err
}

func (h *Host) fail(op, network, address string, err error) error {
	return fmt.Errorf("simnet %s: %s %s %s: %w", h.name, op, network, address, err)
}

// parse reads a local address and checks that it is this host's to bind. Without a
// host it is the unspecified IPv6 address, as it is on a machine that has both
// families. n.mu is held.
func (h *Host) parse(network, kind, address string) (netip.AddrPort, error) {
	if network != kind && network != kind+"4" && network != kind+"6" {
		return netip.AddrPort{}, net.UnknownNetworkError(network)
	}
	if strings.HasPrefix(address, ":") {
		any := netip.IPv6Unspecified()
		if network == kind+"4" {
			any = netip.IPv4Unspecified()
		}
		address = net.JoinHostPort(any.String(), address[1:])
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return ap, err
	}
	addr := ap.Addr().Unmap()
	if !addr.IsUnspecified() && !slices.Contains(h.addrs, addr) {
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
func (h *Host) dialStream(ctx context.Context, from, remote netip.AddrPort) (net.Conn, error) {
	n := h.net
	outcome := make(chan dialOutcome, 1)
	gone := false // the dialler has given up; n.mu guards it
	n.mu.Lock()
	port, err := h.claim("tcp", from.Port())
	if err != nil {
		n.mu.Unlock()
		return nil, err
	}
	local := netip.AddrPortFrom(from.Addr(), port)
	there, back := pair{local.Addr(), remote.Addr()}, pair{remote.Addr(), local.Addr()}
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
	if there == nil {
		return dialOutcome{err: syscall.EHOSTUNREACH}
	}
	ln, _ := there.ports[portKey{"tcp", remote.Port()}].(*streamListener)
	if ln == nil || !covers(ln.local.Addr(), remote.Addr()) {
		return dialOutcome{err: syscall.ECONNREFUSED}
	}
	ours, theirs := newStreamPair(h, there, local, remote)
	if !ln.offer(theirs) {
		return dialOutcome{err: syscall.ECONNREFUSED}
	}
	h.streams[ours], there.streams[theirs] = struct{}{}, struct{}{}
	return dialOutcome{conn: ours}
}
