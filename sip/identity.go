package sip

import (
	"net/netip"

	"ringback/sip/message"
)

// parties are the ends of a request and its number.
type parties struct {
	local     Address
	localTag  string
	remote    Address
	remoteTag string
	callID    CallID
	seq       uint32
}

// begin makes a request of ours with its first line, the Via that the transaction fills in.
func (u *UA) begin(method message.Method, uri URI) *message.Request {
	req := message.NewRequest(method, uri)
	message.AddLine(req, u.lines.via)
	return req
}

// identify adds the headers that every request has (RFC 3261 8.1.1).
func (u *UA) identify(req *message.Request, p parties) {
	message.AddLine(req, u.lines.hops)
	message.Add(req, "From", p.local.Tagged(p.localTag))
	message.Add(req, "To", p.remote.Tagged(p.remoteTag))
	message.Add(req, "Call-ID", string(p.callID))
	message.Add(req, "CSeq", message.CSeq{Seq: p.seq, Method: req.Method}.String())
}

// sign adds what we are and can do.
func (u *UA) sign(req *message.Request) {
	message.AddLine(req, u.lines.allow)
	message.AddLine(req, u.lines.supported)
	message.AddLine(req, u.lines.agent)
}

// ownLines are the header lines of a user agent that are the same in every message.
type ownLines struct {
	via, hops, allow, supported, agent, server message.Line
}

func newOwnLines(allow, agent string) ownLines {
	return ownLines{via: message.NewLine("Via", ""), hops: message.NewLine("Max-Forwards", "70"), allow: message.NewLine("Allow", allow),
		supported: message.NewLine("Supported", knownOptions), agent: message.NewLine("User-Agent", agent),
		server: message.NewLine("Server", agent)}
}

// response makes a response with our Server header. The To tag is added to a To
// without one.
func (u *UA) response(req *message.Request, code int, reason, tag string) *message.Response {
	res := message.NewResponse(req, code, reason, tag)
	if code > 100 {
		message.AddLine(res, u.lines.server)
	}
	return res
}

// fromFor is the From of a request of ours, without tag.
func (u *UA) fromFor(a *Account, from *Address) Address {
	if from != nil {
		return from.WithTag("")
	}
	return Address{Display: a.Display, URI: a.AOR.Bare()}
}

// contact is our Contact: where requests inside a dialog find us, as the flow's
// peer sees us. Where the registrar keeps to flows it says that they are to come by
// the one that is registered (RFC 5626 4.3), unless a GRUU says so already.
func (u *UA) contact(a *Account, flow Flow) string {
	if gruu, ok := u.gruus[a]; ok && a != nil {
		return Address{URI: gruu}.String()
	}
	uri := u.contactURI(a, flow)
	if a != nil && u.outbound[a] {
		uri.Params = uri.Params.With("ob", "")
	}
	return Address{URI: uri}.String()
}

// contactURI is the address that we bind at the registrar.
func (u *UA) contactURI(a *Account, flow Flow) URI {
	uri := URI{Scheme: "sip"}
	if a != nil {
		uri.User = a.AOR.User
	}
	at, kind := u.contactAddr(a, flow)
	uri.Host, uri.Port = u.hostText(at.Addr().Unmap()), at.Port()
	if onWeb(kind) { // RFC 7118 section 5
		uri.Host, uri.Port, kind = u.transport.Nowhere(), 0, "WS"
	}
	if kind != "UDP" {
		uri.Params = uri.Params.With("transport", lower(kind))
	}
	return uri
}

// hostText is an address as text: nearly always the one of the last time.
func (u *UA) hostText(a netip.Addr) string {
	if u.lastHost.addr != a {
		u.lastHost.addr, u.lastHost.text = a, a.String()
	}
	return u.lastHost.text
}

// onWeb says that a transport is a WebSocket.
func onWeb(kind string) bool { return kind == "WS" || kind == "WSS" }

// contactAddr is the address of our Contact and its transport: what a NAT made of
// it where one did, else our own.
func (u *UA) contactAddr(a *Account, flow Flow) (netip.AddrPort, string) {
	at, kind := u.localAddr(a, flow)
	if public, ok := u.public[a]; ok && a != nil && kind == "UDP" {
		at = public
	}
	return at, kind
}

// localAddr is the address of our Contact without regard to NAT: the port that we
// listen on, at the address that the flow leaves from. A stream on whose
// transport we do not listen is its own address.
func (u *UA) localAddr(a *Account, flow Flow) (netip.AddrPort, string) {
	kind := u.way(a)
	if flow != nil {
		kind = flow.Transport()
	}
	bound, listening := u.listening[kind]
	switch {
	case flow == nil:
		return bound, kind
	case listening:
		return netip.AddrPortFrom(flow.Local().Addr(), bound.Port()), kind
	}
	return flow.Local(), kind
}

// anyHost is one of our addresses as text, for who has no address of record.
func (u *UA) anyHost() string {
	for _, at := range u.listening {
		if !at.Addr().IsUnspecified() {
			return at.Addr().String()
		}
	}
	return "anonymous.invalid"
}

// preload adds the Route headers of an account: its outbound proxy, then the
// Service-Route that its registration brought (RFC 3608).
func (u *UA) preload(req *message.Request, a *Account) {
	if a == nil {
		return
	}
	routes := u.serviceRoute(a)
	if a.Proxy != nil && (len(routes) == 0 || routes[0].URI.HostPort() != a.Proxy.HostPort()) {
		message.Add(req, "Route", Address{URI: loose(*a.Proxy)}.String())
	}
	for _, r := range routes {
		message.Add(req, "Route", Address{URI: r.URI}.String())
	}
}

func loose(u URI) URI {
	if !isLoose(u) {
		u.Params = u.Params.With("lr", "")
	}
	return u
}

// firstHop is the URI that a request outside a dialog is sent to: its first Route;
// for a target in the account's own domain the registrar; else the Request-URI.
func (u *UA) firstHop(req *message.Request, a *Account) URI {
	if list, err := message.Addresses(req, "Route"); err == nil && len(list) > 0 {
		return list[0].URI
	}
	uri := message.RequestURI(req)
	if a != nil && a.Registrar.Host != "" && uri.HostPort() == a.AOR.HostPort() {
		return a.Registrar
	}
	return uri
}

// learnIdentity takes who the far end is from P-Asserted-Identity (RFC 3325) or
// Remote-Party-ID, from a trusted peer only, and tells a change.
func (s *Session) learnIdentity(msg message.Message, flow Flow) {
	if !s.ua.trusts(s.account, flow) {
		return
	}
	for _, name := range []string{"P-Asserted-Identity", "Remote-Party-ID"} {
		list, err := message.Addresses(msg, name)
		if err != nil || len(list) == 0 {
			continue
		}
		id := Address{Display: list[0].Display, URI: list[0].URI}
		first := s.identity == nil || s.identity.URI.IsZero()
		if !first && s.identity.String() == id.String() {
			return
		}
		s.identity = &id
		if (!first || id.URI.String() != s.remote.URI.String()) && s.handler != nil {
			s.emit(IdentityChanged{Identity: id})
		}
		return
	}
}

// trusts reports whether what a flow's peer asserts is believed: the account's
// registrar and proxy, or by Policy.TrustIdentity.
func (u *UA) trusts(a *Account, flow Flow) bool {
	if flow == nil {
		return false
	}
	if u.cfg.Policy.TrustIdentity != nil {
		return u.cfg.Policy.TrustIdentity(flow.Remote())
	}
	return a != nil && u.peers.has(a, flow.Remote().Addr())
}
