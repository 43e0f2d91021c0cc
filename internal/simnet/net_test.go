package simnet

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func listenUDP(t *testing.T, h *Host, addr string) *packetConn {
	t.Helper()
	pc, err := h.ListenPacket(t.Context(), "udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return pc.(*packetConn)
}

func recv(t *testing.T, c *packetConn) (string, netip.AddrPort) {
	t.Helper()
	b := make([]byte, 100)
	n, from, err := c.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), from.(*net.UDPAddr).AddrPort()
}

func TestPacket(t *testing.T) {
	for _, addrs := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"2001:db8::1", "2001:db8::2"}} {
		t.Run("arrives after the latency/"+addrs[0], func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New(DefaultLink(Link{Latency: 30 * time.Millisecond}))
				defer n.Close()
				a := listenUDP(t, n.Host(addrs[0]), ":0")
				b := listenUDP(t, n.Host(addrs[1]), net.JoinHostPort(addrs[1], "5060"))
				start := time.Now()
				for i := range 10 {
					if _, err := a.WriteTo([]byte(strconv.Itoa(i)), b.LocalAddr()); err != nil {
						t.Fatal(err)
					}
				}
				for i := range 10 {
					got, from := recv(t, b)
					if got != strconv.Itoa(i) || from.Addr().String() != addrs[0] || from.Port() != a.local.Port() {
						t.Fatalf("packet %d: got %q from %s", i, got, from)
					}
				}
				if d := time.Since(start); d != 30*time.Millisecond {
					t.Fatalf("arrived after %s", d)
				}
			})
		})
	}
}

func TestTryReadFromDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(DefaultLink(Link{Latency: time.Millisecond}))
		defer n.Close()
		a, b := listenUDP(t, n.Host("10.0.0.1"), ":0"), listenUDP(t, n.Host("10.0.0.2"), ":7")
		buf := make([]byte, 10)
		a.WriteTo([]byte("x"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:7")))
		if _, _, _, ok := b.TryReadFrom(buf); ok {
			t.Fatal("arrived without latency")
		}
		sent := time.Now()
		<-time.After(5 * time.Millisecond)
		count, from, at, ok := b.TryReadFrom(buf)
		if !ok || count != 1 || from.Addr().String() != "10.0.0.1" || at.Sub(sent) != time.Millisecond {
			t.Fatalf("got %d from %s at %s, %v", count, from, at.Sub(sent), ok)
		}
	})
}

func TestLink(t *testing.T) {
	const sent = 1000
	count := func(t *testing.T, l Link) (got int, ordered bool) {
		synctest.Test(t, func(t *testing.T) {
			n := New(Seed(7))
			defer n.Close()
			n.Link("10.0.0.1", "10.0.0.2", l)
			a, b := listenUDP(t, n.Host("10.0.0.1"), ":0"), listenUDP(t, n.Host("10.0.0.2"), ":7")
			for i := range sent {
				a.WriteTo([]byte(strconv.Itoa(i)), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:7")))
			}
			b.SetReadDeadline(time.Now().Add(time.Second))
			ordered = true
			last := -1
			for buf := make([]byte, 10); ; got++ {
				c, _, err := b.ReadFrom(buf)
				if errors.Is(err, os.ErrDeadlineExceeded) {
					return
				}
				i, _ := strconv.Atoi(string(buf[:c]))
				ordered = ordered && i >= last
				last = i
			}
		})
		return got, ordered
	}
	t.Run("loss", func(t *testing.T) {
		if got, _ := count(t, Link{Loss: 0.1}); got < 860 || got > 940 {
			t.Fatalf("%d of %d arrived at 10 %% loss", got, sent)
		}
	})
	t.Run("duplicate", func(t *testing.T) {
		if got, _ := count(t, Link{Duplicate: 0.1}); got < 1060 || got > 1140 {
			t.Fatalf("%d of %d arrived at 10 %% duplicates", got, sent)
		}
	})
	t.Run("jitter keeps the order", func(t *testing.T) {
		if got, ordered := count(t, Link{Jitter: 50 * time.Millisecond}); got != sent || !ordered {
			t.Fatalf("%d arrived, in order %v", got, ordered)
		}
	})
	t.Run("reorder does not", func(t *testing.T) {
		if got, ordered := count(t, Link{Jitter: 50 * time.Millisecond, Reorder: true}); got != sent || ordered {
			t.Fatalf("%d arrived, in order %v", got, ordered)
		}
	})
}

// connect gives both ends of a connection.
func connect(t *testing.T, n *Net, a, b string) (net.Conn, net.Conn) {
	t.Helper()
	ln, err := n.Host(b).Listen(t.Context(), "tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	port := ln.Addr().(*net.TCPAddr).Port
	c, err := n.Host(a).Dial(ctx, "tcp", "", net.JoinHostPort(b, strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

func TestStream(t *testing.T) {
	t.Run("carries all bytes in order, then the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := New(DefaultLink(Link{Latency: 10 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.5}))
			defer n.Close()
			c, s := connect(t, n, "10.0.0.1", "10.0.0.2")
			want := make([]byte, 3*window)
			for i := range want {
				want[i] = byte(i * 7)
			}
			go func() {
				c.Write(want)
				c.Close()
			}()
			got, err := io.ReadAll(s)
			if err != nil || string(got) != string(want) {
				t.Fatalf("%d of %d bytes, %v", len(got), len(want), err)
			}
		})
	})
	t.Run("a slow reader stops the writer until its deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := New()
			defer n.Close()
			c, _ := connect(t, n, "10.0.0.1", "10.0.0.2")
			c.SetWriteDeadline(time.Now().Add(time.Second))
			sent, err := c.Write(make([]byte, 2*window))
			if sent != window || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("wrote %d, %v", sent, err)
			}
		})
	})
	t.Run("read deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := New()
			defer n.Close()
			c, _ := connect(t, n, "10.0.0.1", "10.0.0.2")
			start := time.Now()
			c.SetReadDeadline(start.Add(time.Second))
			_, err := c.Read(make([]byte, 1))
			var ne net.Error
			if !errors.As(err, &ne) || !ne.Timeout() || time.Since(start) != time.Second {
				t.Fatalf("%v after %s", err, time.Since(start))
			}
		})
	})
	t.Run("nobody listens", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := New()
			defer n.Close()
			n.Host("10.0.0.2")
			_, err := n.Host("10.0.0.1").Dial(t.Context(), "tcp", "", "10.0.0.2:5060")
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Fatal(err)
			}
		})
	})
}

func TestPartition(t *testing.T) {
	t.Run("holds a connection's bytes back in order", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := New(DefaultLink(Link{Latency: 20 * time.Millisecond}))
			defer n.Close()
			c, s := connect(t, n, "10.0.0.1", "10.0.0.2")
			c.Write([]byte("in flight,"))
			n.Partition("10.0.0.1", "10.0.0.2", true)
			c.Write([]byte("held,"))
			c.Close()
			<-time.After(time.Minute)
			n.Partition("10.0.0.1", "10.0.0.2", false)
			got, err := io.ReadAll(s)
			if string(got) != "in flight,held," || err != nil {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	})
	t.Run("loses datagrams", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := New()
			defer n.Close()
			dropped := 0
			n.Tap(func(p Packet) {
				if p.Dropped {
					dropped++
				}
			})
			a, b := listenUDP(t, n.Host("10.0.0.1"), ":0"), listenUDP(t, n.Host("10.0.0.2"), ":7")
			to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:7"))
			n.Host("10.0.0.2").SetDown(true)
			a.WriteTo([]byte("lost"), to)
			n.Host("10.0.0.2").SetDown(false)
			a.WriteTo([]byte("here"), to)
			if got, _ := recv(t, b); got != "here" || dropped != 1 {
				t.Fatalf("got %q, %d dropped", got, dropped)
			}
		})
	})
	t.Run("a dial that gives up leaves nothing behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := New(DefaultLink(Link{Latency: time.Second}))
			defer n.Close()
			ln, _ := n.Host("10.0.0.2").Listen(t.Context(), "tcp", ":5060")
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			if _, err := n.Host("10.0.0.1").Dial(ctx, "tcp", "", "10.0.0.2:5060"); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			s, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Read(make([]byte, 1)); err != io.EOF {
				t.Fatal(err)
			}
		})
	})
}

func TestKillResetsAndFreesPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		defer n.Close()
		c, s := connect(t, n, "10.0.0.1", "10.0.0.2")
		b := listenUDP(t, n.Host("10.0.0.2"), ":7")
		n.Host("10.0.0.2").Kill()
		for _, end := range []net.Conn{c, s} {
			if _, err := end.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Fatal(err)
			}
		}
		if _, _, err := b.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		listenUDP(t, n.Host("10.0.0.2"), ":7")
	})
}

func TestPorts(t *testing.T) {
	n := New()
	defer n.Close()
	h := n.Host("10.0.0.1")
	listenUDP(t, h, "0.0.0.0:7")
	if _, err := h.ListenPacket(t.Context(), "udp", "10.0.0.1:7"); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("port taken: %v", err)
	}
	if _, err := h.ListenPacket(t.Context(), "udp", "10.0.0.9:0"); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("foreign address: %v", err)
	}
	c, err := h.Dial(t.Context(), "udp", "", "10.0.0.2:5060")
	if err != nil || c.LocalAddr().(*net.UDPAddr).IP.String() != "10.0.0.1" {
		t.Errorf("udp dial tells %v, %v", c.LocalAddr(), err)
	}
}

// A host of several addresses, which come and go.
func TestSetAddrs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(DefaultLink(Link{Latency: 5 * time.Millisecond}))
		defer n.Close()
		far, six := listenUDP(t, n.Host("10.0.0.1"), ":7"), listenUDP(t, n.Host("2001:db8::1"), ":7")
		h := n.Host("10.0.0.2")
		any := listenUDP(t, h, ":5060")
		fixed := listenUDP(t, h, "10.0.0.2:9")
		send := func(c *packetConn, to net.Addr) error {
			_, err := c.WriteTo([]byte("x"), to)
			return err
		}
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:7"))
		to6 := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("[2001:db8::1]:7"))
		from := func(c *packetConn, want string) {
			t.Helper()
			if _, got := recv(t, c); got.String() != want {
				t.Errorf("from %s, want %s", got, want)
			}
		}
		if err := send(any, to6); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("without an address of the family: %v", err)
		}
		h.SetAddrs("10.9.0.2", "10.0.0.2", "2001:db8::2")
		send(any, to)
		from(far, "10.9.0.2:5060")
		send(any, to6)
		from(six, "[2001:db8::2]:5060")
		send(fixed, to)
		from(far, "10.0.0.2:9")
		send(far, net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.2:5060")))
		from(any, "10.0.0.1:7")

		c, err := h.Dial(t.Context(), "tcp", "", "10.0.0.1:5060")
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%v %v", c, err)
		}
		h.SetAddrs()
		if err := send(any, to); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("without a network: %v", err)
		}
		if err := send(fixed, to); !errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Errorf("without its address: %v", err)
		}
		if _, err := h.Dial(t.Context(), "udp", "", "10.0.0.1:7"); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("dial without a network: %v", err)
		}
		if h.Addr().IsValid() {
			t.Errorf("it has %s", h.Addr())
		}
		h.SetAddrs("192.168.7.9")
		send(any, to)
		from(far, "192.168.7.9:5060")
	})
}

func TestSetAddrsHoldsAConnectionBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(DefaultLink(Link{Latency: 5 * time.Millisecond}))
		defer n.Close()
		c, s := connect(t, n, "10.0.0.2", "10.0.0.1")
		h := n.Host("10.0.0.2")
		h.SetAddrs("10.9.0.2")
		n.Host("10.0.0.2") // somebody else has it now
		c.Write([]byte("held"))
		s.SetReadDeadline(time.Now().Add(time.Minute))
		if got, err := s.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v", got, err)
		}
	})
}
