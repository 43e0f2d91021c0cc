package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"time"
)

// listener accepts connections.
type listener struct {
	net.Listener
	l         *Layer
	transport string
	local     netip.AddrPort
}

func (l *Layer) listenStream(ctx context.Context, transport, addr string) (netip.AddrPort, error) {
	if secured(transport) && l.cfg.TLSServer == nil {
		return netip.AddrPort{}, errors.New("no certificate; set Config.TLSServer")
	}
	nl, err := l.cfg.Network.Listen(ctx, "tcp", addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ln := &listener{Listener: nl, l: l, transport: transport, local: addrPortOf(nl.Addr())}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.startLocked(ln.accept) {
		nl.Close()
		return netip.AddrPort{}, ErrClosed
	}
	l.listeners = append(l.listeners, ln)
	return ln.local, nil
}

// accept runs until the listener closes.
func (ln *listener) accept() {
	pause := time.Millisecond
	for {
		c, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || ln.l.ctx.Err() != nil {
				return
			}
			// Out of descriptors, or a peer that left at once.
			if !sleep(ln.l.ctx, pause) {
				return
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		ln.admit(c)
	}
}

// admit takes a connection in when the limits allow it.
func (ln *listener) admit(raw net.Conn) {
	ip := addrPortOf(raw.RemoteAddr()).Addr()
	if !ln.l.reserve(ip) {
		raw.Close()
		return
	}
	ok := ln.l.start(func() {
		defer ln.l.release(ip)
		ln.serve(raw)
	})
	if !ok {
		ln.l.release(ip)
		raw.Close()
	}
}

// serve shakes hands where it is TLS, and stays until the connection has ended,
// so that it is counted as long.
func (ln *listener) serve(raw net.Conn) {
	l := ln.l
	if secured(ln.transport) {
		ctx, cancel := context.WithTimeout(l.ctx, l.cfg.Limits.FirstTimeout)
		safe := tls.Server(raw, serverConfig(l.cfg.TLSServer))
		err := safe.HandshakeContext(ctx)
		cancel()
		if err != nil {
			l.counts.add(countHandshake, 1)
			raw.Close()
			return
		}
		raw = safe
	}
	if overWeb(ln.transport) {
		web, err := l.acceptWeb(raw)
		if err != nil {
			l.counts.add(countHandshake, 1)
			raw.Close()
			return
		}
		raw = web
	}
	key := poolKey{transport: ln.transport, remote: addrPortOf(raw.RemoteAddr())}
	c := l.newConn(raw, key, true)
	if l.adopt(c) == nil {
		<-c.done
	}
}

// reserve counts an accepted connection in, if there is room.
func (l *Layer) reserve(ip netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := 0
	for _, n := range l.accepted {
		total += n
	}
	_, known := l.known[ip]
	switch {
	case total >= l.cfg.Limits.Connections && !known:
		l.counts.add(countAcceptLimit, 1)
		return false
	case l.accepted[ip] >= l.cfg.Limits.ConnectionsPerIP:
		l.counts.add(countAcceptIPLimit, 1)
		return false
	}
	l.accepted[ip]++
	return true
}

func (l *Layer) release(ip netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accepted[ip]--; l.accepted[ip] <= 0 {
		delete(l.accepted, ip)
	}
}
