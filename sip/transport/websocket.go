package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"

	"ringback/sip/message"
)

const (
	subprotocol   = "sip"           // RFC 7118 section 4
	maxWebMessage = 64<<10 + 64     // octets; a larger one closes the connection with 1009
	webFarewell   = 1 * time.Second // for the peer's close frame
)

// webSocket is a WebSocket as a connection: a write is a message, and a read is of the
// message that receive has taken. The library answers pings, with what they carry,
// and puts fragments together (RFC 6455 sections 5.4 and 5.5).
type webSocket struct {
	net.Conn // below, for addresses
	ws       *websocket.Conn
	l        *Layer
	mu       sync.Mutex
	limit    time.Time // of the next read
	wrote    time.Time // limit of the next write
}

// secured says that a transport goes over TLS.
func secured(transport string) bool { return transport == "TLS" || transport == "WSS" }

func overWeb(transport string) bool { return transport == "WS" || transport == "WSS" }

// dialWeb makes a WebSocket of a connection that is open, and secured where it is to be.
func (l *Layer) dialWeb(ctx context.Context, raw net.Conn, key poolKey) (net.Conn, error) {
	once := make(chan net.Conn, 1)
	once <- raw
	hand := func(context.Context, string, string) (net.Conn, error) {
		select {
		case c := <-once:
			return c, nil
		default:
			return nil, errors.New("the connection is in use")
		}
	}
	client := &http.Client{Transport: &http.Transport{DialContext: hand, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	host := key.remote.String()
	if key.serverName != "" {
		_, port, _ := net.SplitHostPort(host)
		host = net.JoinHostPort(key.serverName, port)
	}
	ws, res, err := websocket.Dial(ctx, "ws://"+host+l.cfg.WSPath, &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{subprotocol}})
	if err != nil {
		raw.Close()
		if res != nil && res.StatusCode != http.StatusSwitchingProtocols {
			hint := ""
			if res.StatusCode == http.StatusNotFound {
				hint = ": set account.ws_path to the path of the PBX's WebSocket"
			}
			return nil, fmt.Errorf("open a WebSocket at http://%s%s: it answers %s%s", host, l.cfg.WSPath, res.Status, hint)
		}
		return nil, fmt.Errorf("open a WebSocket at http://%s%s: %w", host, l.cfg.WSPath, err)
	}
	if ws.Subprotocol() != subprotocol {
		_ = ws.Close(websocket.StatusPolicyViolation, "want the subprotocol sip")
		return nil, fmt.Errorf("open a WebSocket at http://%s%s: it does not speak SIP (RFC 7118)", host, l.cfg.WSPath)
	}
	return l.webSocketOn(raw, ws), nil
}

func (l *Layer) webSocketOn(raw net.Conn, ws *websocket.Conn) net.Conn {
	ws.SetReadLimit(maxWebMessage)
	return &webSocket{Conn: raw, ws: ws, l: l}
}

// acceptWeb answers the handshake of who connected.
func (l *Layer) acceptWeb(raw net.Conn) (net.Conn, error) {
	if err := raw.SetDeadline(time.Now().Add(l.cfg.Limits.FirstTimeout)); err != nil {
		return nil, err
	}
	in := bufio.NewReader(raw)
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil, fmt.Errorf("read the WebSocket's handshake: %w", err)
	}
	w := &hijacked{conn: raw, in: in, header: http.Header{}}
	if req.URL.Path != l.cfg.WSPath {
		http.Error(w, "SIP over WebSocket is at "+l.cfg.WSPath, http.StatusNotFound)
		return nil, fmt.Errorf("WebSocket at %q: it is at %s", req.URL.Path, l.cfg.WSPath)
	}
	ws, err := websocket.Accept(w, req, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		return nil, fmt.Errorf("answer the WebSocket's handshake: %w", err)
	}
	if ws.Subprotocol() != subprotocol {
		_ = ws.CloseNow()
		return nil, errors.New("answer the WebSocket's handshake: the peer does not ask for SIP")
	}
	return l.webSocketOn(raw, ws), raw.SetDeadline(time.Time{})
}

// hijacked is the http.ResponseWriter of a handshake on a connection of ours.
type hijacked struct {
	conn   net.Conn
	in     *bufio.Reader
	header http.Header
	begun  bool
}

// Header implements http.ResponseWriter.
func (h *hijacked) Header() http.Header { return h.header }

// WriteHeader implements http.ResponseWriter.
func (h *hijacked) WriteHeader(code int) {
	if h.begun {
		return
	}
	h.begun = true
	fmt.Fprintf(h.conn, "HTTP/1.1 %d %s\r\n", code, http.StatusText(code))
	_ = h.header.Write(h.conn)
	_, _ = io.WriteString(h.conn, "\r\n")
}

// Write implements http.ResponseWriter.
func (h *hijacked) Write(b []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	return h.conn.Write(b)
}

// Hijack implements http.Hijacker.
func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(h.in, bufio.NewWriter(h.conn)), nil
}

// receive takes the next message, text or binary (RFC 7118 section 5).
func (w *webSocket) receive() ([]byte, error) {
	ctx := context.Background() // its end would be without a word; SetDeadline says goodbye
	w.mu.Lock()
	limit := w.limit
	w.mu.Unlock()
	if !limit.IsZero() {
		bounded, cancel := context.WithDeadline(ctx, limit)
		defer cancel()
		ctx = bounded
	}
	_, data, err := w.ws.Read(ctx)
	if err != nil && !limit.IsZero() && !time.Now().Before(limit) {
		err = os.ErrDeadlineExceeded
	}
	return data, err
}

// Write sends one message, as text where it is (RFC 7118 section 5).
func (w *webSocket) Write(b []byte) (int, error) {
	w.mu.Lock()
	limit := w.wrote
	w.mu.Unlock()
	ctx, cancel := context.WithDeadline(context.Background(), limit)
	defer cancel()
	if err := w.ws.Write(ctx, websocket.MessageText, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// ping sends a ping frame and waits for its pong.
func (w *webSocket) ping(ctx context.Context) error { return w.ws.Ping(ctx) }

// SetReadDeadline bounds the next message.
func (w *webSocket) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	w.limit = t
	w.mu.Unlock()
	return nil
}

// SetWriteDeadline bounds the next write.
func (w *webSocket) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	w.wrote = t
	w.mu.Unlock()
	return nil
}

// SetDeadline with a time that has passed is the end: the close frame goes out, and
// whoever reads is woken by the peer's, or after a while without it.
func (w *webSocket) SetDeadline(time.Time) error {
	w.l.wg.Go(func() {
		late := time.AfterFunc(webFarewell, func() { _ = w.ws.CloseNow() })
		defer late.Stop()
		_ = w.ws.Close(websocket.StatusGoingAway, "")
	})
	return nil
}

// Close ends the connection below.
func (w *webSocket) Close() error { return w.ws.CloseNow() }

// readWeb is the reader's goroutine of a WebSocket.
func (c *conn) readWeb(w *webSocket) (cause error) {
	defer c.l.recoverPanic()
	cause = errors.New("receive: recovered a panic")
	for {
		limit, reason := c.deadline()
		_ = w.SetReadDeadline(limit)
		data, err := w.receive()
		switch {
		case err != nil && c.Closed():
			return ErrFlowClosed
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.l.counts.add(reason, 1)
			return ErrIdle
		case err != nil:
			return fmt.Errorf("read from %s: %w", c.remote, err)
		}
		c.l.counts.add(countBytesIn, len(data))
		if isCRLF(data) { // RFC 5626 3.5.1, which RFC 7118 section 6 lets be
			for range len(data) / 2 {
				c.crlf()
			}
			continue
		}
		c.crlfs = 0
		if err := c.message(data); err != nil {
			return err
		}
	}
}

func isCRLF(data []byte) bool { return string(data) == "\r\n" || string(data) == "\r\n\r\n" }

// pingWeb asks for a sign of life by a ping frame.
func (c *conn) pingWeb(w *webSocket, report func(error)) {
	ok := c.l.start(func() {
		ctx, cancel := context.WithTimeout(c.l.ctx, c.l.cfg.Limits.PongTimeout)
		defer cancel()
		err := w.ping(ctx)
		if err != nil && !c.Closed() {
			c.l.counts.add(countClosedNoPong, 1)
			c.close(ErrNoPong)
			err = ErrNoPong
		}
		report(err)
	})
	if !ok {
		report(ErrClosed)
	}
}

// viaForWeb: who is behind a browser's or our own WebSocket cannot be dialled, so that
// the host says so (RFC 7118 section 5).
func (l *Layer) viaForWeb(transport string) message.Via {
	return message.Via{Transport: transport, Host: l.nowhere, Params: message.Params{{Name: "rport"}}}
}

// secure shakes hands as a TLS client.
func (l *Layer) secure(ctx context.Context, raw net.Conn, name string) (net.Conn, error) {
	made := tls.Client(raw, clientConfig(l.cfg.TLSClient(), name))
	if err := made.HandshakeContext(ctx); err != nil {
		raw.Close()
		l.counts.add(countHandshake, 1)
		return nil, fmt.Errorf("verify %s: %w", name, err)
	}
	return made, nil
}
