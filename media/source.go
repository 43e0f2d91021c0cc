package media

import (
	"net/netip"
	"time"
)

// relearnAfter is how long a learned source must have been silent before the same
// SDP, told again, has another one learned.
const relearnAfter = time.Second

// source is where the peer's packets come from. Without NAT mode that is what
// its SDP says and nothing else. With NAT mode another address is learned once,
// from two packets in sequence of an agreed payload type, and then locked; only
// a new address by signalling opens it again (RFC 7362 section 4), or a packet from
// where the SDP says: who was quicker than the peer itself was a stranger.
type source struct {
	nat      bool
	sdp      netip.AddrPort
	locked   netip.AddrPort
	learned  bool // locked is not what the SDP says
	last     time.Time
	cand     netip.AddrPort
	candNext uint16
}

// verdict is what admit says of a packet.
type verdict uint8

const (
	stranger verdict = iota
	known
	newlyLocked
)

// expect sets what the SDP says. The same address again changes nothing, unless
// the peer has been silent since.
func (s *source) expect(addr netip.AddrPort, nat bool, now time.Time) {
	s.nat = nat
	if addr == s.sdp && (!s.learned || now.Sub(s.last) < relearnAfter) {
		return
	}
	if !addr.IsValid() || addr.Addr().IsUnspecified() {
		s.sdp = netip.AddrPort{} // held in the old way: nothing is sent, the source stays
		return
	}
	if s.locked == addr {
		s.sdp, s.learned = addr, false
		return
	}
	s.nat, s.sdp = nat, addr
	s.unlock(now)
}

// unlock forgets where the peer sends from.
func (s *source) unlock(now time.Time) { *s = source{nat: s.nat, sdp: s.sdp, last: now} }

// target is where to send; zero: nowhere.
func (s *source) target() netip.AddrPort {
	if !s.sdp.IsValid() {
		return netip.AddrPort{}
	}
	if s.locked.IsValid() {
		return s.locked
	}
	return s.sdp
}

// admit judges a packet by where it came from. wellFormed says that its payload
// type was agreed on.
func (s *source) admit(from netip.AddrPort, seq uint16, wellFormed bool, now time.Time) verdict {
	switch {
	case s.locked.IsValid() && from == s.locked:
		s.last = now
		return known
	case from == s.sdp && (!s.locked.IsValid() || s.learned):
		s.lock(from, false, now)
		return newlyLocked
	case s.locked.IsValid() || !s.nat || !wellFormed || !s.sdp.IsValid():
		return stranger
	case s.cand == from && s.candNext == seq:
		s.lock(from, true, now)
		return newlyLocked
	}
	s.cand, s.candNext = from, seq+1
	return stranger
}

// strange says that admit would call a packet from there a stranger's whatever it
// is: nothing else of it need be looked at.
func (s *source) strange(from netip.AddrPort) bool {
	return s.locked.IsValid() && from != s.locked && (from != s.sdp || !s.learned)
}

func (s *source) lock(from netip.AddrPort, learned bool, now time.Time) {
	s.locked, s.learned, s.last = from, learned, now
	s.cand = netip.AddrPort{}
}

// isPeer says whether control packets from this address are the peer's: its SDP
// named it, or it is the host that was locked.
func (s *source) isPeer(from, named netip.AddrPort) bool {
	return from == named || (s.learned && s.locked.IsValid() && from.Addr() == s.locked.Addr())
}
