package control

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"ringback/agent"
)

// limitListener lets a bounded number of connections in; the others wait, or are
// closed where refuse is set, which is told. A connection of another user's is closed.
type limitListener struct {
	net.Listener
	free   chan struct{}
	closed chan struct{}
	once   sync.Once
	refuse func()              // nil: more connections wait
	mayUse func(net.Conn) bool // nil: everybody
}

func (l *limitListener) Accept() (net.Conn, error) {
	for {
		if l.refuse == nil {
			select {
			case l.free <- struct{}{}:
			case <-l.closed:
				return nil, net.ErrClosed
			}
		}
		c, err := l.Listener.Accept()
		if err != nil {
			l.leave(l.refuse == nil)
			return nil, err
		}
		if l.mayUse != nil && !l.mayUse(c) {
			c.Close()
			l.leave(l.refuse == nil)
			continue
		}
		if l.refuse != nil {
			select {
			case l.free <- struct{}{}:
			default:
				l.refuse()
				c.Close()
				continue
			}
		}
		return &limitConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(true) })}, nil
	}
}

func (l *limitListener) leave(had bool) {
	if had {
		<-l.free
	}
}

func (l *limitListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitConn struct {
	net.Conn
	leave func()
}

func (c *limitConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// servedKey finds, in a connection's context, whether one of its requests was read.
type servedKey struct{}

// watch counts connections that sent something and not one request that could be read:
// no HTTP, headers that are too large or too slow.
func (s *Server) watch(srv *http.Server) {
	var open sync.Map // net.Conn to *atomic.Bool
	srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		served := new(atomic.Bool)
		open.Store(c, served)
		return context.WithValue(ctx, servedKey{}, served)
	}
	var spoke sync.Map // connections that sent a byte
	srv.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateActive:
			spoke.Store(c, true)
		case http.StateClosed, http.StateHijacked:
			served, _ := open.LoadAndDelete(c)
			_, sent := spoke.LoadAndDelete(c)
			if yes, known := served.(*atomic.Bool); known && sent && !yes.Load() {
				s.agent.Refuse(agent.RefusedUnreadable)
			}
		}
	}
}

// served notes that a request of this connection could be read.
func served(r *http.Request) {
	if yes, ok := r.Context().Value(servedKey{}).(*atomic.Bool); ok {
		yes.Store(true)
	}
}
