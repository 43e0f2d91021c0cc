package transport

import (
	"context"
	"net/netip"

	"ringback/sip/message"
)

// getConn finds a connection or dials one.
func (l *Layer) getConn(t Target, done func(Flow, error)) {
	key := poolKey{t.Transport, t.Addr, t.ServerName}
	if t.Transport == "TCP" {
		key.serverName = ""
	}
	l.mu.Lock()
	c, open := l.pool[key]
	if !open && t.Reuse {
		c, open = l.pool[poolKey{t.Transport, t.Addr, ""}]
	}
	waiting, dialling := l.dials[key]
	var err error
	switch {
	case l.closed:
		err = ErrClosed
	case open:
	case t.Reuse:
		err = ErrNoFlow
	default:
		l.dials[key] = append(waiting, done)
		if !dialling {
			l.wg.Go(func() { l.dial(key, t.Local) })
		}
		done = nil
	}
	l.mu.Unlock()
	switch {
	case done == nil:
	case err != nil:
		done(nil, err)
	default:
		done(c, nil)
	}
}

// dial opens one connection and tells all that wait for it.
func (l *Layer) dial(key poolKey, local netip.AddrPort) {
	c, err := l.open(key, local)
	if err == nil {
		err = l.adopt(c)
	}
	if err != nil {
		l.counts.add(countDialError, 1)
	}
	l.mu.Lock()
	waiting := l.dials[key]
	delete(l.dials, key)
	l.mu.Unlock()
	for _, done := range waiting {
		if err != nil {
			done(nil, err)
			continue
		}
		done(c, nil)
	}
}

func (l *Layer) open(key poolKey, local netip.AddrPort) (*conn, error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.cfg.Limits.DialTimeout)
	defer cancel()
	laddr := ""
	if local.IsValid() {
		// A listener holds the port: only the address can be chosen.
		laddr = netip.AddrPortFrom(local.Addr(), 0).String()
	}
	raw, err := l.cfg.Network.Dial(ctx, "tcp", laddr, key.remote.String())
	if err != nil {
		return nil, err
	}
	if secured(key.transport) {
		if raw, err = l.secure(ctx, raw, key.serverName); err != nil {
			return nil, err
		}
	}
	if overWeb(key.transport) {
		if raw, err = l.dialWeb(ctx, raw, key); err != nil {
			return nil, err
		}
	}
	return l.newConn(raw, key, false), nil
}

// respondAnew sends a response whose connection has closed: over TCP to the
// source address and the port of the top Via's sent-by (RFC 3261 18.2.2).
func (l *Layer) respondAnew(c *conn, res *message.Response, data []byte, report func(error)) {
	via, err := message.TopVia(res)
	if err != nil || c.key.transport != "TCP" {
		report(ErrFlowClosed)
		return
	}
	port := via.Port
	if port == 0 {
		port = 5060
	}
	l.getConn(Target{Transport: "TCP", Addr: netip.AddrPortFrom(c.remote.Addr(), port)}, func(f Flow, err error) {
		if err != nil {
			report(err)
			return
		}
		f.(*conn).send(data, report)
	})
}
