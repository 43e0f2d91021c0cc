package sip

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"ringback/sip/message"
	"ringback/sip/transaction"
	"ringback/sip/transport"
)

// dialogKey finds a dialog (RFC 3261 12): the Call-ID, our tag, the far end's.
type dialogKey struct {
	call   CallID
	local  LocalTag
	remote RemoteTag
}

// dialog is a peer-to-peer relation (RFC 3261 12): where requests go and how they
// are numbered.
type dialog struct {
	ua        *UA
	usage     dialogUsage
	session   *Session // nil: the usage is a subscription
	account   *Account
	key       dialogKey
	remoteTag RemoteTag
	local     *Address // without tag; not changed
	remote    *Address // without tag; not changed
	localSeq  uint32
	remoteSeq uint32
	seen      bool // remoteSeq is set
	target    URI
	contact   string    // the text of the Contact that the target was read from; empty: it was not
	routes    []Address // the route set, next hop first
	flow      Flow      // what the dialog's messages came by
	flowHop   string    // the next hop that a stream reached, as it was then
	allow     methodSet // what the peer serves, from its Allow
	confirmed bool
}

// dialogUsage is what lives on a dialog (RFC 5057): a session, or a subscription.
type dialogUsage interface {
	// serveRequest answers a request in the dialog that is no ACK.
	serveRequest(d *dialog, server *transaction.Server, flow Flow)
}

// methodSet is the text of an Allow header; empty: none was seen.
type methodSet string

// serves reports whether the peer may be sent a method: unknown counts as yes.
func (m methodSet) serves(method string) bool { return m == "" || m.offers(method) }

// offers reports whether the peer has said that it serves a method.
func (m methodSet) offers(method string) bool {
	for name := range strings.SplitSeq(string(m), ",") {
		if strings.TrimSpace(name) == method {
			return true
		}
	}
	return false
}

// newClientDialog is a dialog made by a response to our INVITE (RFC 3261 12.1.2):
// the route set is the Record-Route in reverse.
func newClientDialog(s *Session, res *message.Response, flow Flow) *dialog {
	seq := seqOf(res)
	d := &dialog{ua: s.ua, usage: s, session: s, account: s.account, remoteTag: RemoteTag(strings.Clone(message.ToTag(res))), // else the 180 stays
		local: &s.local, remote: &s.remote, localSeq: max(seq, s.out.seq), routes: reversed(recordRoutes(res))}
	d.key = dialogKey{s.callID, s.localTag, d.remoteTag}
	d.learn(res, flow)
	if d.target.Host == "" {
		d.target = s.out.target
	}
	return d
}

// newServerDialog is a dialog made by their INVITE (RFC 3261 12.1.1): the route set
// is the Record-Route in order.
func newServerDialog(s *Session, req *message.Request, flow Flow) *dialog {
	seq := seqOf(req)
	d := &dialog{ua: s.ua, usage: s, session: s, account: s.account, remoteTag: RemoteTag(message.FromTag(req)),
		local: &s.local, remote: &s.remote, localSeq: rand.Uint32N(1 << 30), remoteSeq: seq, seen: true,
		routes: recordRoutes(req)}
	d.key = dialogKey{s.callID, s.localTag, d.remoteTag}
	d.target = s.remote.URI // RFC 2543: a caller without Contact is where its From says
	d.learn(req, flow)
	return d
}

// learn takes the remote target and the peer's abilities from a message that may
// refresh them (RFC 3261 12.2.1.2, 12.2.2; RFC 3311 5), and remembers the flow.
func (d *dialog) learn(msg message.Message, flow Flow) {
	if text := message.Value(msg, "Contact"); text != d.contact { // else it is what the target was read from
		if c, text, ok := d.ua.contactIn(msg, text); ok {
			d.target, d.contact = c, text
		}
	}
	if allow, ok := methodsOf(msg); ok {
		if d.ua.last.allow != allow {
			d.ua.last.allow = methodSet(strings.Clone(string(allow)))
		}
		d.allow = d.ua.last.allow
	}
	if flow != nil {
		d.flow, d.flowHop = flow, ""
		if flow.Reliable() {
			d.flowHop = d.nextHop().String()
		}
	}
}

// refreshRoutes replaces the route set by that of the 2xx which made the dialog
// (RFC 3261 13.2.2.4).
func (d *dialog) confirm(res *message.Response, flow Flow) {
	d.confirmed = true
	d.routes = reversed(recordRoutes(res))
	d.learn(res, flow)
}

// isEnd reports whether an address may ask for something inside the dialog: the
// account's PBX, where the dialog's messages came from, and where they are sent by
// an address. Whoever has read the tags on the wire could else redirect the media by
// a re-INVITE, or have us call by a REFER. A BYE is taken from everybody: a cluster's
// other node must be able to end the call.
func (d *dialog) isEnd(addr netip.Addr) bool {
	if d.ua.cfg.Policy.AcceptFrom != AcceptRegistrar || d.ua.peers.has(d.account, addr) ||
		d.flow != nil && d.flow.Remote().Addr() == addr || d.target.Host == addr.String() {
		return true
	}
	return slices.ContainsFunc(d.routes, func(r Address) bool { return r.URI.Host == addr.String() })
}

// inOrder checks a request's CSeq (RFC 3261 12.2.2) and takes it over.
func (d *dialog) inOrder(req *message.Request) bool {
	seq := seqOf(req)
	if d.seen && seq < d.remoteSeq {
		return false
	}
	d.remoteSeq, d.seen = seq, true
	return true
}

// nextSeq is the CSeq number of our next request.
func (d *dialog) nextSeq() uint32 {
	d.localSeq++
	return d.localSeq
}

// nextHop is the URI that says where requests go: the first route, else the
// remote target.
func (d *dialog) nextHop() URI {
	if len(d.routes) > 0 {
		return d.routes[0].URI
	}
	return d.target
}

// request builds a request in the dialog (RFC 3261 12.2.1.1). ACK and CANCEL take
// the number of their INVITE: pass it as seq; zero takes the next.
func (d *dialog) request(method string, seq uint32) *message.Request {
	uri, routes := d.target, d.routes
	if len(routes) > 0 && !isLoose(routes[0].URI) {
		// "If the route set is not empty, and its first URI does not contain the lr
		// parameter, the UAC MUST place the first URI from the route set into the
		// Request-URI"; the remote target goes last.
		uri = routes[0].URI
		routes = append(append([]Address{}, routes[1:]...), Address{URI: d.target})
	}
	if seq == 0 {
		seq = d.nextSeq()
	}
	req := d.ua.begin(message.Method(method), uri)
	for _, r := range routes {
		message.Add(req, "Route", r.String())
	}
	d.ua.identify(req, parties{local: *d.local, localTag: string(d.key.local), remote: *d.remote,
		remoteTag: string(d.remoteTag), callID: d.key.call, seq: seq})
	if oneOf(method, "INVITE", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE") {
		message.Add(req, "Contact", d.ua.contact(d.account, d.flow))
	}
	switch method {
	case "ACK":
	case "BYE": // no request follows it that Allow could be for
		message.AddLine(req, d.ua.lines.supported)
		message.AddLine(req, d.ua.lines.agent)
	default:
		d.ua.sign(req)
	}
	message.SetBody(req, "", nil) // Content-Length: a stream has no other end of a message
	return req
}

// hop says where a request of the dialog goes. A stream that reached the peer
// before is used again as long as the next hop is the same: a Contact behind a
// NAT or on a connection cannot be dialled. When that connection is gone, a new one
// to the same place is the way, which the registration opens again too (RFC 5626 4.5):
// the Contact of a PBX behind TLS or a WebSocket has an address that its certificate
// does not name, or one of a machine behind a proxy.
func (d *dialog) hop() hop {
	next := d.nextHop()
	h := hop{uri: next}
	if d.flow == nil || d.flow.Closed() {
		if h.flow = d.ua.nextFlow(d.account, d.flow); h.flow == nil && next.String() == d.flowHop {
			h.again = reopened(d.flow, next)
		}
		return h
	}
	if (d.flow.Transport() != "UDP" && next.String() == d.flowHop) || !dialable(next) {
		h.flow = d.flow
	}
	return h
}

// nextFlow is the connection that took the place of one that has ended: the account's
// present one to the same server. A Contact is mostly an address, of which a TLS server
// proves nothing, and behind a NAT or a WebSocket nobody can dial it (RFC 5626 3.2, 7118).
func (u *UA) nextFlow(a *Account, ended Flow) Flow {
	if ended == nil || !ended.Reliable() {
		return nil
	}
	for _, r := range u.bindings[a] {
		if f := r.flow; f != nil && !f.Closed() && f.Transport() == ended.Transport() && f.Remote() == ended.Remote() {
			return f
		}
	}
	return nil
}

// reopened is where a connection of ours that has ended led, to be opened again before
// the registration has done so; nil where the next hop itself says where that is.
func reopened(ended Flow, next URI) *transport.Target {
	if ended == nil || ended.Incoming() || ended.ServerName() == "" && !onWeb(ended.Transport()) && dialable(next) {
		return nil
	}
	return &transport.Target{Transport: ended.Transport(), Addr: ended.Remote(), ServerName: ended.ServerName()}
}

// dialable reports whether a URI names something that can be resolved.
func dialable(u URI) bool {
	return u.Host != "" && !strings.HasSuffix(strings.ToLower(u.Host), ".invalid") &&
		u.Host != "0.0.0.0" && u.Host != "::"
}

// enter puts the dialog in the table; leave takes it out.
func (u *UA) enter(d *dialog) { u.dialogs[d.key] = d }

func (u *UA) leave(d *dialog) {
	if d != nil && u.dialogs[d.key] == d {
		delete(u.dialogs, d.key)
	}
}

// find is the dialog that a request belongs to (RFC 3261 12.2.2): their From tag
// is our remote tag.
func (u *UA) find(req *message.Request) *dialog {
	return u.dialogs[dialogKey{CallID(message.CallID(req)), LocalTag(message.ToTag(req)), RemoteTag(message.FromTag(req))}]
}
