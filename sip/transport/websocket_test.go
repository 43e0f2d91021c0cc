package transport

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

// The opcodes of RFC 6455 section 5.2.
const (
	opMore, opText, opBinary = 0, 1, 2
	opClose, opPing, opPong  = 8, 9, 10
)

// webPeer is a server that sends just the frames that a test says.
type webPeer struct {
	*bench
	conn net.Conn
	in   *bufio.Reader
	path string
}

// serveWeb has the layer connect to a WebSocket of the peer's.
func (b *bench) serveWeb() (*webPeer, Flow) {
	b.Helper()
	ln, err := b.peer.Listen(b.Context(), "tcp", peerIP+":80")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	up := make(chan *webPeer, 1)
	go func() {
		defer close(up)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		p := &webPeer{bench: b, conn: c, in: bufio.NewReader(c)}
		req, err := http.ReadRequest(p.in)
		if err != nil || req.Header.Get("Sec-WebSocket-Protocol") != "sip" {
			b.Errorf("handshake %v %v", req, err)
			return
		}
		p.path = req.URL.Path
		fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			acceptOf(req.Header.Get("Sec-WebSocket-Key")))
		up <- p
	}()
	flow := b.mustFlow(Target{Transport: "WS", Addr: netip.MustParseAddrPort(peerIP + ":80"), ServerName: "pbx.example.com"})
	p := <-up
	if p == nil {
		b.Fatal("no handshake came")
	}
	b.Cleanup(func() { p.conn.Close() })
	return p, flow
}

func (p *webPeer) frame(op byte, final bool, payload string) {
	p.Helper()
	if final {
		op |= 0x80
	}
	b := []byte{op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	p.write(p.conn, string(b)+payload)
}

// next is the next frame that the layer sent; it is masked, as a client's must be.
func (p *webPeer) nextFrame() (op byte, payload string) {
	p.Helper()
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Minute))
	head := make([]byte, 2)
	if _, err := io.ReadFull(p.in, head); err != nil {
		p.Fatalf("no frame: %v", err)
	}
	n := int(head[1] & 0x7f)
	if n == 126 {
		more := make([]byte, 2)
		_, _ = io.ReadFull(p.in, more)
		n = int(binary.BigEndian.Uint16(more))
	}
	if head[1]&0x80 == 0 {
		p.Fatal("a frame of the client's is not masked (RFC 6455 5.1)")
	}
	mask, data := make([]byte, 4), make([]byte, n)
	_, _ = io.ReadFull(p.in, mask)
	_, _ = io.ReadFull(p.in, data)
	for i := range data {
		data[i] ^= mask[i%4]
	}
	return head[0] & 0x0f, string(data)
}

func TestConformance_T37_PingIsAnsweredWithWhatItCarries(t *testing.T) {
	run(t, nil, func(b *bench) {
		p, _ := b.serveWeb()
		if p.path != "/ws" {
			t.Errorf("path %q", p.path)
		}
		for _, payload := range []string{"", "x", "payload of a ping", strings.Repeat("p", 125)} {
			p.frame(opPing, true, payload)
			if op, got := p.nextFrame(); op != opPong || got != payload {
				t.Errorf("ping %q got %d %q", payload, op, got)
			}
		}
		p.frame(opText, true, options("after"))
		b.next("after")
	})
}

func TestConformance_T37_TextBinaryFragmentsAndLargeMessages(t *testing.T) {
	run(t, nil, func(b *bench) {
		p, flow := b.serveWeb()
		p.frame(opText, true, options("text"))
		if in := b.next("text"); in.Flow != flow || in.Flow.Transport() != "WS" {
			t.Errorf("came by %v", in.Flow)
		}
		p.frame(opBinary, true, options("binary"))
		b.next("binary")
		whole := options("parts")
		p.frame(opText, false, whole[:10])
		p.frame(opPing, true, "between") // control frames may come between fragments (5.4)
		p.frame(opMore, false, whole[10:50])
		p.frame(opMore, true, whole[50:])
		if op, got := p.nextFrame(); op != opPong || got != "between" {
			t.Errorf("got %d %q", op, got)
		}
		b.next("parts")
		body := strings.Repeat("x", 40<<10)
		p.frame(opText, true, strings.TrimSuffix(options("large", "Content-Type: text/plain", fmt.Sprint("Content-Length: ", len(body))), "")+body)
		if in := b.next("large"); len(in.Msg.Body()) != len(body) {
			t.Errorf("body of %d octets", len(in.Msg.Body()))
		}
		p.frame(opText, true, strings.Replace(options("bare"), "Content-Length: 0\r\n", "", 1)) // RFC 7118 section 5
		b.next("bare")
		p.frame(opText, true, "\r\n\r\n") // RFC 5626 3.5.1
		if op, got := p.nextFrame(); op != opText || got != "\r\n" {
			t.Errorf("a CRLF ping got %d %q", op, got)
		}
		p.frame(opText, true, "this is no SIP\r\n\r\n")
		p.frame(opText, true, options("next"))
		b.next("next")
	})
}

func TestConformance_T37_CloseIsAnsweredAndOurs(t *testing.T) {
	t.Run("theirs", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			p, flow := b.serveWeb()
			p.frame(opClose, true, "\x03\xe8bye")
			if op, got := p.nextFrame(); op != opClose || !strings.HasPrefix(got, "\x03\xe8") {
				t.Errorf("got %d %q", op, got)
			}
			if err := <-b.gone; err == nil || !flow.Closed() {
				t.Errorf("gone: %v", err)
			}
		})
	})
	t.Run("ours", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			p, flow := b.serveWeb()
			b.layer.CloseFlow(flow)
			if op, got := p.nextFrame(); op != opClose || !strings.HasPrefix(got, "\x03\xe9") {
				t.Errorf("got %d %q", op, got)
			}
			p.frame(opClose, true, "\x03\xe9")
			<-b.gone
		})
	})
	t.Run("a message that is too large", func(t *testing.T) {
		run(t, nil, func(b *bench) {
			p, _ := b.serveWeb()
			p.frame(opText, true, strings.Repeat("x", maxWebMessage+1))
			for op, got := p.nextFrame(); op != opClose || !strings.HasPrefix(got, "\x03\xf1"); op, got = p.nextFrame() {
				t.Errorf("got %d %q", op, got)
			}
			<-b.gone
		})
	})
}

func TestWebSocket_PingsAndIsClosedWithoutAPong(t *testing.T) {
	run(t, nil, func(b *bench) {
		p, flow := b.serveWeb()
		done := make(chan error, 2)
		b.layer.Ping(flow, func(err error) { done <- err })
		op, payload := p.nextFrame()
		if op != opPing {
			t.Fatalf("got %d", op)
		}
		p.frame(opPong, true, payload)
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.layer.Ping(flow, func(err error) { done <- err })
		begin := time.Now()
		if err := <-done; err == nil || time.Since(begin) > 11*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		<-b.gone
	})
}

// TestRFC7118_5_OneMessageOneFrame: requests and responses go out whole, each in a
// message of its own; Via names a host that nobody can dial.
func TestRFC7118_5_OneMessageOneFrame(t *testing.T) {
	run(t, nil, func(b *bench) {
		p, flow := b.serveWeb()
		p.frame(opText, true, options("ask"))
		in := b.next("ask")
		b.layer.Send(flow, message.NewResponse(in.Msg.(*message.Request), 200, "", "tag"), nil)
		if op, got := p.nextFrame(); op != opText || !strings.HasPrefix(got, "SIP/2.0 200") || !strings.HasSuffix(got, "\r\n\r\n") {
			t.Errorf("got %d %q", op, got)
		}
		if via := flow.LocalVia(); via.Transport != "WS" || !strings.HasSuffix(via.Host, ".invalid") || via.Port != 0 {
			t.Errorf("Via %s", via)
		}
	})
}

func TestWebSocket_WhatIsNoneIsRefused(t *testing.T) {
	const switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\n\r\n"
	for name, row := range map[string]struct{ answer, want string }{
		"not found": {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "account.ws_path"}, "no HTTP": {"SSH-2.0\r\n", "open a WebSocket"},
		"no WebSocket": {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "open a WebSocket"}, "no SIP": {switching, "does not speak SIP (RFC 7118)"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(b *bench) {
				ln, err := b.peer.Listen(b.Context(), "tcp", peerIP+":80")
				if err != nil {
					t.Fatal(err)
				}
				defer ln.Close()
				go func() {
					if c, err := ln.Accept(); err == nil {
						defer c.Close()
						in := bufio.NewReader(c)
						req, err := http.ReadRequest(in)
						if err != nil {
							return
						}
						_, _ = io.WriteString(c, strings.Replace(row.answer, "KEY", acceptOf(req.Header.Get("Sec-WebSocket-Key")), 1))
						if row.answer == switching {
							_, _ = io.Copy(io.Discard, in)
						}
					}
				}()
				done := make(chan error, 1)
				b.layer.GetFlow(Target{Transport: "WS", Addr: netip.MustParseAddrPort(peerIP + ":80")}, func(_ Flow, err error) { done <- err })
				if err := <-done; err == nil || !strings.Contains(err.Error(), row.want) {
					t.Errorf("got %v, want %q", err, row.want)
				}
			})
		})
	}
}

// acceptOf is what a server makes of a client's key (RFC 6455 section 4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// TestWebSocket_WhoComesIsAskedForSIP: who connects to our own WebSocket is refused on
// another path, from another site's page, without the subprotocol, and when it never says
// what it wants.
func TestWebSocket_WhoComesIsAskedForSIP(t *testing.T) {
	const usual = "Host: " + ourIP + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	const sip = "Sec-WebSocket-Protocol: sip\r\n"
	for name, row := range map[string]struct {
		said, answer string // as it begins; "": none
		stays        bool
	}{
		"right":         {"GET /ws HTTP/1.1\r\n" + usual + sip + "\r\n", "HTTP/1.1 101", true},
		"own page":      {"GET /ws HTTP/1.1\r\n" + usual + sip + "Origin: http://" + ourIP + "\r\n\r\n", "HTTP/1.1 101", true},
		"another path":  {"GET /other HTTP/1.1\r\n" + usual + sip + "\r\n", "HTTP/1.1 404", false},
		"another site":  {"GET /ws HTTP/1.1\r\n" + usual + sip + "Origin: http://evil.example\r\n\r\n", "HTTP/1.1 403", false},
		"not for SIP":   {"GET /ws HTTP/1.1\r\n" + usual + "\r\n", "HTTP/1.1 101", false},
		"never an end":  {"GET /ws HTTP/1.1\r\n" + usual, "", true}, // see below
		"not a request": {"\x16\x03\x01garbage\r\n\r\n", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, nil, func(b *bench) {
				if _, err := b.layer.Listen(b.Context(), "WS", ourIP+":80"); err != nil {
					t.Fatal(err)
				}
				c, err := b.peer.Dial(b.Context(), "tcp", "", ourIP+":80")
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				b.write(c, row.said)
				_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
				all, err := io.ReadAll(c)
				if !strings.HasPrefix(string(all), row.answer) {
					t.Errorf("answered %q", all)
				}
				if stays := errors.Is(err, os.ErrDeadlineExceeded); stays != row.stays {
					t.Errorf("it stays: %v (%v)", stays, err)
				}
				_ = c.SetReadDeadline(time.Now().Add(15 * time.Second)) // in figures: a longer FirstTimeout is what this is to find
				if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("it says nothing for 17 s, and is not let go")
				}
			})
		})
	}
}
