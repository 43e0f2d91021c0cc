package transport

import (
	"fmt"
	"sync"
	"time"
)

// pings are the keepalives that we sent on a connection and that wait for
// their pong (RFC 5626 4.4.1).
type pings struct {
	mu      sync.Mutex
	waiting []func(error)
	alarm   *time.Timer
}

// Ping sends a keepalive. On a connection done is called on the loop with nil
// when the pong came; a connection that does not answer in Limits.PongTimeout is
// closed with ErrNoPong. Over UDP, where there is no pong, done is called when
// the bytes were sent. done may be nil.
func (l *Layer) Ping(f Flow, done func(error)) {
	report := func(err error) {
		if err != nil {
			err = fmt.Errorf("ping %s: %w", f, err)
		}
		if done != nil {
			l.cfg.Loop.Post(func() { done(err) })
		}
	}
	switch f := f.(type) {
	case udpFlow:
		report(f.write([]byte("\r\n\r\n")))
	case *conn:
		f.ping(report)
	default:
		report(fmt.Errorf("flow of another layer"))
	}
}

func (c *conn) ping(report func(error)) {
	if w, ok := c.c.(*webSocket); ok {
		c.pingWeb(w, report)
		return
	}
	c.pings.mu.Lock()
	first := len(c.pings.waiting) == 0
	c.pings.waiting = append(c.pings.waiting, report)
	if first {
		c.pings.alarm = time.AfterFunc(c.l.cfg.Limits.PongTimeout, func() {
			c.l.counts.add(countClosedNoPong, 1)
			c.close(ErrNoPong)
		})
	}
	c.pings.mu.Unlock()
	if c.Closed() {
		c.pings.fail(c)
		return
	}
	if first {
		c.enqueue(outgoing{data: []byte("\r\n\r\n"), keepalive: true, report: func(error) {}})
	}
}

// settle ends the waiting and reports err to all; false when nobody waited.
func (p *pings) settle(err error) bool {
	p.mu.Lock()
	waiting := p.waiting
	p.waiting = nil
	if p.alarm != nil {
		p.alarm.Stop()
		p.alarm = nil
	}
	p.mu.Unlock()
	for _, report := range waiting {
		report(err)
	}
	return len(waiting) > 0
}

// fail is called when the connection has ended.
func (p *pings) fail(c *conn) {
	err := c.cause
	if err == nil {
		err = ErrFlowClosed
	}
	p.settle(err)
}

// crlf takes one CRLF between messages: the pong we wait for, or half a ping.
func (c *conn) crlf() {
	c.l.counts.add(countKeepalives, 1)
	if c.pings.settle(nil) {
		c.crlfs = 0
		return
	}
	if c.crlfs++; c.crlfs < 2 {
		return
	}
	c.crlfs = 0
	c.enqueue(outgoing{data: []byte("\r\n"), keepalive: true, report: func(error) {}})
}
