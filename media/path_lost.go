package media

import (
	"fmt"
	"net/netip"
	"time"

	"ringback/media/ice"
)

// pathFailed tells it, unless the peer is heard though it answers no check. To a peer whose
// consent has run out nothing goes any more (RFC 7675 section 5.1); what comes from it is
// still heard.
func (s *Session) pathFailed(agent *ice.Agent, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &s.path
	if p.agent != agent || s.closed {
		return
	}
	if p.pair.IsValid() {
		p.pair, p.relayed, p.lost = netip.AddrPort{}, false, true
		s.isTrouble(PathLost, 0) // at once: another way may be found before the next look
		s.link.source.expect(netip.AddrPort{}, false, time.Now())
	}
	heard := !p.lost && p.waits == nil && s.link.source.locked.IsValid()
	if !heard {
		s.out.add(PathFailed{Err: err, Lost: p.lost})
	}
}

// pathIsBack ends a loss. mu is held.
func (s *Session) pathIsBack() {
	if s.path.lost {
		s.path.lost = false
		s.out.add(PathFound{})
	}
}

// RestartPath makes new credentials and asks STUN and TURN servers anew, so that the next
// CreateOffer restarts ICE (RFC 8445 section 9): when PathGathered says that the addresses
// are there. It does nothing in a session without ICE. ErrOfferPending while an offer of
// ours is open, which names the credentials of now; ErrClosed.
func (s *Session) RestartPath() error {
	s.sig.Lock()
	defer s.sig.Unlock()
	switch {
	case s.isClosed():
		return fmt.Errorf("restart ICE: %w", ErrClosed)
	case s.offer != nil:
		return fmt.Errorf("restart ICE: %w", ErrOfferPending)
	}
	if err := s.openPath("", ""); err != nil {
		return fmt.Errorf("restart ICE: %w", err)
	}
	return nil
}
