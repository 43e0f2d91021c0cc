package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
	"ringback/sip/loop"
	"ringback/sip/message"
)

const (
	ourIP  = "192.0.2.10"
	peerIP = "192.0.2.20"
)

// bench is a Layer on a virtual network, with a loop, inside a bubble.
type bench struct {
	*testing.T
	net   *simnet.Net
	peer  *simnet.Host
	loop  *loop.Loop
	layer *Layer
	in    chan Inbound
	gone  chan error // of OnFlowClosed
}

// run gives fn a bench with all three listeners that need no certificate.
func run(t *testing.T, edit func(*Config), fn func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.DefaultLink(simnet.Link{Latency: time.Millisecond}))
		b := &bench{T: t, net: n, peer: n.Host(peerIP), loop: loop.New(nil),
			in: make(chan Inbound, 5000), gone: make(chan error, 5000)}
		cfg := Config{Loop: b.loop, Network: n.Host(ourIP),
			OnMessage:    func(in Inbound) { b.in <- in },
			OnFlowClosed: func(_ Flow, err error) { b.gone <- err }}
		if edit != nil {
			edit(&cfg)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer n.Close()
		defer func() { cancel(); <-b.loop.Done() }()
		go b.loop.Run(ctx)
		var err error
		if b.layer, err = New(cfg); err != nil {
			t.Fatal(err)
		}
		defer b.layer.Close()
		for _, tr := range []string{"UDP", "TCP"} {
			if _, err := b.layer.Listen(ctx, tr, ourIP+":5060"); err != nil {
				t.Fatal(err)
			}
		}
		fn(b)
	})
}

// options is a request that the peer sends; lines are added to it.
func options(id string, lines ...string) string {
	all := append([]string{"OPTIONS sip:us@" + ourIP + " SIP/2.0", "Via: SIP/2.0/TCP " + peerIP + ":5060;branch=z9hG4bK" + id + ";rport",
		"Max-Forwards: 70", "From: <sip:a@h>;tag=1", "To: <sip:us@h>", "Call-ID: " + id, "CSeq: 1 OPTIONS"}, lines...)
	if !strings.Contains(strings.ToLower(strings.Join(lines, "\n")), "l:") && !strings.Contains(strings.Join(lines, "\n"), "Length") {
		all = append(all, "Content-Length: 0")
	}
	return strings.Join(all, "\r\n") + "\r\n\r\n"
}

// dial opens a connection from the peer to our TCP listener.
func (b *bench) dial() net.Conn {
	b.Helper()
	c, err := b.peer.Dial(b.Context(), "tcp", "", ourIP+":5060")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

func (b *bench) udp(addr string) net.PacketConn {
	b.Helper()
	pc, err := b.peer.ListenPacket(b.Context(), "udp", addr)
	if err != nil {
		b.Fatal(err)
	}
	return pc
}

func udpAddr(s string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func (b *bench) write(c net.Conn, text string) {
	b.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		b.Fatal(err)
	}
}

// next is the next message that came up, by its Call-ID.
func (b *bench) next(callID string) Inbound {
	b.Helper()
	select {
	case in := <-b.in:
		if got := message.CallID(in.Msg); got != callID {
			b.Fatalf("got %s, want %s", got, callID)
		}
		return in
	case <-time.After(time.Minute):
		b.Fatalf("%s did not come; counters %v", callID, b.layer.Counters())
	}
	return Inbound{}
}

// nothing checks that no message came up.
func (b *bench) nothing() {
	b.Helper()
	synctest.Wait()
	select {
	case in := <-b.in:
		b.Fatalf("came up:\n%s", in.Msg)
	default:
	}
}

// read reads what the connection has within a minute, up to the end of headers.
func (b *bench) read(c net.Conn) string {
	b.Helper()
	c.SetReadDeadline(time.Now().Add(time.Minute))
	var got []byte
	buf := make([]byte, 1)
	for !bytes.HasSuffix(got, []byte("\r\n\r\n")) {
		if _, err := c.Read(buf); err != nil {
			b.Fatalf("after %q: %v", got, err)
		}
		got = append(got, buf[0])
	}
	return string(got)
}

// ends checks that our side closes the connection without another byte, and
// returns after how long.
func (b *bench) ends(c net.Conn) time.Duration {
	b.Helper()
	start := time.Now()
	c.SetReadDeadline(start.Add(time.Hour))
	n, err := c.Read(make([]byte, 100))
	if n > 0 || !errors.Is(err, io.EOF) {
		b.Fatalf("read %d bytes, %v", n, err)
	}
	return time.Since(start).Round(10 * time.Millisecond)
}

func (b *bench) recv(pc net.PacketConn) (string, netip.AddrPort) {
	b.Helper()
	pc.SetReadDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 65536)
	n, from, err := pc.ReadFrom(buf)
	if err != nil {
		b.Fatal(err)
	}
	return string(buf[:n]), from.(*net.UDPAddr).AddrPort()
}

func (b *bench) silent(pc net.PacketConn) {
	b.Helper()
	pc.SetReadDeadline(time.Now().Add(time.Second))
	buf := make([]byte, 65536)
	if n, _, err := pc.ReadFrom(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		b.Fatalf("got %q, %v", buf[:n], err)
	}
}

func (b *bench) flow(t Target) (Flow, error) {
	b.Helper()
	type result struct {
		f   Flow
		err error
	}
	done := make(chan result, 1)
	b.layer.GetFlow(t, func(f Flow, err error) { done <- result{f, err} })
	r := <-done
	return r.f, r.err
}

func (b *bench) mustFlow(t Target) Flow {
	b.Helper()
	f, err := b.flow(t)
	if err != nil {
		b.Fatal(err)
	}
	return f
}

// send returns why a message could not be sent; nil: it was.
func (b *bench) send(f Flow, m message.Message) error {
	failed := make(chan error, 1)
	b.layer.Send(f, m, func(err error) { failed <- err })
	synctest.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// answer responds 200 to a request that came up.
func (b *bench) answer(in Inbound) error {
	return b.send(in.Flow, message.NewResponse(in.Msg.(*message.Request), 200, "", "tag"))
}

func (b *bench) count(name string, want uint64) {
	b.Helper()
	synctest.Wait()
	if got, ok := b.layer.Counters()[name]; !ok || got != want {
		b.Errorf("%s is %d, want %d", name, got, want)
	}
}

func wantStatus(t testing.TB, text string, code int) {
	t.Helper()
	if !strings.HasPrefix(text, "SIP/2.0 "+strconv.Itoa(code)+" ") {
		t.Fatalf("want %d, got %q", code, text)
	}
}

// ours is a request of size bytes and more that we send.
func ours(f Flow, size int) *message.Request {
	req := message.NewRequest(message.OPTIONS, message.URI{Scheme: "sip", Host: peerIP})
	via := f.LocalVia()
	via.Params = via.Params.With("branch", message.NewBranch())
	message.Add(req, "Via", via.String())
	message.Add(req, "From", "<sip:us@h>;tag=1")
	message.Add(req, "To", "<sip:a@h>")
	message.Add(req, "Call-ID", "ours")
	message.Add(req, "CSeq", "1 OPTIONS")
	message.SetBody(req, "text/plain", bytes.Repeat([]byte("x"), size))
	return req
}
