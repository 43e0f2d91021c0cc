package sip

import (
	"errors"
	"net/netip"
	"strconv"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
	"ringback/sip/transport"
)

// send sends a REGISTER: for a binding, or to take it back when leaving. It waits
// for one that is out (10.2: "a UA MUST NOT send a new registration [...] until
// they have received a final response").
func (r *Registration) send() {
	if r.out != nil {
		r.again = true
		return
	}
	r.alive.Stop()
	r.slow.Stop()
	r.asking = r.ua.loop.Now()
	life := r.asked
	if r.state == regLeaving {
		life = 0
	}
	var bound URI // what this REGISTER binds, once its flow is known
	r.out = r.ua.start(exchangeOptions{account: r.account, req: r.request(&life), hop: r.hop(), seq: r.nextSeq,
		prefer: r.stick(), timeout: r.probing(), t1: r.probing(), ours: r.moves > 0 && r.account.Accept3xx == Follow,
		contact: func(flow Flow) string {
			var value string
			value, bound = r.contact(flow, life)
			return value
		},
		replyTo: replyTo{
			response: func(res *message.Response, flow Flow) {
				if res.StatusCode >= 200 {
					r.answered(res, flow, bound)
				}
			},
			failed: func(err error) { r.unanswered(err) },
		}})
	if r.state == regTrying {
		r.slow = r.ua.loop.After(slowAnswer, func() {
			r.because(0, ErrTimeout, "no answer from %s yet; is it the right address, and is the PBX up?", r.where.HostPort())
			r.happen(regSlow)
		})
	}
}

// request is a REGISTER; without a life it asks only what is bound (10.2.3).
func (r *Registration) request(life *time.Duration) *message.Request {
	u, a := r.ua, r.account
	req := u.begin(message.REGISTER, r.where)
	if a.Proxy != nil {
		message.Add(req, "Route", Address{URI: loose(*a.Proxy)}.String())
	}
	aor := Address{Display: a.Display, URI: a.AOR.Bare()}
	u.identify(req, parties{local: aor, localTag: r.tag, remote: Address{URI: a.AOR.Bare()}, callID: r.callID, seq: r.nextSeq()})
	if life != nil {
		message.Add(req, "Contact", "<sip:unset.invalid>") // Prepare knows better, once there is a flow
		message.Add(req, "Expires", seconds(*life))
	}
	message.AddLine(req, u.lines.allow)
	message.Add(req, "Supported", "path, outbound, gruu")
	message.AddLine(req, u.lines.agent)
	req.SetBody(nil)
	return req
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

func (r *Registration) nextSeq() uint32 {
	r.seq++
	return r.seq
}

// hop is where the REGISTER goes first: the outbound proxy, or the registrar. To
// take the binding back the flow that it was made over is used.
func (r *Registration) hop() hop {
	h := hop{uri: r.where}
	if r.account.Proxy != nil {
		h.uri = *r.account.Proxy
	}
	if r.state == regLeaving {
		h.flow = r.flow
	}
	return h
}

// stick is the server to stay with as long as it is one of the best.
func (r *Registration) stick() *transport.Target {
	if r.detour || !r.server.Addr.IsValid() {
		return nil
	}
	return new(r.server)
}

// contact is our Contact in a REGISTER: the address as the flow's peer sees it,
// with instance and reg-id where the account has an instance (RFC 5626 4.2).
func (r *Registration) contact(flow Flow, life time.Duration) (string, URI) {
	u, a := r.ua, r.account
	uri := u.contactURI(a, flow)
	c := Address{URI: uri}
	if a.InstanceID != "" {
		c.Params = append(c.Params, message.Param{Name: "+sip.instance", Value: "<" + a.InstanceID + ">", Quoted: true})
		if flow.Reliable() {
			c.Params = c.Params.With("reg-id", "1")
		}
	}
	c.Params = c.Params.With("expires", seconds(life))
	if was := r.local; was != "" && was != uri.String() && life > 0 {
		// What was bound before would ring where nobody is any more.
		return c.String() + ", <" + was + ">;expires=0", uri
	}
	return c.String(), uri
}

// answered takes the final answer to a REGISTER.
func (r *Registration) answered(res *message.Response, flow Flow, bound URI) {
	server, authErr, passed, doubt := r.out.target.Target, r.out.authErr, r.out.passed, r.out.doubt
	r.status.Server, r.status.By, r.status.Answer = server.Addr, lower(server.Transport), res.Reason
	if r.ended() {
		return
	}
	code := res.StatusCode
	r.status.Code, r.pause.wait = code, 0
	if r.state == regLeaving {
		if code >= 300 {
			r.leave(errors.New("unregister: the registrar answered " + strconv.Itoa(code) + " " + res.Reason))
			return
		}
		r.leave(nil)
		return
	}
	switch {
	case code < 300:
		r.raised, r.moves = false, 0
		if r.flow = flow; server != r.server {
			r.server = server
			r.source = r.ua.sourceFor(r.towards())
		}
		r.served(server)
		r.detour = passed || doubt != nil || r.ua.locator.avoiding()
		anew := r.state == regTrying || r.local != bound.String()
		// An answer that took repetitions may be that of a PBX that came up meanwhile.
		r.away = r.away || r.state == regRefreshing && r.ua.loop.Now().Sub(r.asking) > 2*r.ua.cfg.T1
		if r.granted(res, flow, bound); doubt != nil {
			r.status.Err, r.status.Reason = doubt, doubt.Error()
		}
		r.happen(regAccepted)
		if anew {
			r.ua.renewSubscriptions(r.account)
			r.ua.renewPublications(r.account)
		}
	case code < 400 && r.follow(res):
		r.happen(regAgain)
	case code == 423 && r.raise(res):
		r.happen(regAgain)
	default:
		r.raised, r.moves, r.where = false, 0, registrarOf(r.account)
		r.happen(r.classify(res, authErr))
	}
}

// classify sorts failures: what may pass, what hardly will, and a wrong password.
func (r *Registration) classify(res *message.Response, authErr error) regEvent {
	code := res.StatusCode
	switch {
	case errors.Is(authErr, ErrWrongPassword):
		r.because(code, authErr, "%v", authErr)
		return regDenied
	case errors.Is(authErr, ErrStaleNonce):
		r.because(code, authErr, "%v", authErr)
		return regFailed
	case authErr != nil:
		r.because(code, authErr, "%v", authErr)
		return regRefused
	case code == 401 || code == 407:
		r.because(code, ErrChallenge, "%v", ErrChallenge)
		return regRefused
	case code == 403 || code == 404:
		r.because(code, nil, "the registrar answered %d %s; check the account's aor and that the PBX knows it", code, res.Reason)
		return regRefused
	case code >= 300 && code < 400:
		r.because(code, nil, "the registrar answered %d %s and named no place that we may go to", code, res.Reason)
		return regRefused
	case code == 408 || code == 480 || code == 423 || code >= 500 && code < 600:
		r.because(code, nil, "the registrar answered %d %s", code, res.Reason)
		if after, ok := message.RetryAfter(res); ok {
			r.pause.wait = min(after, mostRetryAfter)
		}
		return regFailed
	}
	r.because(code, nil, "the registrar answered %d %s", code, res.Reason)
	return regRefused
}

// follow goes where a 3xx sends us, unless the account forbids it. Credentials go
// there only where the account says follow: then the place counts as its own.
func (r *Registration) follow(res *message.Response) bool {
	list, _, err := message.Contacts(res)
	if err != nil || r.account.Accept3xx == Refuse || r.moves >= mostMoves {
		return false
	}
	for _, c := range list {
		if !c.URI.IsSIP() || c.URI.Host == "" {
			continue
		}
		r.moves++
		r.where = c.URI
		r.where.User, r.where.Password, r.where.Headers = "", "", nil
		r.ua.count.add("register.redirected")
		return true
	}
	return false
}

// raise asks for the life that a 423 wants, once in a row.
func (r *Registration) raise(res *message.Response) bool {
	least, ok := leastExpires(res, r.asked)
	if !ok || r.raised {
		return false
	}
	r.raised = true
	r.asked = least
	return true
}

// unanswered takes the failure to get an answer.
func (r *Registration) unanswered(err error) {
	if r.out != nil {
		blamed := r.out.blamed()
		r.status.Server, r.status.By = blamed.addr, lower(blamed.kind)
	}
	if r.ended() {
		return
	}
	r.pause.wait = 0
	switch {
	case r.state == regLeaving:
		r.leave(err)
		return
	case errors.Is(err, transaction.ErrTimeout):
		r.because(0, err, "%s does not answer; is it the right address, and is the PBX up?", r.where.HostPort())
	case r.noWay():
		r.because(0, ErrNoWay, "no way to %s: is this machine connected to a network? It is tried again when it is", r.where.HostPort())
	default:
		r.because(0, err, "cannot reach %s: %v", r.where.HostPort(), err)
	}
	r.raised, r.moves, r.where = false, 0, registrarOf(r.account)
	r.happen(regSilent)
}

// ended notes that the request under way is over, and sends what waited for it;
// true says that something did, and that the answer does not matter any more.
func (r *Registration) ended() bool {
	r.out = nil
	r.slow.Stop()
	if !r.again {
		return false
	}
	r.released()
	return true
}

// granted reads what a 200 grants (10.2.4): our own Contact's expires among
// others', else the Expires header, else an hour; and the routes that go with it.
func (r *Registration) granted(res *message.Response, flow Flow, bound URI) {
	life, named := message.Seconds(res, "Expires")
	if !named {
		life = min(unsaidExpires, r.asked)
	}
	own, listed := r.own(res, flow, bound)
	if e, ok := message.ContactExpires(own); ok {
		life = e
	}
	life = min(max(life, leastGrant), mostExpires)
	r.listed = listed
	r.local = bound.String()
	r.keepToFlow(res, flow)
	r.status.Reason, r.status.Err, r.status.Contact = "", nil, r.local
	r.status.Expires = r.ua.cfg.WallClock().Add(life)
	r.expiry.Stop()
	r.expiry = r.ua.loop.After(life, func() {
		r.because(0, nil, "the binding has run out")
		r.happen(regExpired)
	})
	r.keepRoutes(res, own)
	r.learnPublic(res, flow)
}

// keepToFlow reads whether the registrar keeps to the flow of the binding (RFC 5626
// 6), how a sign of life is asked of it, and how often one is to come (4.4).
func (r *Registration) keepToFlow(res *message.Response, flow Flow) {
	r.silent, _ = message.Seconds(res, "Flow-Timer")
	r.pings = flow.Reliable() && (message.HasToken(res, "Require", "outbound") ||
		message.HasToken(res, "Supported", "outbound") || r.silent > 0)
	delete(r.ua.outbound, r.account)
	if r.account.InstanceID != "" && flow.Reliable() && message.HasToken(res, "Require", "outbound") {
		r.ua.outbound[r.account] = true
	}
}

// own finds our Contact among those of the answer: by URI, by instance, by the
// address that a NAT gave us; failing that the one that runs out first.
func (r *Registration) own(res *message.Response, flow Flow, bound URI) (Address, bool) {
	list, _, err := message.Contacts(res)
	if err != nil || len(list) == 0 {
		return Address{}, false
	}
	for _, c := range list {
		if c.URI.Equal(bound) || c.URI.User == bound.User && c.URI.HostPort() == bound.HostPort() {
			return c, true
		}
	}
	seen, _ := publicOf(res)
	for _, c := range list {
		if r.account.InstanceID != "" && c.Params.Value("+sip.instance") == "<"+r.account.InstanceID+">" {
			return c, true
		}
		if at, err := netip.ParseAddr(c.URI.Host); err == nil && at.Unmap() == seen.Addr() && c.URI.Port == seen.Port() {
			return c, true
		}
	}
	first := list[0]
	for _, c := range list[1:] {
		a, _ := message.ContactExpires(first)
		if b, ok := message.ContactExpires(c); ok && b < a {
			first = c
		}
	}
	return first, false
}

// keepRoutes keeps the Service-Route (RFC 3608 5) and the GRUU (RFC 5627 4.2) of
// the registration, for the requests to come.
func (r *Registration) keepRoutes(res *message.Response, own Address) {
	u := r.ua
	routes, err := message.Addresses(res, "Service-Route")
	if err != nil || len(routes) == 0 {
		delete(u.routes, r.account)
	} else {
		u.routes[r.account] = routes
	}
	delete(u.gruus, r.account)
	if text := own.Params.Value("pub-gruu"); text != "" {
		if uri, err := message.ParseURI(text); err == nil && uri.IsSIP() {
			u.gruus[r.account] = uri
		}
	}
}

// schedule sets the time of the next refresh: at 50 to 90 % of the life, by lot;
// sooner where a detour should end (RFC 3263's preferred server is back).
func (r *Registration) schedule() {
	life := r.status.Expires.Sub(r.ua.cfg.WallClock())
	d := life/2 + r.ua.lot(life*4/10)
	if back := avoidFor + r.ua.jittered(10*time.Second); r.detour && back < d {
		d = back
	}
	r.due.Stop()
	r.due = r.ua.loop.Around(d, r.dueNow)
	r.status.NextTry = r.ua.cfg.WallClock().Add(d)
	r.keepalive()
}
