package sip

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"ringback/sip/message"
)

// flowEnded hears that a connection has ended.
func (r *Registration) flowEnded(flow Flow, cause error) {
	if r.flow == nil || r.flow != flow {
		return
	}
	r.because(0, fmt.Errorf("%w: %w", ErrConnectionLost, cause), "the connection to %s has ended: %v", flow.Remote(), cause)
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
