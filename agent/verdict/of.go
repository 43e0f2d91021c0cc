package verdict

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ringback/agent/store"
	"ringback/sip"
	"ringback/sip/transport"
)

// Case has the values that the texts may name; what is not known is empty.
type Case struct {
	Host      string // the name that the PBX is known by
	Addr      string // the address and port that were tried
	Transport string // udp, tcp or tls
	AOR       string
	Contact   string // of the phone, as it is bound
	User      string // whose password it is
	Password  bool   // one is configured
	File      string // of the store
	Now       time.Time
}

func (c Case) facts(more ...string) []string {
	addr := c.Addr
	if addr == "" {
		addr = c.Host
	}
	return append(more, "host", c.Host, "addr", addr, "contact", c.Contact, "transport", strings.ToLower(c.Transport), "aor", c.AOR, "user", c.User,
		"file", c.File, "now", day(c.Now))
}

func day(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// OfError is the verdict of an error of the rooms below; false when it is none that
// the table knows.
func OfError(err error, c Case) (Finding, bool) {
	if err == nil {
		return Finding{}, false
	}
	for _, of := range []func(error, Case) (Finding, bool){ofTLS, ofDNS, ofAuth, ofStore, ofNet} {
		if f, ok := of(err, c); ok {
			return f, true
		}
	}
	return Finding{}, false
}

func ofTLS(err error, c Case) (Finding, bool) {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	switch {
	case errors.Is(err, transport.ErrTLSFiles):
		return TLSFiles.Say(c.facts("error", strings.TrimPrefix(err.Error(), transport.ErrTLSFiles.Error()+": "))...), true
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if c.Now.Before(invalid.Cert.NotBefore) {
			return TLSNotYet.Say(c.facts("date", day(invalid.Cert.NotBefore))...), true
		}
		return TLSExpired.Say(c.facts("date", day(invalid.Cert.NotAfter))...), true
	case errors.As(err, &name):
		return TLSName.Say(c.facts("names", namesOf(name.Certificate))...), true
	case errors.As(err, &authority):
		issuer := "somebody"
		if authority.Cert != nil {
			issuer = authority.Cert.Issuer.String()
		}
		return TLSUnknownCA.Say(c.facts("issuer", issuer)...), true
	case errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert), strings.Contains(err.Error(), "tls: "):
		return TLSHandshake.Say(c.facts("error", last(err))...), true
	}
	return Finding{}, false
}

func namesOf(cert *x509.Certificate) string {
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	return strings.Join(names, ", ")
}

// last is the innermost part of an error: the rest names what a text names already.
func last(err error) string {
	text := err.Error()
	if at := strings.LastIndex(text, ": "); at >= 0 && !strings.Contains(text, "tls: ") {
		return text[at+2:]
	}
	if at := strings.Index(text, "tls: "); at >= 0 {
		return text[at:]
	}
	return text
}

func ofDNS(err error, c Case) (Finding, bool) {
	switch {
	case errors.Is(err, sip.ErrNoRecords):
		return DNSNoName.Say(c.facts()...), true
	case errors.Is(err, sip.ErrDNSSilent):
		return DNSSilent.Say(c.facts()...), true
	case errors.Is(err, sip.ErrDNS):
		return DNSFails.Say(c.facts("error", last(err))...), true
	}
	return Finding{}, false
}

// OfDoubt is the verdict of a registration that holds where the DNS would have it
// elsewhere.
func OfDoubt(d *sip.DoubtError, c Case) Finding {
	c.Addr = d.Served.String()
	if !d.Named.IsValid() {
		return DNSStale.Say(c.facts("error", dnsWords(d.Err))...)
	}
	at := c
	at.Addr = d.Named.String()
	words := last(d.Err)
	if f, ok := OfError(d.Err, at); ok {
		words = f.Wrong
	}
	return DNSAstray.Say(c.facts("named", d.Named.String(), "error", words)...)
}

func dnsWords(err error) string {
	switch {
	case errors.Is(err, sip.ErrNoRecords):
		return "it does not know the name"
	case errors.Is(err, sip.ErrDNSSilent):
		return "no DNS server answers"
	}
	return last(err)
}

func ofAuth(err error, c Case) (Finding, bool) {
	for _, row := range []struct {
		is error
		id ID
	}{{sip.ErrWrongPassword, AuthPassword}, {sip.ErrForeignRealm, AuthRealm}, {sip.ErrAlgorithm, AuthAlgorithm},
		{sip.ErrStaleNonce, AuthStale}, {sip.ErrChallenge, AuthChallenge}} {
		if errors.Is(err, row.is) {
			id := row.id
			if id == AuthPassword && !c.Password {
				id = AuthNone
			}
			return id.Say(c.facts()...), true
		}
	}
	return Finding{}, false
}

func ofStore(err error, c Case) (Finding, bool) {
	var newer *store.NewerSchemaError
	if errors.As(err, &newer) {
		return StoreNewer.Say("file", newer.File, "version", strconv.Itoa(newer.Version), "ours", strconv.Itoa(newer.Ours)), true
	}
	if c.File == "" {
		c.File = "the store in memory"
	}
	for _, row := range []struct {
		is error
		id ID
	}{{store.ErrFull, StoreFull}, {store.ErrReadOnly, StoreReadOnly}, {store.ErrSlow, StoreSlow}, {store.ErrDamaged, StoreDamaged}, {store.ErrDisk, StoreDisk}} {
		if errors.Is(err, row.is) {
			return row.id.Say(c.facts("error", last(err))...), true
		}
	}
	return Finding{}, false
}

func ofNet(err error, c Case) (Finding, bool) {
	var timeout net.Error
	switch {
	case Impossible(c.Addr, c.Host):
		return DNSLies.Say(c.facts()...), true
	case errors.Is(err, syscall.EADDRINUSE):
		return NetPortTaken.Say(c.facts()...), true
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return NetNotOurs.Say(c.facts()...), true
	case errors.Is(err, syscall.ECONNREFUSED):
		return NetRefused.Say(c.facts()...), true
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETDOWN):
		return NetNoWay.Say(c.facts()...), true
	case errors.Is(err, sip.ErrNoWay):
		return NetNoWay.Say(c.facts()...), true
	case errors.Is(err, sip.ErrClockJumped):
		return ClockJumped.Say(c.facts()...), true
	case errors.Is(err, sip.ErrForgotten):
		return SIPForgotten.Say(c.facts()...), true
	case errors.Is(err, transport.ErrNoPong) && c.Transport != "udp":
		return NetHalfOpen.Say(c.facts()...), true
	case errors.Is(err, sip.ErrTimeout), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return NetSilent.Say(c.facts()...), true
	case errors.Is(err, sip.ErrConnectionLost):
		return NetLost.Say(c.facts("error", last(err))...), true
	case errors.Is(err, transport.ErrNoPong):
		return NetSilent.Say(c.facts()...), true
	}
	return Finding{}, false
}

// Impossible reports whether a name's address is one where no PBX can be: none at
// all, a broadcast's, a group's. A name's own machine is one where none is usually.
func Impossible(addr, host string) bool {
	at, err := netip.ParseAddrPort(addr)
	ip := at.Addr()
	if err != nil {
		if ip, err = netip.ParseAddr(addr); err != nil {
			return false
		}
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || host == "" {
		return false // no name was asked for
	}
	return ip.IsUnspecified() || ip.IsMulticast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// OfAnswer is the verdict of a final answer to a REGISTER that is no success; auth is
// why its challenge was not answered, nil when there was none.
func OfAnswer(code int, reason string, auth error, c Case) Finding {
	if f, ok := OfError(auth, c); ok {
		return f
	}
	id := SIPRefused
	switch {
	case code == 401 || code == 407:
		id = AuthChallenge
		if !c.Password {
			id = AuthNone
		}
	case code == 403:
		id = SIPForbidden
	case code == 404 || code == 604:
		id = SIPUnknown
	case code == 405 || code == 501:
		id = SIPNoRegistrar
	case code >= 300 && code < 400:
		id = SIPMoved
	case code == 408 || code == 480 || code >= 500 && code < 600:
		id = SIPUnavailable
	}
	return id.Say(c.facts("code", strconv.Itoa(code), "reason", reason)...)
}
