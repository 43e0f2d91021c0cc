package sip

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"time"

	"ringback/sip/message"
)

const (
	watchEvery = 5 * time.Second // between looks at the clocks and at our own address
	jumpOver   = 5 * time.Second // by which the clocks may differ before it is a jump
)

// startWatch looks every few seconds whether the machine slept (its two clocks
// went apart) or moved to another network.
func (r *Registration) startWatch() {
	r.wall, r.mono = r.ua.cfg.WallClock(), r.ua.loop.Now()
	r.watch = r.ua.loop.After(watchEvery, r.look)
}

func (r *Registration) look() {
	u := r.ua
	// Round strips the monotonic reading: a wall clock must not stand still with it.
	wall := u.cfg.WallClock()
	jump := wall.Round(0).Sub(r.wall.Round(0)) - u.loop.Now().Sub(r.mono)
	r.startWatch()
	if jump > jumpOver || jump < -jumpOver {
		u.count.add("register.clock_jumps")
		u.log.Info("the clock has jumped", "by", jump)
		r.jumped(wall)
		return
	}
	if was := r.source; was != "" && (r.state == regBound || r.state == regHolding || r.state == regWaiting) {
		if now := r.sourceNow(); now != "" && now != was {
			u.count.add("register.address_changes")
			u.log.Info("our address has changed", "from", was, "to", now)
			r.source = now
			r.moved()
		}
	}
}

// jumped deals with a sleep: connections are dead by now, and the binding may
// have run out without the timers having seen it.
func (r *Registration) jumped(wall time.Time) {
	if r.flow != nil && r.flow.Reliable() {
		flow := r.flow
		r.because(0, "the machine slept, or its clock was set")
		r.happen(regFlowLost)
		r.ua.transport.CloseFlow(flow)
		r.happen(regDoubt) // no pause: it was not the PBX's fault
		return
	}
	if e := r.status.Expires; !e.IsZero() && !e.After(wall) {
		r.because(0, "the binding ran out while the machine slept")
		r.happen(regExpired)
		return
	}
	r.happen(regDoubt)
}

// moved registers from the new address; a connection from the old one is closed.
func (r *Registration) moved() {
	if r.flow != nil && r.flow.Reliable() {
		flow := r.flow
		r.because(0, "our own address has changed")
		r.happen(regFlowLost)
		r.ua.transport.CloseFlow(flow)
	}
	r.happen(regMoved)
}

// sourceNow is our address towards the registrar; empty when it is fixed by the
// listener, or not known.
func (r *Registration) sourceNow() string {
	if !r.server.Addr.IsValid() {
		return ""
	}
	if bound := r.ua.listening[r.server.Transport]; bound.IsValid() && !bound.Addr().IsUnspecified() {
		return ""
	}
	at, err := r.ua.cfg.SourceFor(r.server.Addr)
	if err != nil {
		return ""
	}
	return at.String()
}

// sourceFor asks the network which of our addresses it would use: to connect a
// UDP socket sends nothing and does not block.
func sourceFor(n DNSNetwork) func(netip.AddrPort) (netip.Addr, error) {
	return func(remote netip.AddrPort) (netip.Addr, error) {
		conn, err := n.Dial(context.Background(), "udp", "", remote.String())
		if err != nil {
			return netip.Addr{}, err
		}
		defer func() { _ = conn.Close() }()
		if at, ok := conn.LocalAddr().(*net.UDPAddr); ok {
			return at.AddrPort().Addr().Unmap(), nil
		}
		at, err := netip.ParseAddrPort(conn.LocalAddr().String())
		return at.Addr().Unmap(), err
	}
}

// flowEnded hears that a connection has ended.
func (r *Registration) flowEnded(flow Flow, cause error) {
	if r.flow == nil || r.flow != flow {
		return
	}
	r.because(0, "the connection to %s has ended: %v", flow.Remote(), cause)
	r.happen(regFlowLost)
}

// publicOf is how the registrar saw us: received and rport of the top Via (RFC
// 3581 4).
func publicOf(res *message.Response) (netip.AddrPort, bool) {
	via, err := message.TopVia(res)
	if err != nil {
		return netip.AddrPort{}, false
	}
	host, port := via.Host, via.Port
	if v := via.Params.Value("received"); v != "" {
		host = v
	}
	if n, err := strconv.ParseUint(via.Params.Value("rport"), 10, 16); err == nil && n != 0 {
		port = uint16(n)
	}
	at, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(at.Unmap(), port), port != 0
}

// learnPublic notes the address that a NAT gave us on the way to the registrar.
// Over UDP our Contact then names it, from a registration that follows at once; a
// NAT that gives another address each time is followed once a minute.
func (r *Registration) learnPublic(res *message.Response, flow Flow) {
	u := r.ua
	seen, ok := publicOf(res)
	if flow.Reliable() || !ok || seen.Addr().IsUnspecified() {
		return
	}
	own, _ := u.localAddr(r.account, flow)
	now, mapped := u.public[r.account]
	if !mapped {
		now = own
	}
	if seen == now || !r.remapped.IsZero() && u.loop.Now().Sub(r.remapped) < time.Minute {
		return
	}
	if seen == own {
		delete(u.public, r.account)
	} else {
		u.public[r.account] = seen
	}
	r.remapped = u.loop.Now()
	u.count.add("register.public_changes")
	u.loop.After(0, func() { r.happen(regDoubt) })
}
