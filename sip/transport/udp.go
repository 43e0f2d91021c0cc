package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"ringback/sip/message"
)

// socket is one UDP socket and its reader.
type socket struct {
	l       *Layer
	io      datagrams
	local   netip.AddrPort
	via     message.Via  // of requests; without a host where the socket is bound to no address
	waiting atomic.Int64 // messages that the loop has not taken yet
	peer    Flow         // the one that a message came from last; the reader's

	mu      sync.Mutex
	sources map[netip.Addr]sourceAddr // by peer; only for unspecified binds
}

// readBuffer is what the system is asked to hold for a socket while its reader
// is busy, in bytes.
const readBuffer = 1 << 20

// udpFlow is a value, so that peers cost no state.
type udpFlow struct {
	s      *socket
	remote netip.AddrPort
}

func (l *Layer) listenUDP(ctx context.Context, addr string) (netip.AddrPort, error) {
	pc, err := l.cfg.Network.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if b, ok := pc.(interface{ SetReadBuffer(int) error }); ok {
		if err := b.SetReadBuffer(readBuffer); err != nil {
			l.cfg.Log.Debug("socket keeps its own buffer size", "cause", err)
		}
	}
	s := &socket{l: l, io: newDatagrams(pc), local: addrPortOf(pc.LocalAddr()), sources: map[netip.Addr]sourceAddr{}}
	if !s.local.Addr().IsUnspecified() {
		s.via = viaFor("UDP", s.local)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.startLocked(s.read) {
		s.io.close()
		return netip.AddrPort{}, ErrClosed
	}
	l.sockets = append(l.sockets, s)
	return s.local, nil
}

// read runs until the socket closes.
func (s *socket) read() {
	in := s.newInbox()
	take := func(data []byte, from netip.AddrPort, at time.Time) { s.receive(data, from, at, in) }
	pause := time.Millisecond
	for {
		err := s.io.read(take)
		if len(in.list) > 0 {
			in.post()
			in = s.newInbox() // the loop has the other
		}
		if err == nil {
			pause = time.Millisecond
			continue
		}
		if errors.Is(err, net.ErrClosed) || s.l.ctx.Err() != nil {
			return
		}
		// An ICMP error of some peer, or no memory: not the socket's end.
		if !sleep(s.l.ctx, pause) {
			return
		}
		pause = min(2*pause, time.Second)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// receive admits one datagram and adds it to what goes to the loop.
func (s *socket) receive(data []byte, from netip.AddrPort, at time.Time, to *inbox) {
	l := s.l
	defer l.recoverPanic()
	l.counts.add(countBytesIn, len(data))
	f := s.flow(from)
	l.trace(In, f, data)
	if isKeepalive(data) {
		l.counts.add(countKeepalives, 1)
		return
	}
	m, err := message.Parse(data)
	if err != nil {
		l.reject(f, err, len(data), at, func(answer []byte, res *message.Response) {
			_ = udpFlow{s, from}.forResponse(res).write(answer)
		})
		return
	}
	if s.waiting.Load() >= int64(l.cfg.Limits.Backlog) {
		l.counts.add(countDropBacklog, 1)
		return
	}
	if l.stamp(f, m) {
		s.waiting.Add(1)
		to.list = append(to.list, Inbound{Msg: m, Flow: f, At: at, Size: len(data)})
	}
}

// flow is the way to a peer. Many messages in a row come from one.
func (s *socket) flow(to netip.AddrPort) Flow {
	if s.peer == nil || s.peer.Remote() != to {
		s.peer = udpFlow{s, to}
	}
	return s.peer
}

// isKeepalive says that a datagram holds nothing but line ends, NULs or blanks,
// as phones and NATs send them to keep a way open.
func isKeepalive(data []byte) bool {
	for _, c := range data {
		if c != '\r' && c != '\n' && c != 0 && c != ' ' {
			return false
		}
	}
	return true
}

// stamp notes in a request where it came from, and counts the message; false when
// nobody could answer it.
func (l *Layer) stamp(f Flow, m message.Message) bool {
	if req, ok := m.(*message.Request); ok {
		if err := message.StampVia(req, f.Remote()); err != nil {
			l.counts.add(countDropUnanswerable, 1)
			return false
		}
	}
	l.counts.add(countReceived, 1)
	return true
}

// reject counts a message that was not admitted and answers it where it can.
func (l *Layer) reject(f Flow, err error, size int, at time.Time, write func([]byte, *message.Response)) {
	var r *message.Reject
	if !errors.As(err, &r) {
		return
	}
	l.counts.add(countRejected, 1)
	l.faults[r.Fault%message.Faults].Add(1)
	l.cfg.Log.Debug("refused a message", "flow", f.String(), "code", r.Code, "cause", r.Cause)
	switch {
	case r.Head != nil && !l.refuse.pass(at, l.cfg.Limits.RejectsPerSec):
		l.counts.add(countUnanswered, 1) // whoever sends garbage may have made its source up
	case r.Head != nil:
		if err := message.StampVia(r.Head, f.Remote()); err != nil {
			l.cfg.Log.Debug("answer goes to the source", "cause", err)
		}
		if res := r.Response(message.StatelessTag(l.secret[:], r.Head)); res != nil {
			l.counts.add(countAnswered, 1)
			write(message.Bytes(res), res)
		}
	default:
		l.counts.add(countDropUnanswerable, 1)
	}
	if l.cfg.OnReject != nil {
		in := Inbound{Reject: r, Flow: f, At: at, Size: size}
		l.cfg.Loop.Post(func() { l.cfg.OnReject(in) })
	}
}

// rateGate lets so many through in each second. Any goroutine.
type rateGate struct {
	mu     sync.Mutex
	second time.Time
	used   int
}

func (g *rateGate) pass(now time.Time, perSecond int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.second) >= time.Second {
		g.second, g.used = now, 0
	}
	g.used++
	return g.used <= perSecond
}

func (l *Layer) recoverPanic() {
	if cause := recover(); cause != nil {
		l.counts.add(countPanics, 1)
		l.cfg.Log.Error("recovered a panic while receiving", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	}
}

// getUDP picks the socket for a target, by way of TCP when the request is large.
func (l *Layer) getUDP(t Target, done func(Flow, error)) {
	if t.Size > MaxUDPRequest && l.mayTryTCP(t.Addr) {
		tcp := t
		tcp.Transport, tcp.Local = "TCP", netip.AddrPort{}
		l.getConn(tcp, func(f Flow, err error) {
			if err == nil {
				done(f, nil)
				return
			}
			l.counts.add(countTCPFallback, 1)
			l.avoidTCP(t.Addr)
			t.Size = 0
			l.getUDP(t, done)
		})
		return
	}
	s := l.socketFor(t)
	if s == nil {
		done(nil, ErrNoSocket)
		return
	}
	done(udpFlow{s, t.Addr}, nil)
}

// A peer that refused TCP is not asked again for a while, so that a filtered
// port does not hold up each call.
const (
	noTCPFor  = 5 * time.Minute
	noTCPMost = 64
)

func (l *Layer) mayTryTCP(addr netip.AddrPort) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !time.Now().Before(l.noTCP[addr])
}

func (l *Layer) avoidTCP(addr netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.noTCP) >= noTCPMost {
		clear(l.noTCP)
	}
	l.noTCP[addr] = time.Now().Add(noTCPFor)
}

func (l *Layer) socketFor(t Target) *socket {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sockets {
		if t.Local.IsValid() && t.Local.Port() != s.local.Port() {
			continue
		}
		if t.Local.IsValid() && !s.local.Addr().IsUnspecified() && t.Local.Addr() != s.local.Addr() {
			continue
		}
		if s.local.Addr().Is4() == t.Addr.Addr().Is4() || s.local.Addr() == netip.IPv6Unspecified() {
			return s
		}
	}
	return nil
}

// send writes a message to the flow's peer; a response to where its Via asks for.
func (f udpFlow) send(m message.Message) error {
	if res, ok := m.(*message.Response); ok {
		f = f.forResponse(res)
	}
	pool := &f.s.l.buffers
	buf, ok := pool.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	*buf = message.Append((*buf)[:0], m)
	err := f.write(*buf)
	if cap(*buf) <= mostBuffer {
		pool.Put(buf)
	}
	return err
}

// Datagram is a response as it goes to a UDP peer, to be sent as often as it is wanted:
// all that has to be kept of it.
type Datagram struct {
	to   udpFlow
	data []byte
}

// Datagram is what Send would write of a response to a flow of UDP; false for the others.
func (l *Layer) Datagram(f Flow, res *message.Response) (Datagram, bool) {
	to, ok := f.(udpFlow)
	if !ok {
		return Datagram{}, false
	}
	return Datagram{to.forResponse(res), message.Bytes(res)}, true
}

// mostBuffer is what is kept of a buffer: more than nearly every datagram.
const mostBuffer = 4096

func (f udpFlow) write(data []byte) error {
	if f.s.l.cfg.Trace != nil { // else f would become a Flow for nothing
		f.s.l.trace(Out, f, data)
	}
	if err := f.s.io.write(data, f.remote); err != nil {
		return err
	}
	f.s.l.counts.add(countSent, 1)
	f.s.l.counts.add(countBytesOut, len(data))
	return nil
}

// forResponse is where a response goes: the source address, with the source
// port where the top Via asks for it by rport, else the port of its sent-by.
func (f udpFlow) forResponse(res *message.Response) udpFlow {
	if port := message.AnswerPort(res); port != 0 {
		f.remote = netip.AddrPortFrom(f.remote.Addr(), port)
	}
	return f
}

func (f udpFlow) Transport() string      { return "UDP" }
func (f udpFlow) Reliable() bool         { return false }
func (f udpFlow) Remote() netip.AddrPort { return f.remote }
func (f udpFlow) ServerName() string     { return "" }
func (f udpFlow) Incoming() bool         { return false }
func (f udpFlow) Closed() bool           { return f.s.l.ctx.Err() != nil }
func (f udpFlow) String() string         { return "UDP " + f.s.local.String() + " to " + f.remote.String() }

// Local asks the network for our address towards the peer when the socket is
// bound to none; the answer is kept for a while.
func (f udpFlow) Local() netip.AddrPort {
	if !f.s.local.Addr().IsUnspecified() {
		return f.s.local
	}
	return netip.AddrPortFrom(f.s.sourceFor(f.remote), f.s.local.Port())
}

func (f udpFlow) LocalVia() message.Via {
	if f.s.via.Host != "" {
		return f.s.via
	}
	return viaFor("UDP", f.Local())
}

func viaFor(transport string, local netip.AddrPort) message.Via {
	return message.Via{Transport: transport, Host: local.Addr().WithZone("").String(), Port: local.Port(),
		Params: message.Params{{Name: "rport"}}}
}
