package media

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Network opens UDP sockets. The connections it returns may offer
//
//	TryReadFrom(b []byte) (n int, from netip.AddrPort, at time.Time, ok bool)
//
// which returns at once, ok being false when nothing is there. Otherwise the
// system's own socket is read without waiting where that is possible, and by a
// goroutine where it is not.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
}

type hostNetwork struct{}

func (hostNetwork) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	var lc net.ListenConfig
	return lc.ListenPacket(ctx, network, address)
}

// Host is the machine's own network.
func Host() Network { return hostNetwork{} }

// maxDatagram is what is read of a datagram; RTP and RTCP here are far shorter.
const maxDatagram = 2048

// socket is one UDP socket as a tick uses it: nothing waits.
type socket interface {
	// read takes the next datagram; ok is false when there is none. at is when it
	// arrived, as near as the system tells.
	read(b []byte, now time.Time) (n int, from netip.AddrPort, at time.Time, ok bool)
	write(b []byte, to netip.AddrPort) error
	close()
}

// newSocket chooses how conn is read. A goroutine it needs joins tasks.
func newSocket(conn net.PacketConn, tasks *sync.WaitGroup) socket {
	if t, ok := conn.(tryReader); ok {
		return &trySocket{writer: writer{conn: conn}, try: t}
	}
	if udp, ok := conn.(*net.UDPConn); ok {
		if s := newRawSocket(udp); s != nil {
			return s
		}
	}
	return newQueueSocket(conn, tasks)
}

// plain takes an IPv4 address out of its IPv6 form, so that addresses compare.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// writer sends over a net.PacketConn without making an address each time.
type writer struct {
	conn net.PacketConn
	to   netip.AddrPort
	addr net.Addr
}

func (w *writer) write(b []byte, to netip.AddrPort) error {
	if w.addr == nil || w.to != to {
		w.to, w.addr = to, net.UDPAddrFromAddrPort(to)
	}
	_, err := w.conn.WriteTo(b, w.addr)
	return err
}

type tryReader interface {
	TryReadFrom(b []byte) (n int, from netip.AddrPort, at time.Time, ok bool)
}

// trySocket reads a connection that never waits by itself.
type trySocket struct {
	writer
	try tryReader
}

func (s *trySocket) read(b []byte, now time.Time) (int, netip.AddrPort, time.Time, bool) {
	n, from, at, ok := s.try.TryReadFrom(b)
	if at.IsZero() {
		at = now
	}
	return n, plain(from), at, ok
}

func (s *trySocket) close() { _ = s.conn.Close() }

// queueSocket reads with a goroutine into a bounded queue; when that is full,
// datagrams are dropped as the system would.
type queueSocket struct {
	writer
	queue   chan datagram
	free    chan []byte
	dropped atomic.Uint64
}

type datagram struct {
	buf  []byte
	from netip.AddrPort
	at   time.Time
}

const queueLength = 64

func newQueueSocket(conn net.PacketConn, tasks *sync.WaitGroup) *queueSocket {
	s := &queueSocket{
		writer: writer{conn: conn},
		queue:  make(chan datagram, queueLength),
		free:   make(chan []byte, queueLength),
	}
	tasks.Go(s.receive)
	return s
}

func (s *queueSocket) receive() {
	buf := make([]byte, maxDatagram)
	for failures := 0; failures < 100; {
		n, addr, err := s.conn.ReadFrom(buf)
		if err != nil {
			if isClosed(err) {
				return
			}
			failures++ // an ICMP answer to what we sent may end one read, not the socket
			continue
		}
		failures = 0
		select {
		case s.queue <- datagram{buf: append(s.buffer(), buf[:n]...), from: addrPort(addr), at: time.Now()}:
		default:
			s.dropped.Add(1)
		}
	}
}

func (s *queueSocket) buffer() []byte {
	select {
	case b := <-s.free:
		return b[:0]
	default:
		return make([]byte, 0, 256)
	}
}

func (s *queueSocket) read(b []byte, _ time.Time) (int, netip.AddrPort, time.Time, bool) {
	select {
	case d := <-s.queue:
		n := copy(b, d.buf)
		select {
		case s.free <- d.buf:
		default:
		}
		return n, d.from, d.at, true
	default:
		return 0, netip.AddrPort{}, time.Time{}, false
	}
}

func (s *queueSocket) close() { _ = s.conn.Close() }

func addrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		return plain(udp.AddrPort())
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return plain(ap)
}

func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) }
