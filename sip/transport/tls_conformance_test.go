package transport

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"testing"
	"time"
)

// forged is a server's certificate for pbx.test with something wrong about it.
func (a *authority) forged(change func(*x509.Certificate), selfSigned bool) *tls.Config {
	a.Helper()
	key := a.newKey()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"pbx.test"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if change != nil {
		change(tmpl)
	}
	parent, signer := a.cert, a.key
	if selfSigned {
		parent, signer = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &key.PublicKey, signer)
	if err != nil {
		a.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

func TestConformance_S13_CertificatesThatAreRefused(t *testing.T) {
	a := newAuthority(t)
	for _, c := range []struct {
		name   string
		server *tls.Config
	}{
		{"expired", a.forged(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }, false)},
		{"not yet valid", a.forged(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour / 2) }, false)},
		{"self-signed", a.forged(nil, true)},
		{"another name", a.forged(func(c *x509.Certificate) { c.DNSNames = []string{"evil.test"} }, false)},
		{"the name in CN only", a.forged(func(c *x509.Certificate) { c.DNSNames, c.Subject.CommonName = nil, "pbx.test" }, false)},
		{"a wildcard for the top", a.forged(func(c *x509.Certificate) { c.DNSNames = []string{"*"} }, false)},
		{"for clients only", a.forged(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }, false)},
		{"TLS 1.1", func() *tls.Config {
			s := a.server("pbx.test", "")
			s.MinVersion, s.MaxVersion = 0, tls.VersionTLS11
			return s
		}()},
	} {
		t.Run(c.name, func(t *testing.T) {
			ln, err := tls.Listen("tcp", "127.0.0.1:0", c.server)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := ln.Accept()
					if err != nil {
						return
					}
					_ = conn.(*tls.Conn).Handshake()
					conn.Close()
				}
			}()
			t.Cleanup(func() { ln.Close(); <-done })
			client := newReal(t, Config{TLSClient: using(a.client("", ""))})
			f, err := client.flow(Target{Transport: "TLS", Addr: addrPortOf(ln.Addr()), ServerName: "pbx.test"})
			if err == nil || f != nil {
				t.Fatal("connected")
			}
			var invalid *tls.CertificateVerificationError
			if c.name != "TLS 1.1" && !errors.As(err, &invalid) {
				t.Errorf("refused for another reason: %v", err)
			}
			if n := client.Counters()["tls_handshake_failed"]; n != 1 {
				t.Errorf("counted %d times", n)
			}
		})
	}
}
