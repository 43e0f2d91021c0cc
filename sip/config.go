package sip

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"ringback/sip/loop"
	"ringback/sip/transport"
)

// Config is what a UA is made from. The zero value of a field means the default
// named beside it.
type Config struct {
	Loop      *loop.Loop        // required: the loop on which everything runs
	Network   transport.Network // nil: the machine's own
	Resolver  Resolver          // nil: the system's DNS
	Listen    []Listen          // where to listen; at least one
	UserAgent string            // User-Agent and Server; empty: Ringback
	Log       *slog.Logger      // nil: discard
	Trace     func(TraceRecord) // every message, secrets redacted; loop goroutine; nil: none
	TLS       TLSConfig
	WSPath    string        // of WebSockets, both ways; empty: /ws
	T1        time.Duration // zero: 500 ms
	T2        time.Duration // zero: 4 s
	T4        time.Duration // zero: 5 s
	Handler   Handler       // nil: every call is refused with 480
	WallClock func() time.Time
	Random    func(n int) int // a number from 0 to n-1, for waiting times; nil: the runtime's
	Limits    Limits
	Policy    Policy
}

// Listen is one address to listen on.
type Listen struct {
	Transport string // udp, tcp, tls, ws or wss
	Address   string // host:port; port 0 picks one. Without host: all addresses, as they come and go
}

// TLSConfig names the files of TLS. The server's certificate is always verified;
// TLS 1.2 is the least.
type TLSConfig struct {
	CAFile   string // PEM; empty: the system's roots
	CertFile string // PEM: our own certificate (client certificate, and server's when listening on tls)
	KeyFile  string
	RootCAs  *x509.CertPool    // beside or in place of CAFile, for tests and the lab
	Certs    []tls.Certificate // beside CertFile and KeyFile
}

// Limits bound what strangers and peers may make us hold. Zero means the default.
type Limits struct {
	Sessions        int // INVITE sessions at a time; 256
	InvitesPerSec   int // new INVITEs a second, more get 503; 50. The lab and the load tester raise it
	StrangersPerSec int // answers a second to those whom AcceptRegistrar keeps out, more get none; 200
	Subscriptions   int // subscriptions of ours at a time, forks among them; 500
	Body            int // bytes of a body that is taken; 64 kB
}

func (l Limits) withDefaults() Limits {
	if l.Sessions == 0 {
		l.Sessions = 256
	}
	if l.InvitesPerSec == 0 {
		l.InvitesPerSec = 50
	}
	if l.Subscriptions == 0 {
		l.Subscriptions = 500
	}
	if l.StrangersPerSec == 0 {
		l.StrangersPerSec = 200
	}
	if l.Body == 0 {
		l.Body = 64 << 10
	}
	return l
}

// AcceptFrom says whose out-of-dialog requests are served.
type AcceptFrom int

// Who may call.
const (
	// AcceptRegistrar serves only the addresses and flows of the accounts'
	// registrars and outbound proxies; others get 403.
	AcceptRegistrar AcceptFrom = iota
	// AcceptAnyone serves every source: the lab's choice.
	AcceptAnyone
)

// Policy is who may do what. The zero value is a phone's: only its PBX may call,
// only its own user is here.
type Policy struct {
	AcceptFrom AcceptFrom
	// LocalUsers says whether the user of a Request-URI is here; nil: the users
	// of the accounts (everybody when there is no account and AcceptAnyone).
	LocalUsers func(user string) bool
	// Available returns the code that an INVITE would get now, zero when it
	// would ring. OPTIONS answers with it. nil: always zero.
	Available func() int
	// Methods are the out-of-dialog methods that the Handler serves beside
	// MESSAGE and OPTIONS, for instance REGISTER and SUBSCRIBE in the lab.
	// Others get 405.
	Methods []string
	// Anyone's REFER inside a dialog is offered to the Handler by default; set
	// TrustIdentity to nil to trust P-Asserted-Identity from registrar flows
	// only, or give a rule of your own.
	TrustIdentity func(source netip.AddrPort) bool
}

func (c *Config) withDefaults() error {
	switch {
	case c.Loop == nil:
		return errors.New("make user agent: no loop was given; make one with loop.New")
	case len(c.Listen) == 0:
		return errors.New("make user agent: no listening address was given; use for instance udp 127.0.0.1:0")
	}
	if c.Network == nil {
		c.Network = transport.Host()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.UserAgent == "" {
		c.UserAgent = "Ringback"
	}
	if c.T1 == 0 {
		c.T1 = 500 * time.Millisecond
	}
	if c.T2 == 0 {
		c.T2 = 4 * time.Second
	}
	if c.T4 == 0 {
		c.T4 = 5 * time.Second
	}
	if c.Random == nil {
		c.Random = rand.IntN
	}
	if c.WallClock == nil {
		c.WallClock = time.Now
	}
	c.Limits = c.Limits.withDefaults()
	return nil
}
