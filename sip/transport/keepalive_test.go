package transport

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// T35: both ways of the keepalive.
func TestConformance_T35_Keepalive(t *testing.T) {
	t.Run("a ping is answered", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			c := b.dial()
			b.write(c, "\r\n\r\n")
			buf := make([]byte, 10)
			if n, err := c.Read(buf); err != nil || string(buf[:n]) != "\r\n" {
				t.Fatalf("%q %v", buf[:n], err)
			}
			b.write(c, options("1")+"\r\n"+options("2"))
			b.next("1")
			b.next("2")
		})
	})
	peerListens := func(b *bench) (Flow, net.Conn) {
		ln, err := b.peer.Listen(b.Context(), "tcp", ":5060")
		if err != nil {
			b.Fatal(err)
		}
		f := b.mustFlow(Target{Transport: "TCP", Addr: netip.MustParseAddrPort(peerIP + ":5060")})
		c, err := ln.Accept()
		if err != nil {
			b.Fatal(err)
		}
		return f, c
	}
	t.Run("ours gets its pong", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			f, c := peerListens(b)
			done := make(chan error, 2)
			b.layer.Ping(f, func(err error) { done <- err })
			b.layer.Ping(f, func(err error) { done <- err })
			if got := b.read(c); got != "\r\n\r\n" {
				t.Fatalf("%q", got)
			}
			b.write(c, "\r\n")
			for range 2 {
				if err := <-done; err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(time.Minute)
			if f.Closed() {
				t.Error("closed after a pong")
			}
		})
	})
	t.Run("no pong for 10 s is a dead flow", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			f, c := peerListens(b)
			start := time.Now()
			done := make(chan error, 1)
			b.layer.Ping(f, func(err error) { done <- err })
			if err := <-done; !errors.Is(err, ErrNoPong) || time.Since(start) != 10*time.Second {
				t.Fatalf("%v after %s", err, time.Since(start))
			}
			if err := <-b.gone; !errors.Is(err, ErrNoPong) || !f.Closed() {
				t.Error(err)
			}
			b.read(c)
			b.ends(c)
		})
	})
	t.Run("ping of a closed flow", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			f, _ := peerListens(b)
			b.layer.CloseFlow(f)
			done := make(chan error, 1)
			b.layer.Ping(f, func(err error) { done <- err })
			if err := <-done; !errors.Is(err, ErrFlowClosed) {
				t.Fatal(err)
			}
		})
	})
}
