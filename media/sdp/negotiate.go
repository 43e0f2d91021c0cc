package sdp

import (
	"net/netip"
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
	Direction Direction     // what it wants
	Ptime     time.Duration // asked of the peer; 0 says nothing
	MaxPtime  time.Duration // most that it takes; 0 says nothing
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

	Direction       Direction     // ours: what may be sent and what is received
	RemoteDirection Direction     // the peer's, as it said it
	HeldByAddress   bool          // c=0.0.0.0: the old form of hold
	Rejected        bool          // port 0 on the audio line: no media, the session lives
	Ptime           time.Duration // packet time the peer asks for; 0: none named
	MaxPtime        time.Duration // most the peer takes; 0: none named
	Unchanged       bool          // the peer's description is the one it sent last
}

// HeldByRemote says that the peer does not want to hear us.
func (n *Negotiated) HeldByRemote() bool {
	return n.HeldByAddress || !n.RemoteDirection.Receives()
}

// Negotiate answers an offer (RFC 3264 section 6). An error is a *Refusal; it
// leaves local as it was.
func Negotiate(local *Local, offer *Offer, can Capabilities) (*Answer, *Negotiated, error) {
	return nil, nil, &Refusal{Code: 488}
}
