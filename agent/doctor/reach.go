package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"ringback/agent/verdict"
	"ringback/sip"
	"ringback/sip/transport"
)

// certificateSoon is how long before its end a certificate is worth a word.
const certificateSoon = 14 * 24 * time.Hour

// probed is how many servers of a name are tried.
const probed = 4

// reach looks whether the PBX's servers can be reached, by TLS with a certificate that
// holds, and whether one of them answers SIP.
func (e *exam) reach(ctx context.Context) bool {
	kind := e.targets[0].Transport
	good := 0
	var first *verdict.Finding
	for i, t := range e.targets[:min(len(e.targets), probed)] {
		err := e.connect(ctx, t, i == 0)
		if err == nil {
			good++
			continue
		}
		f := e.failed(err, e.caseOf(t))
		if strings.HasPrefix(string(f.ID), "tls.") {
			e.tell("tls", Wrong, f)
			return false
		}
		if first == nil {
			first = &f
		}
		if i > 0 || len(e.targets) > 1 {
			e.tell("transport", Warning, f)
		}
	}
	if good == 0 {
		return e.unanswered(ctx, *first)
	}
	if kind != "TLS" && kind != "WSS" {
		e.add(Check{Name: "tls", State: NotChecked, Text: "the phone goes by " + lower(kind) + ": whoever is on the way can read the signalling"})
	}
	return e.options(ctx)
}

func (e *exam) caseOf(t transport.Target) verdict.Case {
	c := e.subject()
	c.Addr, c.Transport = t.Addr.String(), lower(t.Transport)
	return c
}

// connect opens a connection and lets it go again. UDP has none: there it is enough
// that a way leads to the server.
func (e *exam) connect(ctx context.Context, t transport.Target, tell bool) error {
	ctx, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	if t.Transport == "UDP" {
		conn, err := new(net.Dialer).DialContext(ctx, "udp", t.Addr.String())
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", t.Addr.String())
	if err != nil {
		return err
	}
	defer raw.Close()
	if t.Transport != "TLS" && t.Transport != "WSS" {
		return nil
	}
	return e.shake(ctx, raw, t, tell)
}

// shake looks at the server's certificate.
func (e *exam) shake(ctx context.Context, raw net.Conn, t transport.Target, tell bool) error {
	a := e.Config.Account
	cfg, err := transport.ClientTLS(a.CAFile, a.CertFile, a.KeyFile)
	if err != nil {
		return err
	}
	cfg.ServerName, cfg.Time = t.ServerName, e.Now
	secured := tls.Client(raw, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		return tlsError(err)
	}
	certs := secured.ConnectionState().PeerCertificates
	if !tell || len(certs) == 0 {
		return nil
	}
	end := lastDay(certs)
	date := end.Local().Format("2006-01-02 15:04")
	if end.Sub(e.Now()) < certificateSoon {
		e.tell("tls", Warning, verdict.TLSSoon.Say("host", t.ServerName, "date", date))
		return nil
	}
	e.ok("tls", "the certificate of %s is good until %s, signed by %s", t.ServerName, date, certs[0].Issuer)
	return nil
}

// lastDay is when the first of a chain ends.
func lastDay(certs []*x509.Certificate) time.Time {
	end := certs[0].NotAfter
	for _, c := range certs[1:] {
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

// tlsError marks what a handshake says that is no certificate's fault, so that a
// silence in it is told from a silent server.
func tlsError(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("tls: no answer to the handshake (%w)", tls.RecordHeaderError{Msg: "silence"})
	}
	if errors.Is(err, syscall.ECONNRESET) || strings.Contains(err.Error(), "EOF") {
		return fmt.Errorf("tls: the connection ended in the handshake (%w)", tls.RecordHeaderError{Msg: "closed"})
	}
	return err
}

// options asks the PBX what it can do: whatever it answers, it is there.
func (e *exam) options(ctx context.Context) bool {
	var err error
	if e.ask == nil {
		if e.ask, err = e.newAsker(); err != nil {
			return e.tell("transport", Wrong, e.failed(err, e.subject()))
		}
	}
	e.asked = e.ask.request(ctx, sip.RequestOptions{Method: "OPTIONS", To: e.to, Timeout: e.Patience})
	if e.asked.Err == nil {
		server := ""
		for _, h := range e.asked.Headers {
			if lower(h.Name) == "server" || lower(h.Name) == "user-agent" {
				server = ", " + h.Value
			}
		}
		return e.ok("transport", "%s answers by %s in %.1f ms%s", e.asked.Server, lower(e.asked.Flow.Transport()), float64(e.asked.RTT.Microseconds())/1000, server)
	}
	c := e.subject()
	if c.Transport != "udp" && errors.Is(e.asked.Err, sip.ErrTimeout) {
		return e.tell("transport", Wrong, verdict.NetHalfOpen.Say("addr", c.Addr))
	}
	f := e.failed(e.asked.Err, c)
	if c.Transport == "udp" && e.portUnreachable(ctx) {
		f = verdict.NetRefused.Say("addr", c.Addr, "transport", c.Transport)
	}
	return e.unanswered(ctx, f)
}

// portUnreachable reports whether a UDP server's machine says that nothing listens:
// only a connected socket hears that.
func (e *exam) portUnreachable(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "udp", e.targets[0].Addr.String())
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(min(e.Patience, time.Second)))
	if _, err := conn.Write([]byte("\r\n\r\n")); err != nil {
		return errors.Is(err, syscall.ECONNREFUSED)
	}
	_, err = conn.Read(make([]byte, 16))
	return errors.Is(err, syscall.ECONNREFUSED)
}

// unanswered says why the PBX does not answer; when it does by another transport, that
// is the reason.
func (e *exam) unanswered(ctx context.Context, f verdict.Finding) bool {
	if other := e.other(ctx); other != "" {
		c := e.subject()
		f = verdict.NetTransport.Say("addr", c.Addr, "transport", c.Transport, "other", other)
	}
	return e.tell("transport", Wrong, f)
}

// other is a transport by which the server answers, beside the configured one.
func (e *exam) other(ctx context.Context) string {
	var err error
	if e.ask == nil {
		if e.ask, err = e.newAsker(); err != nil {
			return ""
		}
	}
	for _, kind := range []string{"udp", "tcp"} {
		if kind == lower(e.targets[0].Transport) {
			continue
		}
		to := e.to
		to.Host, to.Port = e.targets[0].Addr.Addr().String(), e.targets[0].Addr.Port()
		if e.targets[0].Transport == "TLS" && to.Port == 5061 {
			to.Port = 5060
		}
		to.Params = to.Params.Without("transport").With("transport", kind)
		if r := e.ask.request(ctx, sip.RequestOptions{Method: "OPTIONS", To: to, Timeout: min(e.Patience, time.Second)}); r.Err == nil {
			return kind
		}
	}
	return ""
}
