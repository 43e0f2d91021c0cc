package sdp

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Capabilities is what this side can and wants to do on its audio line now.
type Capabilities struct {
	Address   netip.Addr    // where it receives, and the family that it can send to
	Port      uint16        // RTP
	RTCPPort  uint16        // 0 is Port+1
	RTCPMux   bool          // RTCP on Port where the peer takes it (RFC 5761)
	Codecs    []Format      // by preference, with the payload types it would use
	Events    bool          // telephone-event for the clock rates of Codecs
	Comfort   bool          // comfort noise in pauses (RFC 3389), with codecs counted at 8000 Hz
	Direction Direction     // what it wants
	Ptime     time.Duration // asked of the peer; 0 says nothing
	MaxPtime  time.Duration // most that it takes; 0 says nothing

	Encryption   Encryption
	Suites       []Suite     // by preference; nil: Suites()
	KeysReadable bool        // the signalling is not encrypted: no keys are offered or taken
	Keying       Keying      // of offers
	ICE          *ICE        // ours; nil: it is not spoken
	ICEOnly      bool        // a peer without it, or with RTCP on another port, is refused
	Fingerprint  Fingerprint // of our certificate for DTLS; zero: none is spoken

	proto      string   // of the line to be written
	crypto     []crypto // and its keys
	setup      string   // and our part in its handshake; empty: none
	ice        *ICE     // of the line to be written, as all below
	mid, group string
	mismatch   bool
	ownControl bool // the candidates of RTCP's own port are said
}

// Negotiated is what both sides agreed on for the audio line, seen from here.
type Negotiated struct {
	Remote     netip.AddrPort   // where to send RTP; the zero value: nowhere
	RemoteRTCP netip.AddrPort   // where to send RTCP; the zero value: nowhere
	RTCPMux    bool             // RTCP and RTP on one port, both ways
	Send       Format           // codec to send, with the peer's payload type
	SendAll    []Format         // all codecs the peer takes, its best first
	Receive    map[uint8]Format // codecs that may come, by our payload types
	Events     *Events          // nil: the peer takes no telephone-event at Send's clock

	Comfort         bool          // both take comfort noise with what is sent
	Direction       Direction     // ours: what may be sent and what is received
	RemoteDirection Direction     // the peer's, as it said it
	HeldByAddress   bool          // c=0.0.0.0: the old form of hold
	Sought          bool          // ICE is to find where the peer is: it names no address yet; Remote is zero
	Rejected        bool          // port 0 on the audio line: no media, the session lives
	Ptime           time.Duration // packet time the peer asks for; 0: none named
	MaxPtime        time.Duration // most the peer takes; 0: none named
	Crypto          *Crypto       // SRTP by these keys
	ICE             *ICE          // the peer, when both speak it
	DTLS            *DTLS         // SRTP by keys of a handshake; both nil: plain RTP
	Unchanged       bool          // the peer's description is the one it sent last, o= line apart
}

// HeldByRemote says that the peer does not want to hear us.
func (n *Negotiated) HeldByRemote() bool {
	return n.HeldByAddress || !n.Rejected && !n.RemoteDirection.Receives()
}

// Negotiate answers an offer (RFC 3264 section 6). An error is a *Refusal, or
// one of BuildOffer's for capabilities that make no answer; it leaves local as it
// was.
//
// The answer has the m= lines of the offer in number and order, all but one with
// port 0; of the codecs, all that both have, in the order of the offer and with
// its payload types.
func Negotiate(local *Local, offer *Offer, can Capabilities) (*Answer, *Negotiated, error) {
	if err := can.check(); err != nil {
		return nil, nil, unacceptable(warnOther, "%s", err)
	}
	if len(offer.streams) < len(local.streams) {
		return nil, nil, unacceptable(warnOther, "offer with %d m= lines where the session has %d: none may go (RFC 3264 section 8)",
			len(offer.streams), len(local.streams))
	}
	at, refusal := choose(local, offer, &can)
	if refusal != nil && !(local.agreed && offer.audioOff()) {
		return nil, nil, refusal
	}
	n := &Negotiated{Rejected: refusal != nil, Unchanged: local.heard != "" && local.heard == offer.body}
	var formats []Format
	if n.Rejected {
		at = local.audio
	} else {
		can.RTCPMux = can.RTCPMux || can.handshakes(&offer.streams[at]) || can.ICE != nil
		formats = n.answer(&offer.streams[at], &can)
		can = local.answerKeys(n, &offer.streams[at], can)
		can = n.answerPath(&offer.streams[at], offer.group, can)
		if why := n.lacksPath(can.ICEOnly); why != nil {
			return nil, nil, why
		}
	}
	mux := can
	mux.RTCPMux = n.RTCPMux
	text, err := local.write(offer.streams, at, formats, mux, n.Direction)
	if err != nil {
		return nil, nil, unacceptable(warnOther, "write answer: %s", err)
	}
	d, err := parse(text)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range formats {
		local.mean(f)
	}
	local.agree(offer.streams, at, offer.body, n)
	return &Answer{d}, n, nil
}

// audioOff says that all audio lines have port 0.
func (d *description) audioOff() bool {
	for i := range d.streams {
		if d.streams[i].audio() && d.streams[i].port != 0 {
			return false
		}
	}
	return true
}

// choose returns the audio line to use: the one in use where it still can be,
// else the first that can. Without one it says what is wrong with the first.
func choose(local *Local, offer *Offer, can *Capabilities) (int, *Refusal) {
	if local.agreed && usable(&offer.streams[local.audio], can) == nil {
		return local.audio, nil
	}
	var first *Refusal
	for i := range offer.streams {
		s := &offer.streams[i]
		why := usable(s, can)
		if why == nil {
			return i, nil
		}
		if s.audio() && s.port != 0 && first == nil {
			first = why
		}
	}
	if first == nil {
		first = unacceptable(warnNoMedia, "no audio line with a port")
	}
	return 0, first
}

// usable says what keeps an m= line from being used.
func usable(s *stream, can *Capabilities) *Refusal {
	switch {
	case !s.audio():
		return unacceptable(warnNoMedia, "media type %q: only audio is spoken here", short(s.media))
	case s.port == 0:
		return unacceptable(warnNoMedia, "audio line with port 0")
	}
	if why := can.transport(s); why != nil {
		return why
	}
	if why := s.address.usable(can.Address); why != nil {
		return why
	}
	for _, f := range s.codecs {
		if known(f, can.Codecs) {
			return nil
		}
	}
	return unacceptable(warnFormat, "no codec in common: %d offered, %s spoken here", len(s.formats), list(can.Codecs))
}

// usable says what keeps an address from being sent to.
func (a address) usable(from netip.Addr) *Refusal {
	switch {
	case a.text == "":
		return broken("audio line without a c= line")
	case !a.ip.IsValid():
		return unacceptable(warnAddressType, "address %q: want an IP address", short(a.text))
	case a.bad:
		return broken("address %q: not of the type that its c= line says", short(a.text))
	case a.ip.IsMulticast():
		return unacceptable(warnMulticast, "address %s: multicast is not spoken here", a.ip)
	case a.ip.Unmap().Is4() != from.Unmap().Is4():
		return unacceptable(warnAddressType, "address %s: this side speaks from %s", a.ip, from)
	}
	return nil
}

func known(f Format, codecs []Format) bool {
	for _, c := range codecs {
		if c.Same(f) {
			return true
		}
	}
	return false
}

func list(codecs []Format) string {
	names := make([]string, len(codecs))
	for i, c := range codecs {
		names[i] = c.Name
	}
	return strings.Join(names, " ")
}

// answer settles the chosen line and returns the formats of the answer: the
// offer's payload types, this side's parameters.
func (n *Negotiated) answer(s *stream, can *Capabilities) []Format {
	n.hear(s, can.Direction, can.RTCPMux, can.paths(s))
	n.Receive = map[uint8]Format{}
	var formats []Format
	clocks := map[int]bool{}
	for _, f := range s.codecs {
		for _, c := range can.Codecs {
			if !c.Same(f) {
				continue
			}
			ours := c
			ours.PayloadType = f.PayloadType
			formats = append(formats, ours)
			n.SendAll = append(n.SendAll, f)
			n.Receive[f.PayloadType] = ours
			clocks[f.ClockRate] = true
			break
		}
	}
	n.Send = n.SendAll[0]
	if can.Comfort && hasComfort(s.codecs) && clocks[8000] {
		formats = append(formats, comfortNoise())
		n.Comfort = n.Send.ClockRate == 8000
	}
	if !can.Events {
		return formats
	}
	for _, f := range s.codecs {
		if !f.events() || !clocks[f.ClockRate] {
			continue
		}
		clocks[f.ClockRate] = false
		e := eventFormat(f.ClockRate)
		e.PayloadType = f.PayloadType
		formats = append(formats, e)
		if f.ClockRate == n.Send.ClockRate {
			n.Events = &Events{Send: f.PayloadType, Receive: f.PayloadType, ClockRate: f.ClockRate}
		}
	}
	if n.Events == nil {
		formats = append(formats, n.otherEvents(s, formats)...)
	}
	return formats
}

// otherEvents takes telephone-event at 8000 Hz beside a codec of another clock, where the
// peer has no other: many PBXs do so with Opus, and count durations in it.
func (n *Negotiated) otherEvents(s *stream, formats []Format) []Format {
	pt, ok := eventsAt(s, 8000)
	if !ok {
		return nil
	}
	n.Events = &Events{Send: pt, Receive: pt, ClockRate: 8000}
	if slices.ContainsFunc(formats, func(f Format) bool { return f.PayloadType == pt }) {
		return nil
	}
	e := eventFormat(8000)
	e.PayloadType = pt
	return []Format{e}
}

// hear takes what the peer's line says about addresses, direction and packets.
// ice: both speak it.
func (n *Negotiated) hear(s *stream, want Direction, mux, ice bool) {
	n.RemoteDirection = s.direction
	n.Sought = ice && s.nowhere()
	n.HeldByAddress = s.address.ip.IsUnspecified() && !n.Sought
	theirs := s.direction
	if n.HeldByAddress { // RFC 3264 section 8.4: nothing is sent to it
		theirs = theirs.Intersect(SendOnly)
	}
	n.Direction = want.Intersect(theirs.Reverse())
	n.Ptime, n.MaxPtime = s.ptime, s.maxPtime
	if n.MaxPtime > 0 && n.Ptime > n.MaxPtime {
		n.Ptime = n.MaxPtime
	}
	n.RTCPMux = mux && s.rtcpMux
	if n.HeldByAddress || n.Sought {
		return
	}
	ip := s.address.ip.Unmap()
	n.Remote = netip.AddrPortFrom(ip, s.port)
	n.RemoteRTCP = n.controlAddress(s, ip)
}

// controlAddress is where the peer wants RTCP: with RTP, where a=rtcp says (RFC
// 3605), or one port above (RFC 3550 section 11).
func (n *Negotiated) controlAddress(s *stream, ip netip.Addr) netip.AddrPort {
	if n.RTCPMux {
		return n.Remote
	}
	if s.rtcp.port != 0 {
		if other := s.rtcp.ip.Unmap(); other.IsValid() && other.Is4() == ip.Is4() && !other.IsUnspecified() && !other.IsMulticast() {
			ip = other
		}
		return netip.AddrPortFrom(ip, s.rtcp.port)
	}
	if s.port == 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, s.port+1)
}
