package media

import (
	"net/netip"

	"ringback/media/ice"
	"ringback/media/sdp"
)

// controlWay is the ICE of RTCP where that has a port of its own (RFC 8445 section 13:
// component 2). Under Session.mu; the zero value: none is spoken.
type controlWay struct {
	agent *ice.Agent
	ufrag string         // the peer's of the checks under way
	pair  netip.AddrPort // where the peer takes RTCP; zero: not found yet, or never
}

// ownControl says that RTCP may go by a port of its own: by none where a relay is the only
// way, nor where its keys would be others (RFC 5764 section 4.1.2).
func (s *Session) ownControl() bool {
	return !s.cfg.Ways.RelayOnly && (s.cfg.Security.Encryption == sdp.EncryptionOff || s.cfg.Security.Keying != sdp.KeyingDTLS)
}

// controlCandidates are the values of our a=candidate lines of RTCP. mu is held.
func (s *Session) controlCandidates() []string {
	if !s.ownControl() {
		return nil
	}
	return []string{ice.Host(s.controlAddress(), true)}
}

// controlAddress is that of our port of RTCP.
func (s *Session) controlAddress() netip.AddrPort {
	return netip.AddrPortFrom(s.cfg.PublicIP, s.port.Port()+1)
}

// openControl begins the checks of the port of RTCP where the peer does not take it on the
// one of RTP. That they find nothing costs reports and not the call: they go to where the
// SDP says, as without ICE. sig is held, mu is not.
func (s *Session) openControl(n *sdp.Negotiated) {
	s.mu.Lock()
	main, offered := s.path.agent, s.path.offered
	begun := s.path.control.agent != nil && n.ICE != nil && s.path.control.ufrag == n.ICE.Ufrag
	s.mu.Unlock()
	if n.ICE == nil || n.RTCPMux || main == nil || begun || !s.ownControl() {
		return
	}
	ufrag, pwd := main.Credentials()
	var made *ice.Agent // tells nothing before it is started
	made, err := ice.New(ice.Config{Control: true, Ufrag: ufrag, Pwd: pwd, Local: s.controlAddress(), Send: s.sendCheck(true),
		Selected: func(p ice.Pair) { s.controlFound(made, p.Remote) }, Failed: func(error) {}})
	if err != nil {
		s.engine.log.Warn("no ICE for RTCP", "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeControl()
	if s.closed || s.path.agent != main {
		s.engine.tasks.Go(made.Close)
		return
	}
	s.path.control = controlWay{agent: made, ufrag: n.ICE.Ufrag}
	made.Start(farEnd(n.ICE), offered)
}

// closeControl ends the agent beside: its goroutines may wait for mu.
func (s *Session) closeControl() {
	if old := s.path.control.agent; old != nil {
		s.engine.tasks.Go(old.Close)
	}
	s.path.control = controlWay{}
}

// controlFound has RTCP go there from now on.
func (s *Session) controlFound(agent *ice.Agent, to netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.path.control.agent != agent || s.closed {
		return
	}
	s.path.control.pair = to
	if !s.link.mux {
		s.link.rtcpTo = to
	}
}
