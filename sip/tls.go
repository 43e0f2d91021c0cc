package sip

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"slices"
	"sync"

	"ringback/sip/transport"
)

// tlsFiles are the files of a TLSConfig, read again for each connection: certificates
// are replaced while calls are up, and a phone that had to be started anew for that
// would lose them. Files that cannot be read any more leave what was read before. Any
// goroutine.
type tlsFiles struct {
	cfg TLSConfig
	log *slog.Logger

	mu    sync.Mutex
	roots *x509.CertPool
	certs []tls.Certificate
}

// build reads the files for the first time; they must be good.
func (t TLSConfig) build(log *slog.Logger) (*tlsFiles, error) {
	f := &tlsFiles{cfg: t, log: log}
	return f, f.read()
}

func (f *tlsFiles) read() error {
	roots, certs := f.cfg.RootCAs, slices.Clone(f.cfg.Certs)
	var err error
	if f.cfg.CAFile != "" {
		if roots, err = transport.ReadAuthorities(f.cfg.CAFile, roots); err != nil {
			return err
		}
	}
	if f.cfg.CertFile != "" || f.cfg.KeyFile != "" {
		pair, err := transport.ReadPair(f.cfg.CertFile, f.cfg.KeyFile)
		if err != nil {
			return err
		}
		certs = append(certs, pair)
	}
	f.roots, f.certs = roots, certs
	return nil
}

// now are the roots and the certificates for a connection that is made now.
func (f *tlsFiles) now() (*x509.CertPool, []tls.Certificate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.read(); err != nil {
		f.log.Warn("the TLS files cannot be read again: what was read before is used", "error", err)
	}
	return f.roots, f.certs
}

// client is for a connection that we open.
func (f *tlsFiles) client() *tls.Config {
	roots, certs := f.now()
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: certs}
}

// server is for connections that we accept; nil: we have no certificate.
func (f *tlsFiles) server() *tls.Config {
	if len(f.certs) == 0 {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		roots, certs := f.now()
		return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: certs, ClientCAs: roots}, nil
	}}
}
