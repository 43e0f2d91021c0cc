package simnet

import (
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// window is how many bytes a connection takes before its reader has read them.
const window = 128 * 1024

// stream is one end of a connection.
type stream struct {
	host          *Host
	local, remote netip.AddrPort
	peer          *stream

	mu            sync.Mutex
	wake          *sync.Cond
	in            []byte // arrived, not read yet
	unread        int    // bytes that the peer sent and that were not read yet, under way or here
	eof           bool   // the peer has closed
	err           error  // reset or closed
	readDeadline  deadline
	writeDeadline deadline

	flight []func() // segments under way, in order; the Net's mutex guards both
	owed   int      // deliveries that a partition holds back
}

func newStreamPair(a, b *Host, local, remote netip.AddrPort) (ours, theirs *stream) {
	ours = &stream{host: a, local: local, remote: remote}
	theirs = &stream{host: b, local: remote, remote: local}
	ours.wake, theirs.wake = sync.NewCond(&ours.mu), sync.NewCond(&theirs.mu)
	ours.peer, theirs.peer = theirs, ours
	return ours, theirs
}

// Read waits for bytes, the peer's end or the deadline.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	for {
		switch {
		case s.err != nil:
			err := s.err
			s.mu.Unlock()
			return 0, s.wrap("read", err)
		case s.readDeadline.passed():
			s.mu.Unlock()
			return 0, s.wrap("read", os.ErrDeadlineExceeded)
		case len(s.in) > 0:
			n := copy(p, s.in)
			if s.in = s.in[n:]; len(s.in) == 0 {
				s.in = nil
			}
			s.unread -= n
			s.mu.Unlock()
			s.peer.nudge()
			return n, nil
		case s.eof:
			s.mu.Unlock()
			return 0, io.EOF
		case len(p) == 0:
			s.mu.Unlock()
			return 0, nil
		}
		s.wake.Wait()
	}
}

func (s *stream) nudge() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake.Broadcast()
}

// Write sends one segment per call, or several when the window is full.
func (s *stream) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		n, err := s.reserve(len(p) - sent)
		if err != nil {
			return sent, s.wrap("write", err)
		}
		data := append([]byte(nil), p[sent:sent+n]...)
		s.host.net.sendSegment(s, data, func() { s.peer.arrive(data) })
		sent += n
	}
	return sent, nil
}

// reserve waits for room in the window and takes up to want bytes of it.
func (s *stream) reserve(want int) (int, error) {
	for {
		s.mu.Lock()
		if err := s.writable(); err != nil {
			s.mu.Unlock()
			return 0, err
		}
		s.mu.Unlock()
		s.peer.mu.Lock()
		n := min(want, window-s.peer.unread)
		s.peer.unread += max(0, n)
		s.peer.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		s.mu.Lock()
		if s.writable() == nil && !s.peerHasRoom() {
			s.wake.Wait()
		}
		s.mu.Unlock()
	}
}

// peerHasRoom is asked with s.mu held; the peer nudges s only after it let its
// own mutex go, so the order of the two is always s, then peer.
func (s *stream) peerHasRoom() bool {
	s.peer.mu.Lock()
	defer s.peer.mu.Unlock()
	return s.peer.unread < window
}

func (s *stream) writable() error {
	switch {
	case s.err != nil:
		return s.err
	case s.writeDeadline.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// arrive is called with the Net's mutex held.
func (s *stream) arrive(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		// Nobody reads any more: the sender is told as TCP does.
		go s.peer.reset(syscall.ECONNRESET)
		return
	}
	s.in = append(s.in, data...)
	s.wake.Broadcast()
}

// Close sends the end behind what was written.
func (s *stream) Close() error {
	if !s.end(net.ErrClosed) {
		return s.wrap("close", net.ErrClosed)
	}
	s.host.net.sendSegment(s, nil, func() {
		s.peer.mu.Lock()
		defer s.peer.mu.Unlock()
		s.peer.eof = true
		s.peer.wake.Broadcast()
	})
	return nil
}

// reset ends this side at once, with an error for whoever waits.
func (s *stream) reset(cause error) { s.end(cause) }

func (s *stream) end(cause error) bool {
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = cause
		s.in = nil
		s.readDeadline.stop()
		s.writeDeadline.stop()
		s.wake.Broadcast()
	}
	s.mu.Unlock()
	if first {
		s.host.net.mu.Lock()
		delete(s.host.streams, s)
		s.host.net.mu.Unlock()
	}
	return first
}

// sendSegment delivers after the link's latency, or when a partition ends.
func (n *Net) sendSegment(s *stream, data []byte, arrive func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ok := n.passes(s)
	if data != nil {
		n.tell("tcp", s.local, s.remote, data, !ok)
	}
	s.flight = append(s.flight, arrive)
	n.deliverNext(s, ok)
}

// passes says that what a stream sends arrives at this moment: both ends still have
// their addresses. n.mu is held.
func (n *Net) passes(s *stream) bool {
	return n.reachable(s.way()) && n.hosts[s.local.Addr()] == s.host && n.hosts[s.remote.Addr()] == s.peer.host
}

func (s *stream) way() pair { return pair{s.local.Addr(), s.remote.Addr()} }

// deliverNext plans the arrival of one more segment; whichever is first in
// flight arrives then, so that their order holds whatever was cut meanwhile.
func (n *Net) deliverNext(s *stream, ok bool) {
	if !ok {
		s.owed++
		// A closed stream is remembered as long as its last bytes are held back.
		s.host.streams[s] = struct{}{}
		return
	}
	n.schedule(n.due(s.way(), n.linkFor(s.way()), true), func() {
		if !n.passes(s) {
			n.deliverNext(s, false)
			return
		}
		arrive := s.flight[0]
		s.flight = s.flight[1:]
		arrive()
	})
}

// flushStreams sends what partitions held back and hold no more.
func (n *Net) flushStreams() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, h := range n.all {
		for s := range h.streams {
			if s.owed == 0 || !n.passes(s) {
				continue
			}
			owed := s.owed
			s.owed = 0
			for range owed {
				n.deliverNext(s, true)
			}
		}
	}
}

func (s *stream) LocalAddr() net.Addr  { return net.TCPAddrFromAddrPort(s.local) }
func (s *stream) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.remote) }

func (s *stream) SetDeadline(t time.Time) error {
	s.readDeadline.set(t, &s.mu, s.wake)
	s.writeDeadline.set(t, &s.mu, s.wake)
	return nil
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.readDeadline.set(t, &s.mu, s.wake)
	return nil
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.writeDeadline.set(t, &s.mu, s.wake)
	return nil
}

func (s *stream) wrap(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: s.LocalAddr(), Addr: s.RemoteAddr(), Err: err}
}

// streamListener accepts connections.
type streamListener struct {
	host  *Host
	local netip.AddrPort

	mu     sync.Mutex
	wake   *sync.Cond
	queue  []*stream
	closed bool
}

// acceptQueue is how many connections wait to be accepted before more are
// refused.
const acceptQueue = 16384

func newStreamListener(h *Host, local netip.AddrPort) *streamListener {
	ln := &streamListener{host: h, local: local}
	ln.wake = sync.NewCond(&ln.mu)
	return ln
}

func (ln *streamListener) offer(s *stream) bool {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	if ln.closed || len(ln.queue) == acceptQueue {
		return false
	}
	ln.queue = append(ln.queue, s)
	ln.wake.Signal()
	return true
}

// Accept waits for a connection.
func (ln *streamListener) Accept() (net.Conn, error) {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	for {
		if ln.closed {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: ln.Addr(), Err: net.ErrClosed}
		}
		if len(ln.queue) > 0 {
			s := ln.queue[0]
			ln.queue = ln.queue[1:]
			return s, nil
		}
		ln.wake.Wait()
	}
}

// Close frees the port; connections that nobody accepted are reset.
func (ln *streamListener) Close() error {
	ln.mu.Lock()
	if ln.closed {
		ln.mu.Unlock()
		return &net.OpError{Op: "close", Net: "tcp", Addr: ln.Addr(), Err: net.ErrClosed}
	}
	ln.closed = true
	waiting := ln.queue
	ln.queue = nil
	ln.wake.Broadcast()
	ln.mu.Unlock()
	ln.host.free("tcp", ln.local.Port(), ln)
	for _, s := range waiting {
		s.reset(syscall.ECONNRESET)
		s.peer.reset(syscall.ECONNRESET)
	}
	return nil
}

func (ln *streamListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(ln.local) }
