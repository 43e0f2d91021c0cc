package media

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"ringback/media/ice"
	"ringback/media/sdp"
)

// way is the ICE of a session (RFC 8445): which of the peer's addresses is the one.
// Under Session.mu; the zero value: none is spoken.
type way struct {
	agent       *ice.Agent
	started     string         // the peer's ufrag of the checks under way; empty: none are
	pair        netip.AddrPort // where the peer is; zero: not found yet
	relayed     bool           // it is reached by a TURN server
	lost        bool           // there was one, the peer's consent to it has run out, and none has been found since
	waits       *sdp.DTLS      // the handshake that begins when it is found
	offered     bool           // we made the first offer, and decide
	everStarted bool
	control     controlWay
}

// Server is a STUN or TURN server: see ice.Server.
type Server = ice.Server

// Ways are those to a peer that ICE looks for beside the direct one. RelayOnly: only those
// through TURN servers, so that the peer never learns our address.
type Ways struct {
	Servers   []Server
	RelayOnly bool
	TLS       *tls.Config // of turns:; nil: the system's authorities
}

// ErrNoRelay says that no TURN server gave a relay (yet), where only relays are used.
var ErrNoRelay = errors.New("no TURN server relays for this phone")

// openPath makes a new agent for the socket that there is, in place of the one before: at
// the beginning, and for a restart. Its credentials are drawn where none are given. sig is
// held, mu is not.
func (s *Session) openPath(ufrag, pwd string) error {
	old, err := s.swapPath(ufrag, pwd)
	s.endPath(old)
	return err
}

// swapPath is openPath that leaves the way before as it was, and returns it.
func (s *Session) swapPath(ufrag, pwd string) (old way, err error) {
	if !s.cfg.Security.ICE {
		return way{}, nil
	}
	err = s.makePath(ufrag, pwd, func(made *ice.Agent) { old = s.takePath(made) })
	return old, err
}

// takePath has an agent in place of the one before, and returns the way of that. mu is held.
func (s *Session) takePath(agent *ice.Agent) (old way) {
	old = s.path
	s.path = way{agent: agent, offered: old.offered, everStarted: old.everStarted, lost: old.lost}
	return old
}

// makePath makes an agent and gives it to use, under mu.
func (s *Session) makePath(ufrag, pwd string, use func(*ice.Agent)) error {
	// The agent may have something to tell before it is known here.
	known := make(chan struct{})
	var made *ice.Agent
	agent := func() *ice.Agent { <-known; return made }
	defer close(known)
	made, err := ice.New(ice.Config{Local: netip.AddrPortFrom(s.cfg.PublicIP, s.port.Port()),
		Send: s.sendCheck(false), Ufrag: ufrag, Pwd: pwd,
		Selected: func(p ice.Pair) { s.pathFound(agent(), p) },
		Failed:   func(err error) { s.pathFailed(agent(), err) },
		Servers:  s.cfg.Ways.Servers, RelayOnly: s.cfg.Ways.RelayOnly, Reach: s.engine.reach(s.cfg.LocalIP, s.cfg.Ways.TLS),
		Gathered: func(err error) { s.pathGathered(agent(), err) },
		Received: func(b []byte) { s.fromRelay(agent(), b) }})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		s.engine.tasks.Go(made.Close)
		return ErrClosed
	}
	use(made)
	return nil
}

// nextPath is an agent that has been made for an offer that is not answered yet. Under
// Session.mu; the zero value: there is none.
type nextPath struct {
	agent *ice.Agent
	ufrag string // the offer's
}

// answered gives it what its STUN servers say.
func (p *nextPath) answered(b []byte) bool {
	return p.agent != nil && len(b) > 0 && b[0] <= 3 && p.agent.Answered(b)
}

// Gather says that an offer of the peer's restarts ICE and that STUN and TURN servers have
// to be asked for it, or are being asked: AcceptOffer then is to wait for the next
// PathGathered, which comes within some seconds. Called before that, it answers with the
// addresses that are known, or refuses where only relays are used.
func (s *Session) Gather(remote []byte) bool {
	s.sig.Lock()
	defer s.sig.Unlock()
	offer, err := sdp.ParseOffer(remote)
	if err != nil || len(s.cfg.Ways.Servers) == 0 {
		return false
	}
	s.mu.Lock()
	restarts, next, path := !s.closed && s.restartsPath(offer), s.next, s.path
	s.mu.Unlock()
	switch {
	case path.agent != nil && path.everStarted && path.started == "" && offer.ICEUfrag() != "": // RestartPath, or Move, has begun it
		done, _ := path.agent.Gathered()
		return !done
	case !restarts:
		return false
	case next.agent != nil && next.ufrag == offer.ICEUfrag():
		done, _ := next.agent.Gathered()
		return !done
	}
	err = s.makePath("", "", func(made *ice.Agent) {
		s.dropNext()
		s.next = nextPath{agent: made, ufrag: offer.ICEUfrag()}
	})
	return err == nil
}

// Ungather lets go of what Gather has begun: the peer has taken its offer back.
func (s *Session) Ungather() {
	s.sig.Lock()
	defer s.sig.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropNext()
}

// dropNext ends the agent that was made for an offer. mu is held.
func (s *Session) dropNext() {
	s.endPath(way{agent: s.next.agent})
	s.next = nextPath{}
}

// restartsPath says that an offer restarts ICE (RFC 8839 section 4.4.1.1.1). mu is held.
func (s *Session) restartsPath(offer *sdp.Offer) bool {
	return s.path.started != "" && offer.ICEUfrag() != "" && offer.ICEUfrag() != s.path.started
}

// closePath ends the agents. mu is held.
func (s *Session) closePath() {
	s.closeControl()
	s.dropNext()
	s.endPath(s.path)
	s.path.agent = nil
}

// endPath ends the agents of a way beside: their goroutines may wait for mu.
func (s *Session) endPath(w way) {
	for _, agent := range []*ice.Agent{w.agent, w.control.agent} {
		if agent != nil {
			s.engine.tasks.Go(agent.Close)
		}
	}
}

// PathGathered says that all addresses that ICE offers are there, and why servers gave
// none. Without servers it is always so.
func (s *Session) PathGathered() (bool, error) {
	s.mu.Lock()
	agent := s.path.agent
	s.mu.Unlock()
	if agent == nil {
		return true, nil
	}
	return agent.Gathered()
}

// ourPath is what our SDP says of ICE, and the address of its line.
func (s *Session) ourPath() (*sdp.ICE, netip.AddrPort, error) {
	s.mu.Lock()
	agent, address, control := s.path.agent, netip.AddrPortFrom(s.cfg.PublicIP, s.port.Port()), s.controlCandidates()
	s.mu.Unlock()
	if agent == nil {
		return nil, address, nil
	}
	ufrag, pwd := agent.Credentials()
	lines, standard := agent.Candidates()
	if !standard.IsValid() {
		done, why := agent.Gathered()
		switch {
		case !done:
			return nil, address, fmt.Errorf("%w: none has answered yet", ErrNoRelay)
		case why != nil:
			return nil, address, fmt.Errorf("%w: %w", ErrNoRelay, why)
		}
		return nil, address, ErrNoRelay
	}
	return &sdp.ICE{Ufrag: ufrag, Pwd: pwd, Candidates: lines, Control: control}, standard, nil
}

// restartPath makes a new agent when an offer restarts ICE, or takes the one that Gather has
// made for it. settle says whether the offer was taken: otherwise the way is the one before,
// whose checks go on (RFC 3261 section 14.1).
func (s *Session) restartPath(offer *sdp.Offer) (settle func(taken bool), err error) {
	s.mu.Lock()
	restarts, old, taken := s.restartsPath(offer), way{}, false
	if restarts && s.next.agent != nil && s.next.ufrag == offer.ICEUfrag() {
		old, taken = s.takePath(s.next.agent), true
		s.next = nextPath{}
	}
	s.dropNext()
	s.mu.Unlock()
	if !restarts {
		return func(bool) {}, nil
	}
	if !taken {
		old, err = s.swapPath("", "")
	}
	return func(taken bool) {
		s.mu.Lock()
		if !taken && !s.closed {
			old, s.path = s.path, old
		}
		s.mu.Unlock()
		s.endPath(old)
	}, err
}

// leavePath ends the checks when the peer does not speak ICE any more: what is sent goes to
// where its SDP says. The credentials stay, in case that it comes back to it: it may not know
// that it ever left it, but for somebody on the way.
func (s *Session) leavePath(n *sdp.Negotiated) {
	s.mu.Lock()
	agent, left := s.path.agent, n.ICE == nil && s.path.started != "" && n.Remote.IsValid()
	s.mu.Unlock()
	if agent == nil || !left {
		return
	}
	if err := s.openPath(agent.Credentials()); err != nil {
		s.log.Warn("no ICE any more in this call", "error", err)
		s.mu.Lock()
		s.closePath()
		s.path = way{}
		s.mu.Unlock()
	}
}

// restartFor makes a new agent when an answer is of another far end than the checks under
// way: of a second fork of our INVITE (RFC 3261 section 13.2.2.4), whose checks come to the
// same socket with the credentials that our one offer told them both. A relay of ours is
// another one then; who is sent to from it learns that from the checks.
func (s *Session) restartFor(n *sdp.Negotiated) error {
	s.mu.Lock()
	agent, other := s.path.agent, n.ICE != nil && s.path.started != "" && n.ICE.Ufrag != s.path.started
	s.mu.Unlock()
	if agent == nil || !other {
		return nil
	}
	return s.openPath(agent.Credentials())
}

// walk begins the checks that were agreed on, and returns where to send meanwhile.
func (s *Session) walk(n *sdp.Negotiated, offered bool) netip.AddrPort {
	p := &s.path
	if n.ICE == nil || p.agent == nil {
		s.pathIsBack()
		return n.Remote
	}
	if !p.everStarted {
		p.offered, p.everStarted = offered, true
	}
	if p.started == "" {
		p.started = n.ICE.Ufrag
		p.agent.Start(farEnd(n.ICE), p.offered)
	}
	if p.lost || n.Sought || n.Remote.IsValid() && (p.pair.IsValid() || s.cfg.Ways.RelayOnly) {
		return p.pair // by a relay only, with no address named, or after a loss: nowhere before it is found
	}
	return n.Remote
}

// farEnd is what an agent needs to know of the peer.
func farEnd(i *sdp.ICE) ice.Remote {
	return ice.Remote{Ufrag: i.Ufrag, Pwd: i.Pwd, Candidates: i.Candidates, Lite: i.Lite}
}

// isCheck gives the agent of a port what is STUN (RFC 7983 section 7).
func isCheck(agent *ice.Agent, b []byte, from netip.AddrPort) bool {
	if agent == nil || len(b) == 0 || b[0] > 3 {
		return false
	}
	agent.Receive(b, from)
	return true
}

// pathGathered tells it.
func (s *Session) pathGathered(agent *ice.Agent, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if (s.path.agent == agent || s.next.agent == agent) && !s.closed {
		s.out.add(PathGathered{Err: err})
	}
}

// pathFound sends there from now on, and begins the handshake that waited for it.
func (s *Session) pathFound(agent *ice.Agent, to ice.Pair) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path.agent != agent || s.closed {
		return
	}
	s.path.pair, s.path.relayed = to.Remote, to.Relayed
	s.link.source.expect(to.Remote, false, time.Now())
	s.pathIsBack()
	if d := s.path.waits; d != nil {
		s.path.waits = nil
		s.shakeHands(d, false)
	}
}

// Move opens a pair of ports on another address of ours, in place of those that the
// session has: the machine is in another network. Packets leave from there at once;
// the peer knows where to send when the next offer or answer has named it. Where it
// sends from is learned anew: the way to it is another one. The session stays as it
// is when that fails. ErrNoPorts, ErrClosed.
func (s *Session) Move(ip netip.Addr) error {
	s.sig.Lock()
	defer s.sig.Unlock()
	if err := s.move(ip); err != nil {
		return err
	}
	return s.openPath("", "")
}

func (s *Session) move(ip netip.Addr) error {
	e := s.engine
	ports, err := e.ports.listen(context.Background(), e.cfg.Network, ip, s.cfg.Ports)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_, _ = ports.rtp.Close(), ports.rtcp.Close()
		e.ports.free(ports.local)
		return fmt.Errorf("move media session: %w", ErrClosed)
	}
	s.closeSockets()
	s.dropNext()
	s.cfg.LocalIP, s.cfg.PublicIP = ip, ip
	s.useSockets(ports)
	s.link.source.unlock(time.Now())
	return nil
}
