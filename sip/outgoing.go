package sip

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
	"ringback/sip/transport"
)

// hop is where a request goes first.
type hop struct {
	uri   URI
	flow  Flow              // used as long as it lives; nil: uri is resolved
	again *transport.Target // where such a flow led that is gone: tried before what uri resolves to; nil: none did
}

// before is where the flow led that is gone, or nothing.
func (h hop) before() []transport.Target {
	if h.again == nil {
		return nil
	}
	return []transport.Target{*h.again}
}

// replyTo gets what becomes of a request. Any of its functions may be nil.
type replyTo struct {
	sent     func(*message.Request) // the request as it goes out, again with credentials
	response func(*message.Response, Flow)
	failed   func(error)
}

// exchangeOptions is one request of ours.
type exchangeOptions struct {
	account *Account // whose credentials; nil: none are ever sent
	req     *message.Request
	hop     hop
	seq     func() uint32     // the CSeq number of a retry
	timeout time.Duration     // in place of timer B or F; zero: 64*T1, less while other servers wait
	t1      time.Duration     // until the first repetition over UDP; zero: T1
	prefer  *transport.Target // taken first when it is among the servers found; nil: none
	ours    bool              // the servers found count as the account's own
	contact func(Flow) string // the Contact of a request that has one; nil: UA.contact
	replyTo
}

// exchange carries one request of ours to its final response: it resolves, goes
// on to the next server (RFC 3263 4.3) and answers challenges of the account's own
// realms (RFC 3261 22).
type exchange struct {
	exchangeOptions
	ua        *UA
	targets   []transport.Target // those still to be tried
	reserve   *transport.Target  // among them, though the DNS does not name it; nil: none
	doubt     *DoubtError        // why the DNS is not followed; nil: it is
	target    transaction.Target // the present one
	client    *transaction.Client
	auth      *attempt
	authErr   error // why the last challenge was not answered
	passed    bool  // a better server failed
	heard     bool  // the present server has answered something
	cancelled bool
	because   []Header
	done      bool
}

// start begins an exchange. Nothing is called back before it has returned.
func (u *UA) start(o exchangeOptions) *exchange {
	e := &exchange{exchangeOptions: o, ua: u}
	u.open++
	if f := o.hop.flow; f != nil && !f.Closed() {
		e.try(transaction.Target{Flow: f, Target: transport.Target{Transport: f.Transport(), Addr: f.Remote(), ServerName: f.ServerName()}})
		return e
	}
	again := o.hop.before()
	if len(again) > 0 && !dialable(o.hop.uri) {
		e.targets = again
		e.next()
		return e
	}
	if targets := u.locator.literal(o.hop.uri, u.preferred(o.account)); targets != nil {
		e.found(targets, nil)
		return e
	}
	u.locate(o.hop.uri, u.preferred(o.account), func(targets []transport.Target, err error) {
		switch {
		case e.done:
		case e.cancelled:
			e.fail(transaction.ErrCancelled)
		default:
			e.found(targets, err)
		}
	})
	return e
}

// next tries the next server.
func (e *exchange) next() {
	if len(e.targets) == 0 {
		e.fail(fmt.Errorf("%w: %s has no address", transaction.ErrTransport, e.hop.uri.Host))
		return
	}
	t := transaction.Target{Target: e.targets[0], Timeout: e.timeout, T1: e.t1}
	t.Local = e.ua.localFor(t.Target)
	e.passed = e.target.Addr.IsValid()
	e.targets = e.targets[1:]
	if sooner := 16 * e.ua.cfg.T1; len(e.targets) > 0 && (t.Timeout == 0 || t.Timeout > sooner) {
		t.Timeout = sooner // than timer B: another server waits
	}
	e.try(t)
}

// try sends the request to a server.
func (e *exchange) try(t transaction.Target) {
	t.Timeout = cmp.Or(t.Timeout, e.timeout)
	e.heard, e.target = false, t
	e.auth = nil
	if e.client != nil { // an earlier transaction has the request as it was
		e.req = message.Clone(e.req)
	}
	home := e.home(t.Addr)
	if e.account != nil {
		e.auth = e.ua.keyring(e.account).attempt(home, e.req.Method == message.REGISTER)
		e.auth.at = t.Addr.Addr()
		message.Remove(e.req, "Authorization")
		message.Remove(e.req, "Proxy-Authorization")
		if home && len(e.auth.ring.nonces) > 0 { // nobody else gets any
			e.credit(e.auth.first(e.signed()))
		}
	}
	e.send()
}

func (e *exchange) send() {
	t := e.target
	t.Prepare = func(req *message.Request, flow transport.Flow) {
		if message.Has(req, "Contact") {
			contact := e.ua.contact(e.account, flow)
			if e.exchangeOptions.contact != nil {
				contact = e.exchangeOptions.contact(flow)
			}
			if message.Value(req, "Contact") != contact {
				message.Set(req, "Contact", contact)
			}
		}
	}
	if account, peers := e.account, e.ua.peers; account != nil { // the transaction outlives us by half a minute, and need not hold us
		t.Peers = func(a netip.AddrPort) bool { return peers.has(account, a.Addr()) }
	}
	if e.sent != nil {
		e.sent(e.req)
	}
	e.client = e.ua.tx.Request(e.req, t, e)
}

// home reports whether an address is the account's registrar or proxy: only it
// ever gets credentials (R16).
func (e *exchange) home(addr netip.AddrPort) bool {
	return e.account != nil && e.ua.peers.has(e.account, addr.Addr())
}

func (e *exchange) signed() signed {
	return signed{method: string(e.req.Method), uri: e.req.Recipient.String(), body: e.req.Body()}
}

func (e *exchange) credit(list []credential) {
	for _, c := range list {
		message.Add(e.req, c.name, c.value)
	}
}

// OnResponse implements transaction.ClientHandler.
func (e *exchange) OnResponse(res *message.Response, flow transport.Flow) {
	code := res.StatusCode
	switch {
	case code < 200:
		e.heard = true
		e.ua.locator.restore(e.target.Target)
		e.tell(res, flow)
		return
	case !e.cancelled && (code == 401 || code == 407) && e.answerChallenge(res):
		return
	case code == 503:
		after, _ := message.RetryAfter(res)
		e.ua.locator.avoid(e.target.Target, after)
		if !e.cancelled && len(e.targets) > 0 {
			e.doubtful(errors.New("it answers 503"))
			e.next()
			return
		}
	case code >= 400 && code != 423 && e.req.Method == message.REGISTER && e.doubtful(cmp.Or(e.authErr, fmt.Errorf("it answers %d %s", code, res.Reason))):
		e.authErr = nil
		e.ua.locator.avoid(e.target.Target, 0)
		e.next()
		return
	default:
		e.ua.locator.restore(e.target.Target)
	}
	e.learnNonce(res)
	e.end()
	e.tell(res, flow)
}

// OnFailure implements transaction.ClientHandler.
func (e *exchange) OnFailure(err error) {
	if !e.heard && e.target.Addr.IsValid() && !errors.Is(err, transaction.ErrCancelled) {
		e.ua.locator.avoid(e.target.Target, 0)
	}
	if !e.cancelled && !e.heard && len(e.targets) > 0 &&
		(errors.Is(err, transaction.ErrTransport) || errors.Is(err, transaction.ErrTimeout)) {
		e.doubtful(err)
		e.next()
		return
	}
	e.fail(err)
}

// mute ends the exchange for its user; what is on the wire runs out by itself.
func (e *exchange) mute() {
	e.replyTo = replyTo{}
	if e.client != nil {
		e.client.Abandon()
	}
	e.end()
}

func (e *exchange) tell(res *message.Response, flow Flow) {
	if e.response != nil {
		e.response(res, flow)
	}
}

func (e *exchange) fail(err error) {
	e.end()
	if e.doubt != nil && !errors.Is(err, transaction.ErrCancelled) {
		err = fmt.Errorf("%w: %w", err, e.doubt)
	}
	if e.failed != nil {
		e.failed(err)
	}
}

func (e *exchange) end() {
	if !e.done {
		e.done = true
		e.ua.open--
	}
}

// answerChallenge sends the request again with credentials and the next CSeq, and
// reports whether it did; else the 401 or 407 stands (wrong password, foreign
// realm, no algorithm that is allowed).
func (e *exchange) answerChallenge(res *message.Response) bool {
	if e.auth == nil || e.seq == nil {
		return false
	}
	var all []challenged
	for _, v := range message.Values(res, "WWW-Authenticate") {
		all = append(all, challenged{false, v})
	}
	for _, v := range message.Values(res, "Proxy-Authenticate") {
		all = append(all, challenged{true, v})
	}
	list, err := e.auth.answer(all, e.signed())
	if err != nil {
		e.authErr = err
		e.ua.count.add(challengeCause(err))
		e.ua.log.Warn("cannot authenticate", "method", string(e.req.Method), "cause", err)
		return false
	}
	req := message.Clone(e.req)
	message.Remove(req, "Authorization")
	message.Remove(req, "Proxy-Authorization")
	e.req = req
	message.Set(req, "CSeq", message.CSeq{Seq: e.seq(), Method: req.Method}.String())
	e.credit(list)
	if f := e.client.Flow(); f != nil && !f.Closed() {
		e.target.Flow = f
	}
	e.send()
	return true
}

// learnNonce takes the nonce that a server wants to see next (RFC 7616 3.5).
func (e *exchange) learnNonce(res *message.Response) {
	if e.auth == nil || res.StatusCode >= 300 {
		return
	}
	if v := message.Value(res, "Authentication-Info"); v != "" {
		e.auth.learn(false, v)
	}
	if v := message.Value(res, "Proxy-Authentication-Info"); v != "" {
		e.auth.learn(true, v)
	}
}

// cancel gives an INVITE up; its final response still comes.
func (e *exchange) cancel(headers []Header) {
	e.cancelled, e.because = true, headers
	if e.client != nil && !e.done {
		e.client.Cancel(headers...)
	}
}

// preferred is the transport for URIs that name none, in the form of a Via; empty
// where the account leaves it to the DNS (RFC 3263 4.1).
func (u *UA) preferred(a *Account) string {
	if a != nil {
		return wanted(a.Transport)
	}
	for _, t := range []string{"UDP", "TCP", "TLS"} {
		if _, ok := u.listening[t]; ok {
			return t
		}
	}
	return "UDP"
}

// wanted is a configured transport in the form of a Via; empty: the DNS decides.
func wanted(transport string) string {
	if strings.EqualFold(transport, Auto) {
		return ""
	}
	return upper(cmp.Or(transport, "UDP"))
}

// way is the transport for URIs that name none, as far as it is known without the DNS.
func (u *UA) way(a *Account) string { return cmp.Or(u.preferred(a), "UDP") }

// inside sends a request in a session's dialog. What comes back is guarded: a
// panic ends this session only.
func (s *Session) inside(d *dialog, req *message.Request, to *replyTo) *exchange {
	if to == nil {
		to = &replyTo{}
	}
	return s.ua.start(exchangeOptions{account: d.account, req: req, hop: d.hop(), seq: d.nextSeq, replyTo: replyTo{
		sent: to.sent,
		response: func(res *message.Response, flow Flow) {
			if to.response != nil {
				s.guarded("response in dialog", func() { to.response(res, flow) })
			}
		},
		failed: func(err error) {
			if to.failed != nil {
				s.guarded("failure in dialog", func() { to.failed(err) })
			}
		}}})
}

// Request sends a request outside a dialog and calls done once with what became
// of it, never before it has returned.
func (u *UA) Request(a *Account, o RequestOptions, done func(Reply)) {
	begin := u.loop.Now()
	fail := func(err error) { u.loop.After(0, func() { done(Reply{Err: err}) }) }
	if u.closed.Load() {
		fail(ErrClosed)
		return
	}
	req, err := u.outside(a, o)
	if err != nil {
		fail(err)
		return
	}
	var seq uint32 = 1
	finished := false
	var e *exchange
	finish := func(r Reply) {
		if !finished {
			finished = true
			if e != nil {
				r.Auth, r.Server = e.authErr, e.target.Addr
			}
			r.RTT, r.CallID = u.loop.Now().Sub(begin), CallID(message.CallID(req))
			u.guard("reply", func() { done(r) }, nil)
		}
	}
	first := u.firstHop(req, a)
	if o.Home && a != nil && !message.Has(req, "Route") {
		first = registrarOf(a)
	}
	e = u.start(exchangeOptions{account: a, req: req, hop: hop{uri: first, flow: o.Flow},
		seq: func() uint32 { seq++; return seq }, replyTo: replyTo{
			response: func(res *message.Response, flow Flow) {
				if res.StatusCode >= 200 {
					finish(Reply{Code: res.StatusCode, Reason: res.Reason, Headers: message.Headers(res), Flow: flow,
						ContentType: message.Value(res, "Content-Type"), Body: res.Body()})
				}
			},
			failed: func(err error) { finish(Reply{Err: fmt.Errorf("send %s: %w", o.Method, err)}) }}})
	if o.Timeout > 0 {
		u.loop.After(o.Timeout, func() { finish(Reply{Err: fmt.Errorf("send %s: %w", o.Method, transaction.ErrTimeout)}) })
	}
}

// outside builds a request outside a dialog.
func (u *UA) outside(a *Account, o RequestOptions) (*message.Request, error) {
	if !o.To.IsSIP() || o.To.Host == "" {
		return nil, fmt.Errorf("send %s to %q: not a SIP address", o.Method, o.To.String())
	}
	if err := message.CheckValue(o.Method, o.ContentType); err != nil {
		return nil, fmt.Errorf("send %s: %w", o.Method, err)
	}
	target := o.To
	if o.Target != nil {
		target = *o.Target
	}
	from := o.From
	if from == nil && a == nil {
		from = &Address{URI: URI{Scheme: "sip", User: "ringback", Host: u.anyHost()}}
	}
	req := u.begin(message.Method(o.Method), target)
	u.preload(req, a)
	u.identify(req, parties{local: u.fromFor(a, from), localTag: message.NewTag(), remote: Address{URI: o.To.Bare()},
		callID: CallID(message.NewCallID()), seq: 1})
	if oneOf(o.Method, "SUBSCRIBE", "REFER", "OPTIONS") {
		message.Add(req, "Contact", u.contact(a, o.Flow))
	}
	if o.Method == "OPTIONS" {
		message.Add(req, "Accept", typeSDP)
	}
	u.sign(req)
	for _, h := range o.Headers {
		add := addHeader
		if o.Method == "REGISTER" {
			add = addOwnContact // the binding is the caller's
		}
		if err := add(req, h); err != nil {
			return nil, fmt.Errorf("send %s: %w", o.Method, err)
		}
	}
	message.SetBody(req, o.ContentType, o.Body)
	return req, nil
}
