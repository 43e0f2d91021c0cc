package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/sip/message"
)

// T24 to T26: what one connection carries comes up in its order.
func TestConformance_T26_StreamKeepsOrder(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.dial()
		var segment strings.Builder
		for i := range 2000 {
			segment.WriteString(options(fmt.Sprint(i)))
		}
		go c.Write([]byte(segment.String()))
		for i := range 2000 {
			b.next(fmt.Sprint(i))
		}
	})
}

// T31: what cannot be framed is answered and ends the connection.
func TestConformance_T31_T33_BadContentLengthIsAnsweredAndCloses(t *testing.T) {
	for _, cl := range []string{"X-A: none", "l: -999", "l: 4294967296", "l: 18446744073709551616", "l: x", "l: 5\r\nContent-Length: 0"} {
		t.Run(cl, func(t *testing.T) {
			run(t, nil, func(b *bench) {
				c := b.dial()
				good, bad := options("good"), options("bad", cl)
				if strings.HasPrefix(cl, "X") {
					bad = strings.Replace(bad, "Content-Length: 0\r\n", "", 1)
				}
				// The body is a request, which must never be taken for one (T33).
				b.write(c, good+bad+options("inner"))
				b.next("good")
				answer := b.read(c)
				wantStatus(t, answer, 400)
				if !strings.Contains(answer, "Call-ID: bad\r\n") {
					t.Error(answer)
				}
				b.ends(c)
				b.nothing()
				b.count("closed_unframed", 1)
				if err := <-b.gone; !errors.Is(err, ErrUnframed) {
					t.Error(err)
				}
			})
		})
	}
}

// What came whole is answered, although the stream ends in garbage right behind it.
func TestAnswersAreWrittenBeforeGarbageCloses(t *testing.T) {
	var b *bench
	answer := func(in Inbound) {
		b.layer.Send(in.Flow, message.NewResponse(in.Msg.(*message.Request), 200, "", "tag"), func(error) {})
	}
	run(t, func(cfg *Config) { cfg.OnMessage = answer }, func(own *bench) {
		b = own
		c := b.dial()
		b.write(c, options("one")+options("two")+"m=garbage\r\n\r\n")
		wantStatus(t, b.read(c), 200)
		wantStatus(t, b.read(c), 200)
		b.ends(c)
		b.count("closed_unframed", 1)
	})
}

// T34: one bad message with sound framing is answered 400, the next is served.
func TestConformance_T34_BadMessageOnAGoodConnection(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.dial()
		for _, bad := range []string{"From: <sip:x", "Foobar roobar", "Contact: <sip:h", "Route: <sip:p;lr", "l: 0\r\nX-\x01: y", "To: \x00"} {
			b.write(c, options("bad", bad)+options("good"))
			wantStatus(t, b.read(c), 400)
			if err := b.answer(b.next("good")); err != nil {
				t.Fatal(err)
			}
			wantStatus(t, b.read(c), 200)
		}
		if b.layer.Connections() != 1 {
			t.Errorf("%d connections", b.layer.Connections())
		}
	})
}

func TestOnlyGarbageCloses(t *testing.T) {
	run(t, nil, func(b *bench) {
		c := b.dial()
		go c.Write([]byte(strings.Repeat("SIP/2.0 999 x\r\nl: 0\r\n\r\n", 17)))
		b.ends(c)
		b.count("closed_hostile", 1)
		b.count("rejected", 16)
	})
}

// S07: slow and silent clients are closed.
func TestConformance_S07_SlowClients(t *testing.T) {
	t.Run("half a message", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			c := b.dial()
			b.write(c, options("1"))
			b.next("1")
			// A byte a second does not keep it open.
			start := time.Now()
			for _, x := range []byte(options("2")) {
				if _, err := c.Write([]byte{x}); err != nil {
					break
				}
				<-time.After(time.Second)
			}
			if d := time.Since(start); d < 15*time.Second || d > 17*time.Second {
				t.Errorf("closed after %s", d)
			}
			b.count("closed_slow", 1)
			if err := <-b.gone; !errors.Is(err, ErrSlow) {
				t.Error(err)
			}
		})
	})
	t.Run("nothing at all", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			if d := b.ends(b.dial()); d != 15*time.Second {
				t.Errorf("closed after %s", d)
			}
			b.count("closed_idle", 1)
		})
	})
	t.Run("idle after a message", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			c := b.dial()
			b.write(c, options("1"))
			if d := b.ends(c); d != 10*time.Minute {
				t.Errorf("closed after %s", d)
			}
		})
	})
	t.Run("keepalives keep it open", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			c := b.dial()
			b.write(c, options("1"))
			for range 20 {
				<-time.After(9 * time.Minute)
				b.write(c, "\r\n")
			}
			if b.layer.Connections() != 1 {
				t.Error("closed")
			}
		})
	})
	t.Run("a connection of ours may be silent", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			ln, _ := b.peer.Listen(b.Context(), "tcp", ":5060")
			f := b.mustFlow(Target{Transport: "TCP", Addr: netip.MustParseAddrPort(peerIP + ":5060")})
			ln.Accept()
			<-time.After(24 * time.Hour)
			if f.Closed() {
				t.Error("closed")
			}
		})
	})
}

func TestConformance_S07_ConnectionLimits(t *testing.T) {
	limits := func(c *Config) { c.Limits.ConnectionsPerIP, c.Limits.Connections = 3, 5 }
	run(t, limits, func(b *bench) {
		open := func(ip string, n int) []net.Conn {
			var out []net.Conn
			for range n {
				c, err := b.net.Host(ip).Dial(b.Context(), "tcp", "", ourIP+":5060")
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, c)
			}
			return out
		}
		first := open(peerIP, 4)
		b.ends(first[3])
		b.count("accept_ip_limit", 1)
		other := open("192.0.2.30", 3)
		b.ends(other[2])
		b.count("accept_limit", 1)
		if n := b.layer.Connections(); n != 5 {
			t.Errorf("%d connections", n)
		}
		first[0].Close()
		synctest.Wait()
		<-time.After(time.Second)
		b.write(open("192.0.2.30", 1)[0], options("letin"))
		b.next("letin")
	})
}

func TestSlowReaderIsBounded(t *testing.T) {
	limits := func(c *Config) { c.Limits.WriteQueue = 8 }
	run(t, limits, func(b *bench) {
		c := b.dial()
		b.write(c, options("1"))
		f := b.next("1").Flow
		errs := make(chan error, 100)
		for range 20 {
			b.layer.Send(f, ours(f, 60000), func(err error) { errs <- err })
		}
		<-b.gone
		synctest.Wait()
		close(errs)
		backlog, closed := 0, 0
		for err := range errs {
			if errors.Is(err, ErrBacklog) {
				backlog++
			} else {
				closed++
			}
		}
		if backlog < 1 || closed < 1 || backlog+closed < 16 || !f.Closed() {
			t.Errorf("%d over the backlog, %d ended with the connection, closed %v", backlog, closed, f.Closed())
		}
	})
}

// A loop that is behind holds the connection back and loses nothing.
func TestBusyLoopHoldsTheConnectionBack(t *testing.T) {
	limits := func(c *Config) { c.Limits.Backlog = 10 }
	run(t, limits, func(b *bench) {
		free := make(chan struct{})
		b.loop.Post(func() { <-free })
		c := b.dial()
		go func() {
			for i := range 500 {
				c.Write([]byte(options(fmt.Sprint(i))))
			}
		}()
		<-time.After(time.Second)
		b.nothing()
		b.count("received", 10)
		close(free)
		for i := range 500 {
			b.next(fmt.Sprint(i))
		}
	})
}

func TestConnectionsAreShared(t *testing.T) {
	run(t, nil, func(b *bench) {
		ln, _ := b.peer.Listen(b.Context(), "tcp", ":5060")
		target := Target{Transport: "TCP", Addr: netip.MustParseAddrPort(peerIP + ":5060")}
		flows := make(chan Flow, 10)
		for range 10 {
			b.layer.GetFlow(target, func(f Flow, err error) {
				if err != nil {
					t.Error(err)
				}
				flows <- f
			})
		}
		first := <-flows
		for range 9 {
			if <-flows != first {
				t.Error("another connection")
			}
		}
		if b.mustFlow(target) != first || b.layer.Connections() != 1 {
			t.Error("another connection")
		}
		c, _ := ln.Accept()
		if v := first.LocalVia().String(); v != "SIP/2.0/TCP "+ourIP+":5060;rport" {
			t.Error(v)
		}
		c.Close()
		<-b.gone
		if _, err := b.flow(Target{Transport: "TCP", Addr: target.Addr, Reuse: true}); !errors.Is(err, ErrNoFlow) {
			t.Error(err)
		}
		if again := b.mustFlow(target); again == first || again.Closed() {
			t.Error("a dead connection was used again")
		}
	})
}

func TestDialErrors(t *testing.T) {
	run(t, nil, func(b *bench) {
		for _, target := range []Target{
			{Transport: "TCP", Addr: netip.MustParseAddrPort(peerIP + ":1")},
			{Transport: "TLS", Addr: netip.MustParseAddrPort(peerIP + ":1")},
			{Transport: "UDP", Addr: netip.MustParseAddrPort("[2001:db8::1]:5060")},
			{Transport: "UDP", Addr: netip.MustParseAddrPort(peerIP + ":0")},
			{Transport: "SCTP", Addr: netip.MustParseAddrPort(peerIP + ":1")},
		} {
			if f, err := b.flow(target); err == nil || f != nil {
				t.Errorf("%s: %v", target, f)
			}
		}
		b.peer.SetDown(true)
		start := time.Now()
		if _, err := b.flow(Target{Transport: "TCP", Addr: netip.MustParseAddrPort(peerIP + ":1")}); err == nil || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

// T30: the connection is gone: a new one to where the request came from.
func TestConformance_T30_AnswerAfterTheClientLeft(t *testing.T) {
	run(t, nil, func(b *bench) {
		trap, _ := b.net.Host("192.0.2.66").Listen(b.Context(), "tcp", ":5080")
		ln, _ := b.peer.Listen(b.Context(), "tcp", ":5080")
		c := b.dial()
		b.write(c, strings.Replace(options("1"), peerIP+":5060", "192.0.2.66:5080", 1))
		in := b.next("1")
		c.Close()
		<-b.gone
		if err := b.answer(in); err != nil {
			t.Fatal(err)
		}
		defer trap.Close()
		defer time.AfterFunc(time.Minute, func() { _ = ln.Close() }).Stop()
		again, err := ln.Accept()
		if err != nil {
			t.Fatalf("no connection to where the request came from: %v", err)
		}
		wantStatus(t, b.read(again), 200)
		go trap.Close()
		if got, err := trap.Accept(); err == nil {
			t.Fatalf("the host in Via was asked: %v", got.RemoteAddr())
		}
	})
}

func TestCloseWhileAllIsBusy(t *testing.T) {
	run(t, nil, func(b *bench) {
		for range 10 {
			c := b.dial()
			go c.Write([]byte(strings.Repeat(options("x"), 500)))
		}
		b.net.Host("192.0.2.99").SetDown(true)
		errs := make(chan error, 1)
		b.layer.GetFlow(Target{Transport: "TCP", Addr: netip.MustParseAddrPort("192.0.2.99:5060")}, func(_ Flow, err error) { errs <- err })
		b.layer.Close()
		if err := <-errs; err == nil {
			t.Error("a dial outlived Close")
		}
		if _, err := b.flow(Target{Transport: "TCP", Addr: netip.MustParseAddrPort(peerIP + ":5060")}); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if _, err := b.layer.Listen(b.Context(), "UDP", ourIP+":0"); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}
