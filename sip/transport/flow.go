package transport

import (
	"net/netip"
	"time"

	"ringback/sip/message"
)

// Flow is a way to one peer: one address seen from one UDP socket, or one
// connection. Flows can be compared with == and used as map keys: the same UDP
// peer on the same socket is the same Flow. A UDP flow costs no state here.
type Flow interface {
	// Transport is "UDP", "TCP", "TLS", "WS" or "WSS".
	Transport() string
	// Reliable says that the transport repeats what is lost: all but UDP.
	Reliable() bool
	// Local is our address as the peer reaches it, never unspecified.
	Local() netip.AddrPort
	// Remote is the peer's address.
	Remote() netip.AddrPort
	// ServerName is the name that a TLS connection that we opened was verified
	// for; "" otherwise.
	ServerName() string
	// Incoming says that the peer opened it.
	Incoming() bool
	// Closed says that nothing can be sent any more.
	Closed() bool
	// LocalVia is what the top Via of a request over this flow says, with an
	// empty rport and without a branch.
	LocalVia() message.Via
	// String is for logs: transport, local and remote address.
	String() string
}

// Target is where a request is to go.
type Target struct {
	Transport  string         // "UDP", "TCP", "TLS", "WS" or "WSS"
	Addr       netip.AddrPort // of the next hop, resolved
	ServerName string         // TLS: the name that the certificate must hold; needed
	Local      netip.AddrPort // our socket or address to send from; zero for any
	// Size is the length of the request in bytes. Over MaxUDPRequest a UDP
	// target is tried by TCP first, and by UDP when that is refused (RFC 3261
	// 18.1.1). 0 when not known.
	Size int
	// Reuse makes do with connections that are open already, be it one that the
	// peer opened; none is an error.
	Reuse bool
}

func (t Target) String() string {
	s := t.Transport + " " + t.Addr.String()
	if t.ServerName != "" {
		s += " (" + t.ServerName + ")"
	}
	return s
}

// MaxUDPRequest is the largest request in bytes that goes by UDP when TCP can
// be had: 200 less than the usual MTU (RFC 3261 18.1.1).
const MaxUDPRequest = 1300

// Inbound is a message that came in.
type Inbound struct {
	Msg  message.Message // nil when Reject is set
	Flow Flow
	At   time.Time
	Size int // bytes on the wire
	// Reject is set for OnReject only.
	Reject *message.Reject
}

// Direction of a traced message.
type Direction bool

// The two directions.
const (
	In  Direction = false
	Out Direction = true
)

// String is "in" or "out".
func (d Direction) String() string {
	if d == Out {
		return "out"
	}
	return "in"
}

func isTransport(s string) bool {
	return s == "UDP" || s == "TCP" || s == "TLS" || overWeb(s)
}
