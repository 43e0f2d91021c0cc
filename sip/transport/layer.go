package transport

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ringback/sip/message"
)

// Layer is the transport of one user agent. Make one with New.
type Layer struct {
	cfg     Config
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	counts  counters
	faults  [message.Faults]atomic.Uint64 // of what was not admitted
	nowhere string                        // a host that cannot be dialled: who we are on a WebSocket
	secret  [16]byte                      // keys the To tags of stateless answers
	refuse  rateGate                      // of what is not admitted
	buffers sync.Pool                     // *[]byte, that datagrams are written in

	mu        sync.Mutex
	closed    bool
	sockets   []*socket
	listeners []*listener
	pool      map[poolKey]*conn
	conns     map[*conn]struct{}
	accepted  map[netip.Addr]int
	known     map[netip.Addr]struct{} // whose connections strangers do not keep out
	dials     map[poolKey][]func(Flow, error)
	noTCP     map[netip.AddrPort]time.Time // until when UDP peers are not tried by TCP
}

// poolKey finds a connection again. A TLS connection is only found by the name
// that it was verified for (RFC 5922 7, CVE-2020-15260).
type poolKey struct {
	transport  string
	remote     netip.AddrPort
	serverName string
}

// New makes a Layer without listeners. Any goroutine. Close it.
func New(cfg Config) (*Layer, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	l := &Layer{cfg: cfg, pool: map[poolKey]*conn{}, conns: map[*conn]struct{}{},
		accepted: map[netip.Addr]int{}, known: map[netip.Addr]struct{}{}, dials: map[poolKey][]func(Flow, error){}, noTCP: map[netip.AddrPort]time.Time{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	if _, err := rand.Read(l.secret[:]); err != nil {
		return nil, fmt.Errorf("make transport: %w", err)
	}
	l.nowhere = hex.EncodeToString(l.secret[:6]) + ".invalid"
	return l, nil
}

// Nowhere is the host of our Via and Contact on a WebSocket (RFC 7118 section 5): drawn,
// and not to be dialled.
func (l *Layer) Nowhere() string { return l.nowhere }

// Listen opens a UDP socket or a TCP or TLS listener on host:port and returns
// the address it has, with the port that was picked for port 0.
func (l *Layer) Listen(ctx context.Context, transport, addr string) (netip.AddrPort, error) {
	var local netip.AddrPort
	var err error
	switch transport {
	case "UDP":
		local, err = l.listenUDP(ctx, addr)
	case "TCP", "TLS", "WS", "WSS":
		local, err = l.listenStream(ctx, transport, addr)
	default:
		err = fmt.Errorf("unknown transport %q; use UDP, TCP, TLS, WS or WSS", transport)
	}
	var system *net.OpError // says the same once more
	if errors.As(err, &system) {
		err = system.Err
	}
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen on %s %s: %w", transport, addr, err)
	}
	return local, nil
}

// LocalAddr is the address of the first listener of a transport, or the zero
// AddrPort.
func (l *Layer) LocalAddr(transport string) netip.AddrPort {
	l.mu.Lock()
	defer l.mu.Unlock()
	if transport == "UDP" {
		if len(l.sockets) > 0 {
			return l.sockets[0].local
		}
		return netip.AddrPort{}
	}
	for _, ln := range l.listeners {
		if ln.transport == transport {
			return ln.local
		}
	}
	return netip.AddrPort{}
}

// Direct is the way to a target to which none has to be opened first: over UDP, unless
// the request is so large that GetFlow tries TCP. false: ask GetFlow.
func (l *Layer) Direct(t Target) (Flow, bool) {
	addr := t.Addr.Addr().Unmap()
	if t.Transport != "UDP" || t.Size > MaxUDPRequest || !addr.IsValid() || t.Addr.Port() == 0 {
		return nil, false
	}
	t.Addr = netip.AddrPortFrom(addr, t.Addr.Port())
	s := l.socketFor(t)
	if s == nil {
		return nil, false
	}
	return udpFlow{s, t.Addr}, true
}

// GetFlow finds or opens the way to a target and hands it to cb on the loop,
// exactly once. An open connection is used again; dials to one target under way
// are shared.
func (l *Layer) GetFlow(t Target, cb func(Flow, error)) {
	t.Addr = netip.AddrPortFrom(t.Addr.Addr().Unmap(), t.Addr.Port())
	done := func(f Flow, err error) {
		if err != nil {
			f, err = nil, fmt.Errorf("reach %s: %w", t, err)
		}
		l.cfg.Loop.Post(func() { cb(f, err) })
	}
	switch {
	case !isTransport(t.Transport):
		done(nil, fmt.Errorf("unknown transport %q; use UDP, TCP, TLS, WS or WSS", t.Transport))
	case !t.Addr.IsValid() || t.Addr.Port() == 0:
		done(nil, fmt.Errorf("%s is no address with a port", t.Addr))
	case t.Transport == "UDP":
		l.getUDP(t, done)
	case secured(t.Transport) && t.ServerName == "" && !t.Reuse:
		done(nil, ErrNoServerName)
	default:
		l.getConn(t, done)
	}
}

// Send puts a message on a flow as it is. A request goes to the flow's peer. A
// response goes where RFC 3261 18.2.2 and RFC 3581 4 say for its top Via, which
// must be the one that came over this flow: the same connection; for UDP the
// source address, and its port where rport is. Over TCP that has closed a new
// connection to the source address is opened; the host named in Via is never
// asked. failed, which may be nil, is called on the loop, once, when the bytes could
// not be handed to the network; of those that were nothing is told.
func (l *Layer) Send(f Flow, m message.Message, failed func(error)) {
	switch to := f.(type) {
	case udpFlow:
		l.sent(f, to.send(m), failed)
	case *conn:
		report := func(err error) { l.sent(f, err, failed) }
		data := message.Bytes(m)
		if res, ok := m.(*message.Response); ok && to.Closed() {
			l.respondAnew(to, res, data, report)
			return
		}
		to.send(data, report)
	default:
		l.sent(f, fmt.Errorf("flow of another layer"), failed)
	}
}

// SendAgain sends a datagram that Datagram gave, as Send does the response that it is of.
func (l *Layer) SendAgain(d Datagram, failed func(error)) {
	if err := d.to.write(d.data); err != nil {
		l.sent(d.to, err, failed)
	}
}

// sent tells that a message did not get away.
func (l *Layer) sent(f Flow, err error, failed func(error)) {
	if err == nil {
		return
	}
	l.counts.add(countSendError, 1)
	if err = fmt.Errorf("send over %s: %w", f, err); failed != nil {
		l.cfg.Loop.Post(func() { failed(err) })
	}
}

// knownMost bounds the addresses that Know remembers.
const knownMost = 256

// Know makes room for an address: its connections are accepted, up to
// Limits.ConnectionsPerIP, also when strangers hold all of Limits.Connections.
func (l *Layer) Know(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.known) < knownMost {
		l.known[addr.Unmap()] = struct{}{}
	}
}

// CloseFlow ends a connection; what waits to be sent is dropped. UDP flows need
// no closing.
func (l *Layer) CloseFlow(f Flow) {
	if c, ok := f.(*conn); ok {
		c.close(ErrFlowClosed)
	}
}

// Counters are what happened since the start, by cause; what was not admitted also by
// what was wrong with it, "rejected.version" and so on, where it happened at all.
func (l *Layer) Counters() map[string]uint64 {
	all := l.counts.snapshot()
	for i := range l.faults {
		if n := l.faults[i].Load(); n > 0 {
			all["rejected."+message.Fault(i).String()] = n
		}
	}
	return all
}

// Connections is the number of open TCP and TLS connections.
func (l *Layer) Connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Flows are the open TCP and TLS connections, in no order.
func (l *Layer) Flows() []Flow {
	l.mu.Lock()
	defer l.mu.Unlock()
	open := make([]Flow, 0, len(l.conns))
	for c := range l.conns {
		open = append(open, c)
	}
	return open
}

// Close ends all connections, sockets, dials and listeners, and waits for every
// goroutine of the Layer. Not on the loop. Callbacks that are posted meanwhile
// still run while the loop does.
func (l *Layer) Close() {
	l.mu.Lock()
	l.closed = true
	sockets, listeners := l.sockets, l.listeners
	conns := make([]*conn, 0, len(l.conns))
	for c := range l.conns {
		conns = append(conns, c)
	}
	l.mu.Unlock()
	l.cancel()
	for _, s := range sockets {
		s.io.close()
	}
	for _, ln := range listeners {
		ln.Close()
	}
	for _, c := range conns {
		c.close(ErrClosed)
	}
	l.wg.Wait()
}

// start runs fn on a goroutine that Close waits for; false when closed.
func (l *Layer) start(fn func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.startLocked(fn)
}

func (l *Layer) startLocked(fn func()) bool {
	if l.closed {
		return false
	}
	l.wg.Go(fn)
	return true
}

func (l *Layer) trace(dir Direction, f Flow, raw []byte) {
	if l.cfg.Trace != nil {
		l.cfg.Trace(dir, f, raw, time.Now())
	}
}

func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	case nil:
		return ap
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
