package transport

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
)

// authority signs certificates for the tests, into files.
type authority struct {
	*testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{T: t, dir: t.TempDir()}
	a.key = a.newKey()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, _ = x509.ParseCertificate(der)
	a.file = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.Fatal(err)
	}
	return key
}

func (a *authority) write(name, kind string, der []byte) string {
	file := filepath.Join(a.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.Fatal(err)
	}
	return file
}

// issue signs a certificate for a host name.
func (a *authority) issue(name string) (certFile, keyFile string) {
	a.Helper()
	key := a.newKey()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		a.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "EC PRIVATE KEY", keyDER)
}

func (a *authority) server(name, clientCA string) *tls.Config {
	a.Helper()
	cert, key := a.issue(name)
	pair, err := ReadPair(cert, key)
	if err != nil {
		a.Fatal(err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}}
	if clientCA != "" {
		if c.ClientCAs, err = ReadAuthorities(clientCA, nil); err != nil {
			a.Fatal(err)
		}
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c
}

func (a *authority) client(cert, key string) *tls.Config {
	a.Helper()
	c, err := ClientTLS(a.file, cert, key)
	if err != nil {
		a.Fatal(err)
	}
	return c
}

// real is a Layer on the machine's loopback.
type real struct {
	*Layer
	in   chan Inbound
	gone chan error
}

func newReal(t *testing.T, cfg Config) *real {
	t.Helper()
	r := &real{in: make(chan Inbound, 100), gone: make(chan error, 100)}
	l := loop.New(nil)
	ctx, cancel := context.WithCancel(context.Background())
	go l.Run(ctx)
	cfg.Loop = l
	cfg.OnMessage = func(in Inbound) { r.in <- in }
	cfg.OnFlowClosed = func(_ Flow, err error) { r.gone <- err }
	var err error
	if r.Layer, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); cancel(); <-l.Done() })
	return r
}

func (r *real) flow(t Target) (Flow, error) {
	type result struct {
		f   Flow
		err error
	}
	done := make(chan result, 1)
	r.GetFlow(t, func(f Flow, err error) { done <- result{f, err} })
	got := <-done
	return got.f, got.err
}

func (r *real) listen(t *testing.T, transport string) netip.AddrPort {
	t.Helper()
	addr, err := r.Listen(t.Context(), transport, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// using is one configuration for all connections.
func using(c *tls.Config) func() *tls.Config { return func() *tls.Config { return c } }

func TestConformance_T38_S13_TLS(t *testing.T) {
	a := newAuthority(t)
	server := newReal(t, Config{TLSServer: a.server("pbx.test", "")})
	addr := server.listen(t, "TLS")
	t.Run("a request and its answer", func(t *testing.T) {
		client := newReal(t, Config{TLSClient: using(a.client("", ""))})
		f, err := client.flow(Target{Transport: "TLS", Addr: addr, ServerName: "pbx.test"})
		if err != nil {
			t.Fatal(err)
		}
		if f.ServerName() != "pbx.test" || f.Transport() != "TLS" || !f.Reliable() {
			t.Error(f)
		}
		client.Send(f, ours(f, 5000), nil)
		in := <-server.in
		server.Send(in.Flow, message.NewResponse(in.Msg.(*message.Request), 200, "", "tag"), nil)
		if res := (<-client.in).Msg.(*message.Response); res.StatusCode != 200 {
			t.Error(res)
		}
		if again, err := client.flow(Target{Transport: "TLS", Addr: addr, ServerName: "pbx.test"}); again != f {
			t.Error("the connection is not used again", err)
		}
	})
	// T38, CVE-2020-15260
	t.Run("another name at the same address is verified for itself", func(t *testing.T) {
		client := newReal(t, Config{TLSClient: using(a.client("", ""))})
		if _, err := client.flow(Target{Transport: "TLS", Addr: addr, ServerName: "pbx.test"}); err != nil {
			t.Fatal(err)
		}
		_, err := client.flow(Target{Transport: "TLS", Addr: addr, ServerName: "other.test"})
		var name x509.HostnameError
		if !errors.As(err, &name) {
			t.Fatal(err)
		}
		if client.Counters()["tls_handshake_failed"] != 1 {
			t.Error(client.Counters())
		}
	})
	t.Run("another authority is refused", func(t *testing.T) {
		client := newReal(t, Config{TLSClient: using(newAuthority(t).client("", ""))})
		_, err := client.flow(Target{Transport: "TLS", Addr: addr, ServerName: "pbx.test"})
		var unknown x509.UnknownAuthorityError
		if !errors.As(err, &unknown) {
			t.Fatal(err)
		}
	})
	t.Run("no name to verify is refused", func(t *testing.T) {
		client := newReal(t, Config{TLSClient: using(a.client("", ""))})
		if _, err := client.flow(Target{Transport: "TLS", Addr: addr}); !errors.Is(err, ErrNoServerName) {
			t.Fatal(err)
		}
	})
	t.Run("TLS 1.1 is refused", func(t *testing.T) {
		old := a.client("", "")
		old.MinVersion, old.MaxVersion, old.ServerName = tls.VersionTLS10, tls.VersionTLS11, "pbx.test"
		if c, err := tls.Dial("tcp", addr.String(), old); err == nil {
			c.Close()
			t.Fatal("connected")
		}
	})
	t.Run("an accepted connection is not found by name", func(t *testing.T) {
		raw, err := tls.Dial("tcp", addr.String(), func() *tls.Config { c := a.client("", ""); c.ServerName = "pbx.test"; return c }())
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		raw.Write([]byte(options("x")))
		in := <-server.in
		if _, err := server.flow(Target{Transport: "TLS", Addr: in.Flow.Remote(), ServerName: "evil.test"}); err == nil {
			t.Fatal("a peer that nobody verified was taken for evil.test")
		}
		if f, err := server.flow(Target{Transport: "TLS", Addr: in.Flow.Remote(), Reuse: true}); f != in.Flow {
			t.Fatal("Reuse does not find it", err)
		}
	})
}

func TestClientCertificates(t *testing.T) {
	a := newAuthority(t)
	server := newReal(t, Config{TLSServer: a.server("pbx.test", a.file)})
	target := Target{Transport: "TLS", Addr: server.listen(t, "TLS"), ServerName: "pbx.test"}
	with := newReal(t, Config{TLSClient: using(a.client(a.issue("agent.test")))})
	f, err := with.flow(target)
	if err != nil {
		t.Fatal(err)
	}
	with.Send(f, ours(f, 1), nil)
	<-server.in
	// In TLS 1.3 the client learns of the refusal after its handshake.
	without := newReal(t, Config{TLSClient: using(a.client("", ""))})
	if _, err := without.flow(target); err == nil {
		if err := <-without.gone; !strings.Contains(err.Error(), "certificate required") {
			t.Fatal(err)
		}
	}
}

func TestTLSHandshakeMustEnd(t *testing.T) {
	a := newAuthority(t)
	server := newReal(t, Config{TLSServer: a.server("pbx.test", ""), Limits: Limits{FirstTimeout: 50 * time.Millisecond}})
	c, err := net.Dial("tcp", server.listen(t, "TLS").String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("not closed", err)
	}
}

func TestConfigRefusesWhatIsNotSafe(t *testing.T) {
	a := newAuthority(t)
	base := Config{Loop: loop.New(nil), OnMessage: func(Inbound) {}}
	bad := base
	bad.TLSClient = using(&tls.Config{InsecureSkipVerify: true})
	noLoop, noSink := base, base
	noLoop.Loop, noSink.OnMessage = nil, nil
	for _, cfg := range []Config{bad, noLoop, noSink} {
		if l, err := New(cfg); err == nil {
			l.Close()
			t.Errorf("made with %+v", cfg)
		}
	}
	l, err := New(base)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Listen(t.Context(), "TLS", "127.0.0.1:0"); err == nil {
		t.Error("TLS listener without a certificate")
	}
	if c := clientConfig(&tls.Config{MinVersion: tls.VersionTLS10, InsecureSkipVerify: true}, "x"); c.MinVersion < tls.VersionTLS12 || c.InsecureSkipVerify {
		t.Error("old or unverified TLS")
	}
	cert, key := a.issue("x.test")
	if _, err := ClientTLS("", cert, ""); err == nil {
		t.Error("certificate without a key")
	}
	if _, err := ClientTLS(key, "", ""); err == nil || !strings.Contains(err.Error(), key) {
		t.Error("a key taken for an authority", err)
	}
	if _, err := ReadAuthorities(cert+"x", nil); !errors.Is(err, ErrTLSFiles) {
		t.Error("no authorities file", err)
	}
}

// The same over real sockets: UDP, TCP, and Close ends everything.
func TestRealLoopback(t *testing.T) {
	server, client := newReal(t, Config{}), newReal(t, Config{})
	client.listen(t, "UDP")
	for _, tr := range []string{"UDP", "TCP"} {
		f, err := client.flow(Target{Transport: tr, Addr: server.listen(t, tr)})
		if err != nil {
			t.Fatal(err)
		}
		client.Send(f, ours(f, 100), nil)
		in := <-server.in
		server.Send(in.Flow, message.NewResponse(in.Msg.(*message.Request), 200, "", "tag"), nil)
		if res := (<-client.in).Msg.(*message.Response); res.StatusCode != 200 {
			t.Error(res)
		}
	}
	client.Close()
	if err := <-server.gone; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestUnspecifiedRealSocket(t *testing.T) {
	r := newReal(t, Config{})
	if _, err := r.Listen(t.Context(), "UDP", "0.0.0.0:0"); err != nil {
		t.Fatal(err)
	}
	f, err := r.flow(Target{Transport: "UDP", Addr: netip.MustParseAddrPort("127.0.0.1:9")})
	if err != nil || f.Local().Addr().String() != "127.0.0.1" || f.Local().Port() == 0 {
		t.Fatal(f, err)
	}
}
