package transport

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// ClientTLS makes the configuration for connections that we open. caFile is a
// PEM file of the authorities to trust instead of the system's, certFile and
// keyFile our own certificate for peers that ask for one; each may be "".
// Errors are ErrTLSFiles.
func ClientTLS(caFile, certFile, keyFile string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if caFile != "" {
		if c.RootCAs, err = ReadAuthorities(caFile, nil); err != nil {
			return nil, err
		}
	}
	if certFile != "" || keyFile != "" {
		cert, err := ReadPair(certFile, keyFile)
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{cert}
	}
	return c, nil
}

// ReadPair reads a certificate and its key, PEM both. Errors are ErrTLSFiles.
func ReadPair(certFile, keyFile string) (tls.Certificate, error) {
	if certFile == "" || keyFile == "" {
		return tls.Certificate{}, fmt.Errorf("%w: read certificate: certificate and key file are both needed", ErrTLSFiles)
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return cert, fmt.Errorf("%w: read certificate %s: %w", ErrTLSFiles, certFile, err)
	}
	return cert, nil
}

// ReadAuthorities reads a PEM file of authorities; those of beside, which may be nil,
// are trusted too. Errors are ErrTLSFiles.
func ReadAuthorities(file string, beside *x509.CertPool) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%w: read authorities: %w", ErrTLSFiles, err)
	}
	pool := x509.NewCertPool()
	if beside != nil {
		pool = beside.Clone()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%w: read authorities: %s holds no PEM certificate", ErrTLSFiles, file)
	}
	return pool, nil
}

// clientConfig verifies serverName, whatever the base says.
func clientConfig(base *tls.Config, serverName string) *tls.Config {
	c := &tls.Config{} // #nosec G402 -- the version is set below, with a base too
	if base != nil {
		c = base.Clone()
	}
	c.InsecureSkipVerify = false
	c.ServerName = serverName
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	return c
}

func serverConfig(base *tls.Config) *tls.Config {
	c := base.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	return c
}
