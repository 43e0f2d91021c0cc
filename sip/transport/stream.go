package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ringback/sip/message"
)

// conn is one TCP or TLS connection: a Flow with a reader and a writer.
type conn struct {
	l             *Layer
	c             net.Conn
	key           poolKey
	local, remote netip.AddrPort
	incoming      bool

	queue  chan outgoing
	slots  chan struct{} // one for each message that the loop has not taken yet
	done   chan struct{} // closed by close
	once   sync.Once
	cause  error // why it closed; read after done
	pings  pings
	opened time.Time

	framer framer // reader only, as all below
	heard  bool   // a whole message came
	begun  time.Time
	crlfs  int
	bad    int // messages in a row that were not admitted
	closed atomic.Bool
}

// outgoing is what waits for the writer.
type outgoing struct {
	data      []byte
	report    func(error)
	keepalive bool
}

func (l *Layer) newConn(c net.Conn, key poolKey, incoming bool) *conn {
	return &conn{l: l, c: c, key: key, incoming: incoming, opened: time.Now(),
		local: addrPortOf(c.LocalAddr()), remote: addrPortOf(c.RemoteAddr()),
		queue: make(chan outgoing, l.cfg.Limits.WriteQueue),
		slots: make(chan struct{}, l.cfg.Limits.Backlog),
		done:  make(chan struct{})}
}

// adopt registers a connection and starts its reader and writer.
func (l *Layer) adopt(c *conn) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.c.Close()
		return ErrClosed
	}
	l.conns[c] = struct{}{}
	if _, taken := l.pool[c.key]; !taken {
		l.pool[c.key] = c
	}
	l.wg.Go(c.read)
	l.wg.Go(c.write)
	return nil
}

// forget is the end of adopt; the reader calls it as its last act.
func (l *Layer) forget(c *conn) {
	l.mu.Lock()
	delete(l.conns, c)
	if l.pool[c.key] == c {
		delete(l.pool, c.key)
	}
	l.mu.Unlock()
	if l.cfg.OnFlowClosed != nil {
		l.cfg.Loop.Post(func() { l.cfg.OnFlowClosed(c, c.cause) })
	}
}

// close ends the connection once; the first cause counts. Any goroutine; it does
// not block: the reader, woken by the deadline, closes the socket, because TLS
// has a farewell to write.
func (c *conn) close(cause error) {
	c.once.Do(func() {
		c.cause = cause
		c.closed.Store(true)
		c.l.unpool(c)
		close(c.done)
		if err := c.c.SetDeadline(time.Unix(1, 0)); err != nil {
			c.c.Close()
		}
	})
}

// unpool keeps a connection that has ended from being found again.
func (l *Layer) unpool(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pool[c.key] == c {
		delete(l.pool, c.key)
	}
}

// send queues bytes; report is called once.
func (c *conn) send(data []byte, report func(error)) {
	c.enqueue(outgoing{data: data, report: report})
}

func (c *conn) enqueue(o outgoing) {
	if c.Closed() {
		o.report(ErrFlowClosed)
		return
	}
	select {
	case c.queue <- o:
	default:
		c.l.counts.add(countWriteBacklog, 1)
		o.report(ErrBacklog)
		return
	}
	// The writer may have ended between the check and the queue.
	if c.Closed() {
		c.drain()
	}
}

// write is the writer's goroutine.
func (c *conn) write() {
	defer c.drain()
	for {
		select {
		case <-c.done:
			return
		case o := <-c.queue:
			if o.data == nil { // somebody asks how far the queue is written
				o.report(nil)
				continue
			}
			err := c.writeOne(o)
			o.report(err)
			if err != nil {
				c.close(err)
				return
			}
		}
	}
}

func (c *conn) writeOne(o outgoing) error {
	c.l.trace(Out, c, o.data)
	if err := c.c.SetWriteDeadline(time.Now().Add(c.l.cfg.Limits.WriteTimeout)); err != nil {
		return err
	}
	if c.Closed() { // close may have set its deadline before ours
		return ErrFlowClosed
	}
	if _, err := c.c.Write(o.data); err != nil {
		return fmt.Errorf("write to %s: %w", c.remote, err)
	}
	if !o.keepalive {
		c.l.counts.add(countSent, 1)
	}
	c.l.counts.add(countBytesOut, len(o.data))
	return nil
}

// drain reports to all that wait that nothing more is sent.
func (c *conn) drain() {
	for {
		select {
		case o := <-c.queue:
			o.report(ErrFlowClosed)
		default:
			return
		}
	}
}

// read is the reader's goroutine: it lives as long as the connection.
func (c *conn) read() {
	defer c.l.forget(c)
	defer c.pings.fail(c)
	var cause error
	if w, ok := c.c.(*webSocket); ok {
		cause = c.readWeb(w)
	} else {
		cause = c.readLoop()
	}
	c.close(cause)
	c.c.Close()
}

func (c *conn) readLoop() (cause error) {
	buf := make([]byte, 8192)
	for {
		limit, reason := c.deadline()
		if err := c.c.SetReadDeadline(limit); err != nil {
			return err
		}
		if c.Closed() { // close may have set its deadline before ours
			return ErrFlowClosed
		}
		n, err := c.c.Read(buf)
		if n > 0 {
			c.l.counts.add(countBytesIn, n)
			if fault := c.take(buf[:n]); fault != nil {
				return fault
			}
		}
		if err == nil {
			continue
		}
		if c.Closed() {
			return ErrFlowClosed
		}
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			c.l.counts.add(reason, 1)
			if reason == countClosedSlow {
				return ErrSlow
			}
			return ErrIdle
		}
		return fmt.Errorf("read from %s: %w", c.remote, err)
	}
}

// deadline is when the peer's silence ends the connection, and what that is
// counted as. Connections that we opened may be silent for ever.
func (c *conn) deadline() (time.Time, cause) {
	limits := &c.l.cfg.Limits
	switch {
	case c.framer.partial():
		return c.begun.Add(limits.MessageTimeout), countClosedSlow
	case c.incoming && !c.heard:
		return c.opened.Add(limits.FirstTimeout), countClosedIdle
	case c.incoming:
		return time.Now().Add(limits.IdleTimeout), countClosedIdle
	}
	return time.Time{}, countClosedIdle
}

// take frames what was read and hands it on; an error ends the connection.
func (c *conn) take(data []byte) (fault error) {
	defer c.l.recoverPanic()
	fault = errors.New("receive: recovered a panic")
	if !c.framer.partial() {
		c.begun = time.Now()
	}
	c.framer.push(data)
	for {
		f := c.framer.next()
		switch f.kind {
		case frameNone:
			return nil
		case frameCRLF:
			c.crlf()
			c.begun = time.Now()
		case frameFault:
			c.l.trace(In, c, f.data)
			c.l.counts.add(countClosedUnframed, 1)
			c.finish()
			c.rejectLast(f.reject, len(f.data))
			return ErrUnframed
		case frameMessage:
			c.crlfs = 0
			if err := c.message(f.data); err != nil {
				return err
			}
			c.begun = time.Now()
		}
	}
}

// message admits one message and posts it once there is room.
func (c *conn) message(data []byte) error {
	now := time.Now()
	c.l.trace(In, c, data)
	m, err := message.Parse(data)
	if err != nil {
		if c.bad++; c.bad > c.l.cfg.Limits.BadMessages {
			c.l.counts.add(countClosedHostile, 1)
			return ErrHostile
		}
		c.l.reject(c, err, len(data), now, func(answer []byte, _ *message.Response) {
			c.send(answer, func(error) {})
		})
		return nil
	}
	c.bad, c.heard = 0, true
	select {
	case c.slots <- struct{}{}:
	case <-c.done:
		return ErrFlowClosed
	}
	if !c.l.stamp(c, m) {
		<-c.slots
		return nil
	}
	in := Inbound{Msg: m, Flow: c, At: now, Size: len(data)}
	posted := c.l.cfg.Loop.Post(func() {
		<-c.slots
		c.l.cfg.OnMessage(in)
	})
	if !posted {
		<-c.slots
	}
	return nil
}

// finish waits until the loop has seen the messages before and what it answered
// is written: they came whole, whatever stands behind them.
func (c *conn) finish() {
	seen, written := make(chan struct{}), make(chan struct{}, 1)
	if !c.l.cfg.Loop.Post(func() { close(seen) }) {
		return
	}
	select {
	case <-seen:
	case <-c.done:
		return
	}
	c.enqueue(outgoing{report: func(error) { written <- struct{}{} }})
	<-written
}

// rejectLast answers what the connection ends with, and waits until the answer
// is written.
func (c *conn) rejectLast(r *message.Reject, size int) {
	written := make(chan struct{}, 1)
	asked := false
	c.l.reject(c, r, size, time.Now(), func(answer []byte, _ *message.Response) {
		asked = true
		c.send(answer, func(error) { written <- struct{}{} })
	})
	if asked {
		<-written
	}
}

func (c *conn) Transport() string      { return c.key.transport }
func (c *conn) Reliable() bool         { return true }
func (c *conn) Local() netip.AddrPort  { return c.local }
func (c *conn) Remote() netip.AddrPort { return c.remote }
func (c *conn) ServerName() string     { return c.key.serverName }
func (c *conn) Incoming() bool         { return c.incoming }
func (c *conn) Closed() bool           { return c.closed.Load() }

func (c *conn) String() string {
	return c.key.transport + " " + c.local.String() + " to " + c.remote.String()
}

// LocalVia names our listener of that transport where there is one, because
// answers come there when the connection is gone (RFC 3261 18.2.2).
func (c *conn) LocalVia() message.Via {
	if overWeb(c.key.transport) {
		return c.l.viaForWeb(c.key.transport)
	}
	local := c.local
	if ln := c.l.LocalAddr(c.key.transport); ln.IsValid() {
		local = netip.AddrPortFrom(local.Addr(), ln.Port())
	}
	return viaFor(c.key.transport, local)
}
