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
	pc      net.PacketConn
	local   netip.AddrPort
	waiting atomic.Int64 // messages that the loop has not taken yet

	mu      sync.Mutex
	sources map[netip.Addr]sourceAddr // by peer; only for unspecified binds
}

// readBuffer is what the system is asked to hold for a socket while its reader
// is busy, in bytes.
const readBuffer = 1 << 20

// sourceAddr is our address towards a peer, and until when it is believed.
type sourceAddr struct {
	addr  netip.Addr
	until time.Time
}

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
	s := &socket{l: l, pc: pc, local: addrPortOf(pc.LocalAddr()), sources: map[netip.Addr]sourceAddr{}}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.startLocked(s.read) {
		pc.Close()
		return netip.AddrPort{}, ErrClosed
	}
	l.sockets = append(l.sockets, s)
	return s.local, nil
}

// read runs until the socket closes.
func (s *socket) read() {
	buf := make([]byte, message.MaxMessage+1)
	pause := time.Millisecond
	for {
		n, from, err := s.pc.ReadFrom(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || s.l.ctx.Err() != nil {
				return
			}
			// An ICMP error of some peer, or no memory: not the socket's end.
			if !sleep(s.l.ctx, pause) {
				return
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		s.receive(buf[:n], addrPortOf(from), time.Now())
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

// receive admits one datagram and hands it on.
func (s *socket) receive(data []byte, from netip.AddrPort, at time.Time) {
	l := s.l
	defer l.recoverPanic()
	l.counts.add(countBytesIn, len(data))
	f := udpFlow{s, from}
	l.trace(In, f, data)
	if isKeepalive(data) {
		l.counts.add(countKeepalives, 1)
		return
	}
	m, err := message.Parse(data)
	if err != nil {
		l.reject(f, err, len(data), at, func(answer []byte, res *message.Response) {
			_ = f.forResponse(res).write(answer)
		})
		return
	}
	if s.waiting.Load() >= int64(l.cfg.Limits.Backlog) {
		l.counts.add(countDropBacklog, 1)
		return
	}
	s.waiting.Add(1)
	l.deliver(f, m, len(data), at, func() { s.waiting.Add(-1) })
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

// deliver stamps a request with where it came from and posts it.
func (l *Layer) deliver(f Flow, m message.Message, size int, at time.Time, taken func()) {
	if req, ok := m.(*message.Request); ok {
		if err := message.StampVia(req, f.Remote()); err != nil {
			l.counts.add(countDropUnanswerable, 1)
			taken()
			return
		}
	}
	l.counts.add(countReceived, 1)
	in := Inbound{Msg: m, Flow: f, At: at, Size: size}
	posted := l.cfg.Loop.Post(func() {
		taken()
		l.cfg.OnMessage(in)
	})
	if !posted {
		taken()
	}
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

func (f udpFlow) write(data []byte) error {
	f.s.l.trace(Out, f, data)
	_, err := f.s.pc.WriteTo(data, net.UDPAddrFromAddrPort(f.remote))
	if err != nil {
		return err
	}
	f.s.l.counts.add(countSent, 1)
	f.s.l.counts.add(countBytesOut, len(data))
	return nil
}

// forResponse is where a response goes: the source address, with the source
// port where the top Via asks for it by rport, else the port of its sent-by.
func (f udpFlow) forResponse(res *message.Response) udpFlow {
	via, err := message.TopVia(res)
	if err != nil || via.Params.Has("rport") {
		return f
	}
	port := via.Port
	if port == 0 {
		port = 5060
	}
	f.remote = netip.AddrPortFrom(f.remote.Addr(), port)
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

func (s *socket) sourceFor(remote netip.AddrPort) netip.Addr {
	const (
		believe = 10 * time.Second
		most    = 256
	)
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.sources[remote.Addr()]; ok && time.Now().Before(known.until) {
		return known.addr
	}
	addr, err := s.l.SourceFor(remote)
	if err != nil {
		return s.local.Addr()
	}
	if len(s.sources) >= most {
		clear(s.sources)
	}
	s.sources[remote.Addr()] = sourceAddr{addr, time.Now().Add(believe)}
	return addr
}

// SourceFor asks the network which of our addresses it would send from to a peer.
// Connecting a UDP socket sends nothing and does not block. An error says that there
// is no way to it.
func (l *Layer) SourceFor(remote netip.AddrPort) (netip.Addr, error) {
	c, err := l.cfg.Network.Dial(l.ctx, "udp", "", remote.String())
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find our address towards %s: %w", remote, err)
	}
	defer c.Close()
	return addrPortOf(c.LocalAddr()).Addr(), nil
}

// ForgetSources makes UDP flows ask the network anew for our addresses: they have
// changed.
func (l *Layer) ForgetSources() {
	l.mu.Lock()
	sockets := l.sockets
	l.mu.Unlock()
	for _, s := range sockets {
		s.mu.Lock()
		clear(s.sources)
		s.mu.Unlock()
	}
}

func (f udpFlow) LocalVia() message.Via { return viaFor("UDP", f.Local()) }

func viaFor(transport string, local netip.AddrPort) message.Via {
	return message.Via{Transport: transport, Host: local.Addr().WithZone("").String(), Port: local.Port(),
		Params: message.Params{{Name: "rport"}}}
}
