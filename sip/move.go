package sip

import (
	"context"
	"net/netip"
	"time"

	"ringback/sip/message"
	"ringback/sip/transport"
)

const (
	watchEvery = 2 * time.Second // between looks at the clocks and at our own addresses
	jumpOver   = 5 * time.Second // by which the clocks may differ before it is a jump
)

// startWatch looks every few seconds whether the machine slept (its two clocks
// went apart) or moved to another network. The first call counts.
func (u *UA) startWatch() {
	if u.watch == nil {
		u.watchAgain()
	}
}

func (u *UA) watchAgain() {
	u.wall, u.mono = u.cfg.WallClock(), u.loop.Now()
	u.watch = u.loop.After(watchEvery, u.look)
}

func (u *UA) look() {
	// Round strips the monotonic reading: a wall clock must not stand still with it.
	wall := u.cfg.WallClock()
	jump := wall.Round(0).Sub(u.wall.Round(0)) - u.loop.Now().Sub(u.mono)
	u.watchAgain()
	if jump > jumpOver || jump < -jumpOver {
		u.count.add("register.clock_jumps")
		u.log.Info("the clock has jumped", "by", jump)
		for _, r := range append([]*Registration{}, u.registrations...) {
			r.jumped(wall)
		}
	}
	u.lookForMoves()
}

// lookForMoves finds what was told to the other side under an address that is not
// ours towards it any more, and tells it anew: bindings by a REGISTER, calls by the
// target refresh of their next re-INVITE (RFC 3261 12.2.1.1), which their handler
// sends, because it knows where the media come in.
func (u *UA) lookForMoves() {
	var bindings []*Registration
	for _, r := range u.registrations {
		if now := u.sourceFor(r.towards()); now != r.source {
			u.log.Info("our address has changed", "from", r.source, "to", now)
			r.source = now
			bindings = append(bindings, r)
		}
	}
	var calls []*Session
	for s := range u.sessions {
		if s.hasMoved() {
			calls = append(calls, s)
		}
	}
	if len(bindings)+len(calls) == 0 {
		return
	}
	u.count.add("address_changes")
	u.transport.ForgetSources()
	u.locator.forget()
	clear(u.public)
	u.leaveGone()
	for _, r := range bindings {
		r.moved()
	}
	for _, s := range calls {
		s.moved()
	}
}

// peerAddr is a peer and the transport that it is reached by.
type peerAddr struct {
	kind string
	addr netip.AddrPort
}

// sourceFor is our address towards a peer now; the zero Addr when there is no way
// to it, or when our listener has a fixed one.
func (u *UA) sourceFor(p peerAddr) netip.Addr {
	if u.fixed(p.kind) || !p.addr.IsValid() {
		return netip.Addr{}
	}
	at, err := u.transport.SourceFor(p.addr)
	if err != nil {
		return netip.Addr{}
	}
	return at
}

// fixed says that we listen on one address only.
func (u *UA) fixed(kind string) bool {
	bound, ok := u.listening[kind]
	return ok && !bound.Addr().IsUnspecified()
}

// localFor is where a connection leaves from when our listener has a fixed address:
// from there too, because our Contact says so.
func (u *UA) localFor(t transport.Target) netip.AddrPort {
	for _, kind := range []string{t.Transport, "TCP"} {
		at := u.listening[kind].Addr()
		if t.Transport != "UDP" && u.fixed(kind) && at.Is4() == t.Addr.Addr().Is4() {
			return netip.AddrPortFrom(at, 0)
		}
	}
	return netip.AddrPort{}
}

// LocalTo is our own address as the account's PBX reaches it now, for the media of
// a call to it; an error when there is no way to it. Loop goroutine.
func (u *UA) LocalTo(a *Account) (netip.Addr, error) {
	kind := u.way(a)
	if u.fixed(kind) {
		return u.listening[kind].Addr(), nil
	}
	if of := u.bindings[a]; len(of) > 0 {
		return u.transport.SourceFor(of[0].towards().addr)
	}
	return u.transport.SourceFor(u.pbx(a))
}

// pbx is where an account's requests go first, as far as it is known without a
// question to the DNS; else an address that stands for any other (RFC 5737, 3849):
// nothing is ever sent to it.
func (u *UA) pbx(a *Account) netip.AddrPort {
	host := registrarOf(a).Host
	if a.Proxy != nil {
		host = a.Proxy.Host
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), 5060)
	}
	elsewhere := netip.MustParseAddrPort("192.0.2.1:5060")
	if _, err := u.transport.SourceFor(elsewhere); err != nil {
		return netip.MustParseAddrPort("[2001:db8::1]:5060")
	}
	return elsewhere
}

// leaveGone closes the connections that were made from addresses that we have not
// got any more: nothing comes over them, and nobody would say so for minutes.
func (u *UA) leaveGone() {
	ours := map[netip.Addr]bool{}
	for _, flow := range u.transport.Flows() {
		at := flow.Local().Addr()
		have, asked := ours[at]
		if !asked {
			have = u.have(at)
			ours[at] = have
		}
		if !have {
			u.transport.CloseFlow(flow)
		}
	}
}

// noWay says that no address of ours leads to the registrar.
func (r *Registration) noWay() bool {
	p := r.towards()
	return !r.ua.fixed(p.kind) && !r.ua.sourceFor(p).IsValid()
}

// have says that an address is ours: a socket can be bound to it.
func (u *UA) have(at netip.Addr) bool {
	conn, err := u.cfg.Network.ListenPacket(context.Background(), "udp", netip.AddrPortFrom(at, 0).String())
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// towards is the registrar, or where it is looked for as long as none has answered.
func (r *Registration) towards() peerAddr {
	if r.server.Addr.IsValid() {
		return peerAddr{r.server.Transport, r.server.Addr}
	}
	return peerAddr{r.ua.way(r.account), r.ua.pbx(r.account)}
}

// jumpPatience is for a sign of life on a connection after the clock jumped.
const jumpPatience = 2 * time.Second

// jumped deals with a sleep, or a clock that was set. After a sleep connections are
// mostly dead, and nothing says so; where one is alive the calls on it go on.
func (r *Registration) jumped(wall time.Time) {
	flow := r.flow
	if flow == nil || !flow.Reliable() {
		r.overslept(wall)
		return
	}
	r.question(flow, jumpPatience, func(_ time.Duration, err error) {
		switch {
		case r.flow != flow:
		case err == nil:
			r.overslept(r.ua.cfg.WallClock())
		default:
			r.because(0, ErrClockJumped, "the machine slept, or its clock was set")
			r.happen(regFlowLost)
			r.ua.transport.CloseFlow(flow)
			r.happen(regDoubt) // no pause: it was not the PBX's fault
		}
	})
}

// overslept: the binding may have run out without the timers having seen it.
func (r *Registration) overslept(wall time.Time) {
	if e := r.status.Expires; !e.IsZero() && !e.After(wall) {
		r.because(0, ErrClockJumped, "the binding ran out while the machine slept")
		r.happen(regExpired)
		return
	}
	r.happen(regDoubt)
}

// moved registers from the new address; a connection from the old one is closed, and
// what is out is forgotten: its answer goes to where we were (RFC 3261 10.2 would
// have us wait until it times out).
func (r *Registration) moved() {
	r.remapped = time.Time{}
	if r.out != nil && r.state != regLeaving {
		r.out.mute()
		r.out, r.again = nil, false
	}
	if r.flow != nil && r.flow.Reliable() {
		flow := r.flow
		if r.because(0, nil, "our own address has changed"); !r.source.IsValid() {
			r.because(0, ErrNoWay, "this machine has left its network")
		}
		r.happen(regFlowLost)
		r.ua.transport.CloseFlow(flow)
	}
	r.away = false // it was we who went away; the calls ask by telling of the move
	r.happen(regMoved)
}

// contact is our Contact in the messages that begin a call; it notes where the far
// end is told that we are. Later ones do not count: the media of a call stay where
// they were until its handler has heard of a move.
func (s *Session) contact(flow Flow) string {
	s.told = flow.Local().Addr()
	return s.ua.contact(s.account, flow)
}

// hasMoved reports whether our address towards the far end is not the one that it
// was told, and notes the new one. Without any there is nothing to tell.
func (s *Session) hasMoved() bool {
	flow := s.towards()
	if flow == nil || !s.told.IsValid() {
		return false
	}
	now := s.ua.sourceFor(peerAddr{flow.Transport(), flow.Remote()})
	if !now.IsValid() || now == s.told {
		return false
	}
	s.told = now
	return true
}

// towards is the way to the far end; nil while there is none that a change of our
// address matters to: a call that rings here is answered from wherever we are then.
func (s *Session) towards() Flow {
	switch {
	case s.phase == phaseConfirmed:
		return s.dialog.flow
	case s.phase == phaseAnswered:
		return s.in.flow
	case (s.phase == phaseProceeding || s.phase == phaseEarly) && s.out.exchange != nil && s.out.exchange.client != nil:
		return s.out.exchange.client.Flow()
	}
	return nil
}

// moved tells a call's handler of our new address. A call out that is not answered
// yet ends: its answer would go to the old address, and whoever takes it would hear
// nobody.
func (s *Session) moved() {
	switch s.phase {
	case phaseProceeding, phaseEarly:
		s.cause = Cause{Kind: CauseNetwork, Reason: ErrMoved.Error(), Err: ErrMoved}
		_ = s.Hangup(ReasonHeader{Protocol: "SIP", Cause: 487, Text: "the caller's address has changed"})
		return
	case phaseAnswered:
		message.Set(s.in.final, "Contact", s.contact(s.in.flow)) // its repetitions say where the ACK can go
	}
	s.changeLost()
	s.emit(AddressChanged{Local: s.told})
}

// changeLost gives up a re-INVITE or UPDATE of ours whose answer goes to the address
// that we had. The far end may wait for the ACK of its 2xx: it gets one unseen.
func (s *Session) changeLost() {
	c := s.re.client
	if c == nil {
		return
	}
	c.out.mute()
	s.ackChange(c, nil)
	s.settle(c)
	if c.refresh {
		s.refreshFailed()
		return
	}
	s.emit(OfferRefused{Code: 408, Reason: "our own address has changed", Overtaken: true})
}
