//go:build interop

package interop

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// roadIP is in the certificate of the tests' Asterisk too.
const roadIP = "127.0.0.46"

// road is a relay between phone and PBX, as a reverse proxy or a NAT is, that can forget
// its connections.
type road struct {
	mu    sync.Mutex
	open  map[net.Conn]bool
	taken int
}

// cmdRoad: road start PORT relays TCP from $ROAD to that port of Asterisk's; road cut ends
// what goes over it at this moment, and lets new connections in; road taken N: it was
// connected to N times.
func cmdRoad(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: road start PORT | cut | taken N")
	}
	r := ts.Value("road").(*road)
	switch args[0] {
	case "start":
		ln, err := net.Listen("tcp4", roadIP+":0")
		ts.Check(err)
		ts.Defer(func() { ln.Close(); r.cut() })
		ts.Setenv("ROAD", ln.Addr().String())
		go r.serve(ln, net.JoinHostPort(ts.Getenv("PBX"), args[1]))
	case "cut":
		if r.cut() == 0 {
			ts.Fatalf("nothing goes over the road")
		}
	case "taken":
		want, err := strconv.Atoi(args[1])
		ts.Check(err)
		until(ts, fmt.Sprintf("the road was taken %d times", want), func() (bool, string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.taken == want, strconv.Itoa(r.taken)
		})
	default:
		ts.Fatalf("road: unknown word %q", args[0])
	}
}

func (r *road) serve(ln net.Listener, to string) {
	for {
		near, err := ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp4", to)
		if err != nil {
			near.Close()
			continue
		}
		r.mu.Lock()
		r.open[near], r.open[far] = true, true
		r.taken++
		r.mu.Unlock()
		go r.carry(near, far)
		go r.carry(far, near)
	}
}

// carry takes what one says to the other; the end of either is that of both.
func (r *road) carry(from, to net.Conn) {
	_, _ = io.Copy(to, from)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range []net.Conn{from, to} {
		delete(r.open, c)
		c.Close()
	}
}

// cut resets all that there is, and says how much it was.
func (r *road) cut() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	return len(r.open)
}
