package sdp

import (
	"net/netip"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"
)

// ICE is what a side says for ICE (RFC 8839 section 5).
type ICE struct {
	Ufrag, Pwd string
	Candidates []string // values of a=candidate
	Control    []string // of ours, those of RTCP, which are said as long as it may need a port of its own; a peer's are among Candidates
	Lite       bool
}

const maxICECandidates = 64 // of one m= line

// readICE reads what one level says; a ufrag or a password that RFC 8839 section 5.4
// does not allow is none.
func readICE(attributes []pion.Attribute) ICE {
	var i ICE
	for _, a := range attributes {
		switch a.Key {
		case "ice-ufrag":
			if len(a.Value) >= 4 && len(a.Value) <= 256 {
				i.Ufrag = a.Value
			}
		case "ice-pwd":
			if len(a.Value) >= 22 && len(a.Value) <= 256 {
				i.Pwd = a.Value
			}
		case "ice-lite":
			i.Lite = true
		case "candidate":
			if len(i.Candidates) < maxICECandidates {
				i.Candidates = append(i.Candidates, a.Value)
			}
		}
	}
	return i
}

func (i ICE) within(session ICE) ICE {
	if i.Ufrag == "" {
		i.Ufrag, i.Pwd = session.Ufrag, session.Pwd
	}
	i.Lite = i.Lite || session.Lite
	return i
}

// destinations are the addresses of RTP candidates by UDP.
func (i ICE) destinations() []netip.AddrPort {
	var list []netip.AddrPort
	for _, c := range i.Candidates {
		f := strings.Fields(c)
		if len(f) < 8 || f[1] != "1" || !strings.EqualFold(f[2], "udp") {
			continue
		}
		ip, err := netip.ParseAddr(f[4])
		port, bad := strconv.ParseUint(f[5], 10, 16)
		if err == nil && bad == nil && port > 0 {
			list = append(list, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
		}
	}
	return list
}

// readPath adds ICE to a line. A browser's line goes nowhere (0.0.0.0, port 9) until its
// candidates are tried; the first of them stands in.
func (s *stream) readPath(m, session []pion.Attribute) {
	s.ice = readICE(m).within(readICE(session))
	if to := s.ice.destinations(); len(to) > 0 && s.ice.Ufrag != "" && s.nowhere() {
		s.address.ip, s.port = to[0].Addr(), to[0].Port()
	}
}

// nowhere says that a line goes to no address (yet): its candidates come later, or are names
// that only a browser's own network knows. With ICE that is no hold, and no failure: the
// checks of the peer show where it is (RFC 8839 section 4.2.5, RFC 8840 section 4.1.1).
func (s *stream) nowhere() bool { return s.address.ip.IsUnspecified() && s.port == 9 }

// mismatch says that the line's default address is none of its candidates: somebody on
// the way has changed it, and ICE would go past him (RFC 8839 section 5.3.2).
func (s *stream) mismatch() bool {
	list := s.ice.destinations()
	for _, d := range list {
		if d.Addr() == s.address.ip.Unmap() && d.Port() == s.port {
			return false
		}
	}
	return len(list) > 0
}

// paths says that both sides speak ICE on a line.
func (c *Capabilities) paths(s *stream) bool {
	return c.ICE != nil && s.ice.Ufrag != "" && s.ice.Pwd != "" && !s.mismatch()
}

// answerPath is can with the ICE, the mid and the group of an answer.
func (n *Negotiated) answerPath(s *stream, group string, can Capabilities) Capabilities {
	can.mid = s.mid
	if s.mid != "" && inGroup(group, s.mid) {
		can.group = "BUNDLE " + s.mid
	}
	switch {
	case can.paths(s):
		n.ICE, can.ice, can.ownControl = &s.ice, can.ICE, !n.RTCPMux
	case can.ICE != nil && s.ice.Ufrag != "" && s.mismatch():
		can.mismatch = true
	}
	return can
}

// lacksPath is why nothing can be sent where ICE is the only way.
func (n *Negotiated) lacksPath(only bool) *Refusal {
	switch {
	case !only || n.Rejected:
	case n.ICE == nil:
		return unacceptable(warnOther, "no ICE: the media of this phone goes through a TURN server only (media.ice_policy: relay)")
	case !n.RTCPMux:
		return unacceptable(warnOther, "no rtcp-mux: the media of this phone goes through one relay of a TURN server only (media.ice_policy: relay)")
	}
	return nil
}

// inGroup says that a=group bundles a line (RFC 9143).
func inGroup(group, mid string) bool {
	words := strings.Fields(group)
	for _, w := range words[min(1, len(words)):] {
		if words[0] == "BUNDLE" && w == mid {
			return true
		}
	}
	return false
}

func groupOf(attributes []pion.Attribute) string {
	for _, a := range attributes {
		if a.Key == "group" && strings.HasPrefix(a.Value, "BUNDLE") {
			return a.Value
		}
	}
	return ""
}

// offerPath is can with the ICE, the mid and the group of an offer.
func (l *Local) offerPath(can Capabilities) Capabilities {
	if can.ICE == nil {
		return can
	}
	if can.mid = "0"; l.agreed {
		can.mid = l.streams[l.audio].mid
	}
	if can.mid != "" {
		can.group = "BUNDLE " + can.mid
	}
	can.ice, can.RTCPMux = can.ICE, true
	can.ownControl = !l.agreed || !l.muxed
	return can
}

// pathLines are the attributes of a line.
func (c *Capabilities) pathLines(attribute func(key, value string)) {
	if c.mid != "" {
		attribute("mid", c.mid)
	}
	if c.mismatch {
		attribute("ice-mismatch", "")
	}
	if c.ice == nil {
		return
	}
	attribute("ice-ufrag", c.ice.Ufrag)
	attribute("ice-pwd", c.ice.Pwd)
	for _, line := range c.ice.Candidates {
		attribute("candidate", line)
	}
	if c.ownControl {
		for _, line := range c.ice.Control {
			attribute("candidate", line)
		}
	}
	attribute("end-of-candidates", "")
}

// ICEUfrag is the one of the offer's audio line; empty: it speaks no ICE. Another one
// than before restarts ICE (RFC 8839 section 4.4.1.1.1).
func (o *Offer) ICEUfrag() string {
	for i := range o.streams {
		if s := &o.streams[i]; s.audio() && s.port != 0 {
			return s.ice.Ufrag
		}
	}
	return ""
}
