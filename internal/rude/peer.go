package rude

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Network is what a Peer stands on: simnet's Host, or transport.Host.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error)
}

// inboxSize is how many messages a Peer keeps; more are counted and dropped.
const inboxSize = 20000

// Peer is one end of SIP.
type Peer struct {
	to       netip.AddrPort
	packets  net.PacketConn
	conn     net.Conn
	inbox    chan Message
	done     chan struct{}
	close    sync.Once
	serial   atomic.Uint64
	received atomic.Int64 // bytes
	user     string
	polite   atomic.Bool // answers REGISTER, OPTIONS and BYE with 200

	mu  sync.Mutex
	err error // why reading ended
}

// Listen opens a UDP socket at host:port, from which the phone at to is talked to.
func Listen(n Network, at, to string) (*Peer, error) {
	pc, err := n.ListenPacket(context.Background(), "udp", at)
	if err != nil {
		return nil, fmt.Errorf("be rude by UDP: %w", err)
	}
	p := newPeer(to)
	p.packets = pc
	go p.readPackets()
	return p, nil
}

// Dial connects to the phone by TCP, or TLS where a configuration is given.
func Dial(n Network, to string, secure *tls.Config) (*Peer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := n.Dial(ctx, "tcp", "", to)
	if err == nil && secure != nil {
		t := tls.Client(c, secure)
		if err = t.HandshakeContext(ctx); err != nil {
			c.Close()
		}
		c = t
	}
	if err != nil {
		return nil, fmt.Errorf("be rude by a stream: %w", err)
	}
	p := newPeer(to)
	p.conn = c
	go p.readStream()
	return p, nil
}

// DialWeb connects to the phone by WebSocket: each write is a message. Its bytes, the
// handshake's too, go out in segments of so many, where cut is not zero.
func DialWeb(n Network, to string, cut int) (*Peer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	below, err := n.Dial(ctx, "tcp", "", to)
	if err != nil {
		return nil, fmt.Errorf("be rude by a WebSocket: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return segments{below, cut}, nil }}}
	ws, _, err := websocket.Dial(ctx, "ws://"+to+"/ws", &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"sip"}})
	if err != nil {
		return nil, fmt.Errorf("be rude by a WebSocket: %w", err)
	}
	ws.SetReadLimit(1 << 20)
	p := newPeer(to)
	p.conn = webConn{websocket.NetConn(context.Background(), ws, websocket.MessageText), ws, below}
	go p.readStream()
	return p, nil
}

// webConn is a WebSocket with the addresses of the connection below it.
type webConn struct {
	net.Conn
	ws    *websocket.Conn
	below net.Conn
}

// segments is a connection that writes so many bytes at a time.
type segments struct {
	net.Conn
	cut int
}

// Write implements net.Conn.
func (s segments) Write(b []byte) (int, error) {
	if s.cut == 0 {
		return s.Conn.Write(b)
	}
	for i := 0; i < len(b); i += s.cut {
		if _, err := s.Conn.Write(b[i:min(i+s.cut, len(b))]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// LocalAddr implements net.Conn.
func (c webConn) LocalAddr() net.Addr { return c.below.LocalAddr() }

// Close ends the connection without a word.
func (c webConn) Close() error { return c.below.Close() }

func newPeer(to string) *Peer {
	return &Peer{to: netip.MustParseAddrPort(to), inbox: make(chan Message, inboxSize), done: make(chan struct{}), user: "1001"}
}

// Close ends the peer and waits for its reader.
func (p *Peer) Close() {
	p.close.Do(func() {
		if p.packets != nil {
			p.packets.Close()
		} else {
			p.conn.Close()
		}
	})
	<-p.done
}

// Local is the peer's own address.
func (p *Peer) Local() netip.AddrPort {
	a := net.Addr(nil)
	if p.packets != nil {
		a = p.packets.LocalAddr()
	} else {
		a = p.conn.LocalAddr()
	}
	return netip.MustParseAddrPort(a.String())
}

// BePolite lets the peer answer REGISTER, OPTIONS and BYE with 200 by itself, as a PBX
// does, or leaves them to the test.
func (p *Peer) BePolite(on bool) { p.polite.Store(on) }

// Received is the number of bytes that came.
func (p *Peer) Received() int64 { return p.received.Load() }

// Ended is why the phone's side of a stream ended; nil while it has not.
func (p *Peer) Ended() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Write sends text as it is: one datagram, or one segment.
func (p *Peer) Write(text string) error {
	if p.packets != nil {
		_, err := p.packets.WriteTo([]byte(text), net.UDPAddrFromAddrPort(p.to))
		return err
	}
	_, err := io.WriteString(p.conn, text)
	return err
}

// Fragments sends text as one message of a WebSocket in frames of n bytes (RFC 6455 5.4).
func (p *Peer) Fragments(text string, n int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w, err := p.conn.(webConn).ws.Writer(ctx, websocket.MessageText)
	if err != nil {
		return fmt.Errorf("be rude in fragments: %w", err)
	}
	for i := 0; i < len(text); i += n {
		if _, err := io.WriteString(w, text[i:min(i+n, len(text))]); err != nil {
			return fmt.Errorf("be rude in fragments: %w", err)
		}
	}
	return w.Close()
}

// Trickle sends text on a stream in pieces of n bytes.
func (p *Peer) Trickle(text string, n int) error {
	for i := 0; i < len(text); i += n {
		if _, err := io.WriteString(p.conn, text[i:min(i+n, len(text))]); err != nil {
			return err
		}
	}
	return nil
}

// Next is the next message within d; false when none came.
func (p *Peer) Next(d time.Duration) (Message, bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case m := <-p.inbox:
		return m, true
	case <-t.C:
		return Message{}, false
	}
}

// Until is the next message for which is says yes, within d; others are dropped.
func (p *Peer) Until(d time.Duration, is func(Message) bool) (Message, bool) {
	limit := time.Now().Add(d)
	for {
		m, ok := p.Next(time.Until(limit))
		if !ok || is(m) {
			return m, ok
		}
	}
}

// Drain drops what has come.
func (p *Peer) Drain() {
	for {
		select {
		case <-p.inbox:
		default:
			return
		}
	}
}

// New is a sound request to the phone, to be spoilt.
func (p *Peer) New(method string) Request {
	n := p.serial.Add(1)
	local := p.Local()
	kind := "UDP"
	if p.conn != nil {
		kind = "TCP"
		switch p.conn.(type) {
		case *tls.Conn:
			kind = "TLS"
		case webConn:
			kind = "WS"
		}
	}
	id := fmt.Sprintf("rude%d.%d", local.Port(), n)
	r := Request{Method: method, URI: fmt.Sprintf("sip:%s@%s", p.user, p.to), CallID: id + "@" + local.Addr().String(),
		Via:  fmt.Sprintf("SIP/2.0/%s %s;rport;branch=z9hG4bK%s", kind, local, id),
		From: fmt.Sprintf("<sip:rude@%s>;tag=%s", local.Addr(), id), To: fmt.Sprintf("<sip:%s@%s>", p.user, p.to.Addr()), CSeq: "1 " + method}
	if method != "ACK" && method != "CANCEL" && method != "BYE" {
		r.Headers = append(r.Headers, fmt.Sprintf("Contact: <sip:rude@%s>", local))
	}
	return r
}

// Answer is the text of a response to a request of the phone's. Lines are more
// headers.
func Answer(m Message, start, tag, body string, lines ...string) string {
	var b strings.Builder
	b.WriteString("SIP/2.0 " + start + "\r\n")
	head, _, _ := strings.Cut(m.Text, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "To":
			if tag != "" && !strings.Contains(line, ";tag=") {
				line += ";tag=" + tag
			}
			b.WriteString(line + "\r\n")
		case "Via", "From", "Call-ID", "CSeq":
			b.WriteString(line + "\r\n")
		}
	}
	for _, line := range lines {
		b.WriteString(line + "\r\n")
	}
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

func (p *Peer) readPackets() {
	defer close(p.done)
	buf := make([]byte, 65536)
	for {
		n, _, err := p.packets.ReadFrom(buf)
		if err != nil {
			p.ended(err)
			return
		}
		p.take(string(buf[:n]))
	}
}

func (p *Peer) readStream() {
	defer close(p.done)
	var text string
	buf := make([]byte, 65536)
	for {
		n, err := p.conn.Read(buf)
		text = p.cut(text + string(buf[:n]))
		if err != nil {
			p.ended(err)
			return
		}
	}
}

func (p *Peer) ended(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// cut takes the whole messages off a stream and returns the rest.
func (p *Peer) cut(text string) string {
	for {
		text = strings.TrimLeft(text, "\r\n")
		head, rest, ok := strings.Cut(text, "\r\n\r\n")
		if !ok {
			return text
		}
		length := 0
		if _, err := fmt.Sscan(Message{head}.Header("Content-Length"), &length); err != nil || length > len(rest) {
			return text
		}
		p.take(head + "\r\n\r\n" + rest[:length])
		text = rest[length:]
	}
}

func (p *Peer) take(text string) {
	p.received.Add(int64(len(text)))
	if strings.TrimSpace(text) == "" {
		return
	}
	m := Message{text}
	if p.polite.Load() && m.Code() == 0 {
		switch m.Method() {
		case "REGISTER": // a phone that does not hear it asks again
			_ = p.Write(Answer(m, "200 OK", "pbx", "", "Contact: "+m.Header("Contact")))
			return
		case "OPTIONS", "BYE":
			_ = p.Write(Answer(m, "200 OK", "pbx", ""))
			return
		}
	}
	select {
	case p.inbox <- m:
	default:
	}
}
