package sip

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transaction"
	"ringback/sip/transport"
)

// Handler gets what comes to a UA from outside a dialog, on the loop. It must not
// block. A panic in it is answered with 500 and ends nothing else.
type Handler interface {
	// Invited hands over a call that passed admission (source, Require, content,
	// loops). Call s.Handle, then Ring, Progress, Answer, Reject or Redirect, now
	// or later.
	Invited(s *Session)
	// Requested hands over a request that the UA does not serve itself: MESSAGE,
	// and the methods of Policy.Methods. Answer it with Respond.
	Requested(r *IncomingRequest)
}

// UA is a SIP user agent: its listeners, transactions, registrations and
// sessions, on one loop. All methods but Close and LocalAddr are called on the loop.
type UA struct {
	cfg           Config
	loop          *loop.Loop
	log           *slog.Logger
	transport     *transport.Layer
	tx            *transaction.Layer
	listening     map[string]netip.AddrPort // transport (UDP, TCP, TLS) to what was bound
	locator       *locator
	peers         *peerBook
	dialogs       map[dialogKey]*dialog
	sessions      map[*Session]struct{}
	outgoing      map[CallID]*Session // our own calls, to know our requests when they come back
	tables        tables
	nothing       happening // what comes with a stimulus that says all
	service       message.Service
	allow         string // of the service
	lines         ownLines
	keyrings      map[*Account]*keyring
	routes        map[*Account][]Address       // Service-Route of the registrations
	gruus         map[*Account]URI             // RFC 5627, of the registrations
	public        map[*Account]netip.AddrPort  // what a NAT made of our UDP address
	outbound      map[*Account]bool            // the registrar reaches it by the flow of its binding (RFC 5626)
	registrations []*Registration              // in the order in which they began
	bindings      map[*Account][]*Registration // the same, by account
	publications  []*Publication
	subscriptions []*Subscription                   // forks too
	awaited       map[subscriptionKey]*Subscription // whose SUBSCRIBE is out or made a dialog
	turns         turns
	admission     rateGate    // new INVITEs
	strangers     rateGate    // answers to those who may begin nothing
	watch         *loop.Timer // of the next look at clocks and addresses
	wall, mono    time.Time   // at the last one
	count         counters
	open          int             // requests of ours without a final answer
	pick          func(n int) int // a random number below n
	lastHost      struct {        // of hostText
		addr netip.Addr
		text string
	}
	last struct { // what dialogs were last told by their far ends, who mostly say the same
		allow   methodSet
		contact string
		target  URI
	}
	closed atomic.Bool
}

// NewUA makes a user agent and opens its listeners. The loop may be running or
// not. Any goroutine. An address that is in use or not ours is named in the error.
func NewUA(cfg Config) (*UA, error) {
	if err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	u := &UA{cfg: cfg, loop: cfg.Loop, log: cfg.Log, listening: map[string]netip.AddrPort{},
		peers: newPeerBook(), dialogs: map[dialogKey]*dialog{}, sessions: map[*Session]struct{}{},
		outgoing: map[CallID]*Session{}, pick: cfg.Random,
		tables: machines(), service: baseService(cfg.Policy, cfg.Limits),
		keyrings: map[*Account]*keyring{}, bindings: map[*Account][]*Registration{}, routes: map[*Account][]Address{}, gruus: map[*Account]URI{}, public: map[*Account]netip.AddrPort{}, outbound: map[*Account]bool{},
		awaited: map[subscriptionKey]*Subscription{}, admission: rateGate{perSecond: cfg.Limits.InvitesPerSec}, strangers: rateGate{perSecond: cfg.Limits.StrangersPerSec}}
	u.allow = u.service.Allow()
	u.lines = newOwnLines(u.allow, cfg.UserAgent)
	if err := u.openLayers(); err != nil {
		return nil, err
	}
	for _, l := range cfg.Listen {
		bound, err := u.transport.Listen(context.Background(), strings.ToUpper(l.Transport), l.Address)
		if err != nil {
			u.transport.Close()
			return nil, err
		}
		if _, have := u.listening[strings.ToUpper(l.Transport)]; !have {
			u.listening[strings.ToUpper(l.Transport)] = bound
		}
	}
	return u, nil
}

// LocalAddr is the first address bound for a transport (udp, tcp, tls); the zero
// value when there is none. Any goroutine.
func (u *UA) LocalAddr(transport string) netip.AddrPort {
	return u.listening[strings.ToUpper(transport)]
}

// Counters are what was refused, dropped and recovered, by cause, and under names
// that end with .open what there is of calls, dialogs and transactions now. Loop
// goroutine.
func (u *UA) Counters() map[string]uint64 {
	all := u.Counted()
	all["sip.sessions.open"], all["sip.dialogs.open"] = uint64(len(u.sessions)), uint64(len(u.dialogs))
	for name, n := range u.tx.Open() {
		all["transaction."+name] = n
	}
	return all
}

// Counted is what was refused, dropped and recovered since the start, by cause. Any
// goroutine.
func (u *UA) Counted() map[string]uint64 {
	all := u.count.snapshot()
	all["sip.panics"] += u.loop.Panics()
	for name, n := range u.transport.Counters() {
		all["transport."+name] = n
	}
	for name, n := range u.tx.Counters() {
		all["transaction."+name] = n
	}
	return all
}

// Resent is how many messages were sent again since the start, because their answer or
// ACK did not come in time or their request came again. Any goroutine.
func (u *UA) Resent() uint64 {
	n := u.count.snapshot()["sip.answer.resent"]
	of := u.tx.Counters()
	return n + of["client.resent"] + of["server.resent"]
}

// Close waits until our requests have their answers or ctx is done, then closes
// the listeners and waits for every goroutine. Hang the sessions up before. Any
// goroutine but the loop's.
func (u *UA) Close(ctx context.Context) error {
	if u.closed.Swap(true) {
		return nil
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		open := 0
		if err := u.loop.Do(ctx, func() { open = u.open }); err != nil || open == 0 {
			break
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			continue
		case <-ctx.Done():
			timer.Stop()
		}
		break
	}
	_ = u.loop.Do(ctx, func() {
		u.watch.Stop()
		u.tx.Close()
	})
	u.locator.close()
	u.transport.Close()
	return ctx.Err()
}

// leastBacklog is how many messages of a socket may wait for the loop, where more calls a
// second are not let in: they are what has come while it was kept from running.
const leastBacklog = 256

// openLayers makes the transport and the transactions, which need each other.
func (u *UA) openLayers() error {
	files, err := u.cfg.TLS.build(u.log)
	if err != nil {
		return fmt.Errorf("make user agent: %w", err)
	}
	u.transport, err = transport.New(transport.Config{Loop: u.loop, Network: u.cfg.Network, Log: u.log,
		TLSClient: files.client, TLSServer: files.server(), WSPath: u.cfg.WSPath, Trace: u.trace(),
		Limits:       transport.Limits{Backlog: max(leastBacklog, u.cfg.Limits.InvitesPerSec)},
		OnMessage:    func(in transport.Inbound) { u.tx.Receive(in) },
		OnFlowClosed: u.flowClosed})
	if err != nil {
		return fmt.Errorf("make user agent: %w", err)
	}
	resolver := u.cfg.Resolver
	if resolver == nil {
		resolver = NewResolver(DNSConfig{Network: u.cfg.Network})
	}
	u.locator = newLocator(u.loop, resolver, u.pick)
	// What the INVITEs that are let in bring along has room: a call's requests stay for
	// 32 s each.
	most := u.cfg.Limits.InvitesPerSec
	u.tx = transaction.New(transaction.Config{Loop: u.loop, Transport: u.transport, Log: u.log,
		T1: u.cfg.T1, T2: u.cfg.T2, T4: u.cfg.T4,
		Limits: transaction.Limits{Clients: 200 * most, Servers: 200 * most, ServersPerSource: 100 * most}})
	u.tx.OnStateless(u.takeStateless)
	u.tx.OnRequest(u.receive)
	u.tx.OnAck(u.receiveAck)
	return nil
}

// flowClosed tells the transactions, then the registrations, that a connection
// has ended.
func (u *UA) flowClosed(flow Flow, cause error) {
	u.tx.FlowClosed(flow, cause)
	for _, r := range slices.Clone(u.registrations) {
		r.flowEnded(flow, cause)
	}
}

// keyring is what is known of an account's realms and nonces.
func (u *UA) keyring(a *Account) *keyring {
	k := u.keyrings[a]
	if k == nil {
		k = newKeyring(a)
		u.keyrings[a] = k
	}
	return k
}

// serviceRoute is the Service-Route that an account's registration brought.
func (u *UA) serviceRoute(a *Account) []Address { return u.routes[a] }

// guard runs fn; a panic in it is recovered, counted and logged, and after runs.
func (u *UA) guard(what string, fn func(), after func()) {
	defer func() {
		if cause := recover(); cause != nil {
			u.recovered(what, cause)
			if after != nil {
				after()
			}
		}
	}()
	fn()
}

func (u *UA) recovered(what string, cause any) {
	u.count.add("panics")
	u.log.Error("recovered a panic", "in", what, "cause", fmt.Sprint(cause), slog.String("stack", string(debug.Stack())))
}
