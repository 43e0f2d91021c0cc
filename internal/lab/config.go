package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"ringback/media"
	"ringback/sip"
	"ringback/sip/transport"
)

// Network is what the lab talks over: transport.Host() or a host of simnet. The
// SIP and the media side share it.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error)
}

// Config is what a lab is made from. The zero value is a lab on loopback with the
// default users, extensions and contacts.
type Config struct {
	Network    Network       // nil: the machine's own
	IP         netip.Addr    // zero: 127.0.0.1
	Listen     []sip.Listen  // empty: udp and tcp on IP, any free port
	TLS        sip.TLSConfig // for listening on tls
	Realm      string        // empty: lab.ringback
	Users      []User        // empty: DefaultUsers
	Extensions []Extension   // empty: DefaultExtensions
	Registrar  RegistrarPolicy
	Queue      QueuePolicy
	Messages   MessagePolicy
	Presence   PresencePolicy
	Publish    PublishPolicy
	Calls      CallPolicy
	Codecs     []string              // by preference; empty: those of 8 kHz
	Security   media.Security        // SRTP with the agents; zero: none
	Hears      []float64             // tones in Hz that parties can tell, beside those of the lab; empty: 440, 480, 660, 880
	Trace      func(sip.TraceRecord) // every message; must not block; nil: none
	Log        *slog.Logger          // nil: discard
	Random     func(n int) int       // waiting times that SIP wants random; nil: they are
}

// User is somebody who may register.
type User struct {
	Name       string // the user part of the address of record
	Display    string
	Password   sip.Secret
	Algorithms []string // offered digest algorithms, in this order; empty: SHA-512-256, SHA-256, MD5
}

// RegistrarPolicy is how the registrar behaves. It can be changed while the lab
// runs, with Lab.SetRegistrar.
type RegistrarPolicy struct {
	MinExpires time.Duration // a shorter wish gets 423; zero: 1 s
	MaxExpires time.Duration // a longer wish is cut to it; zero: 1 h
	NonceLife  time.Duration // an older nonce is stale; zero: 5 min
	NonceUses  int           // a nonce used more often is stale; zero: no bound
	Refuse     int           // every REGISTER gets this code; zero: none
	RetryAfter time.Duration // with Refuse: the Retry-After header; zero: none
	Silent     bool          // requests are swallowed: nothing is answered
}

// QueuePolicy is how the callback queue behaves.
type QueuePolicy struct {
	Members     []string      // users offered to, in this order; empty: all registered users by name
	RingTime    time.Duration // a member that does not answer is left for the next; zero: 20 s
	Pause       time.Duration // after a round in which nobody took it; zero: 5 s
	GiveUp      time.Duration // the contact hangs up when still waiting; zero: 10 min
	PercentName bool          // X-Callback-Name in percent-encoding in place of RFC 2047
}

// MessagePolicy is how a MESSAGE from a user is answered. It can be changed while
// the lab runs, with Lab.SetMessages.
type MessagePolicy struct {
	RefuseJSON bool          // application/json gets 415, as of Asterisk 22
	RefuseText bool          // text/plain gets 415
	Refuse     int           // every MESSAGE gets this code; zero: none
	RetryAfter time.Duration // with Refuse: the Retry-After header; zero: none
	LoseAnswer bool          // it is taken, and nothing is answered
	Only       string        // all that holds for messages with this text only; empty: for all
}

// CallPolicy is what the lab does in calls.
type CallPolicy struct {
	// OpenCalls takes INVITE and MESSAGE from registered users without a digest;
	// otherwise they are challenged with 401 as Asterisk does.
	OpenCalls bool
	// TransferRingTime ends the call to a transfer's target; zero: 30 s.
	TransferRingTime time.Duration
	// Notify is what becomes of the NOTIFYs of a transfer.
	Notify NotifyMode
	// RefuseRefer answers every REFER with this code; zero: takes it.
	RefuseRefer int
	// KeepLeg leaves the transferor's leg to the transferor: no BYE after success.
	KeepLeg bool
}

// NotifyMode says which NOTIFYs of a transfer are sent.
type NotifyMode string

// The modes of NOTIFY.
const (
	NotifyAll  NotifyMode = ""     // as RFC 3515 asks
	NotifyNone NotifyMode = "none" // REFER is accepted with a 100, and nothing follows
	NotifyLost NotifyMode = "lost" // 100 and 180 are sent, the final one never
)

// DefaultUsers are agents 1001 to 1003 with the password "lab-" and their name.
func DefaultUsers() []User {
	var users []User
	for _, name := range []string{"1001", "1002", "1003"} {
		users = append(users, User{Name: name, Display: "Agent " + name, Password: sip.Secret("lab-" + name)})
	}
	return users
}

func (c *Config) withDefaults() error {
	if !c.IP.IsValid() {
		c.IP = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if len(c.Listen) == 0 {
		at := netip.AddrPortFrom(c.IP, 0).String()
		c.Listen = []sip.Listen{{Transport: "udp", Address: at}, {Transport: "tcp", Address: at}}
	}
	if c.Network == nil {
		c.Network = transport.Host()
	}
	if c.Realm == "" {
		c.Realm = "lab.ringback"
	}
	if len(c.Users) == 0 {
		c.Users = DefaultUsers()
	}
	if len(c.Extensions) == 0 {
		c.Extensions = DefaultExtensions()
	}
	if len(c.Hears) == 0 {
		c.Hears = []float64{440, 480, 660, 880}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Calls.TransferRingTime == 0 {
		c.Calls.TransferRingTime = 30 * time.Second
	}
	c.Registrar = c.Registrar.withDefaults()
	c.Queue = c.Queue.withDefaults()
	return c.validate()
}

func (r RegistrarPolicy) withDefaults() RegistrarPolicy {
	if r.MinExpires == 0 {
		r.MinExpires = time.Second
	}
	if r.MaxExpires == 0 {
		r.MaxExpires = time.Hour
	}
	if r.NonceLife == 0 {
		r.NonceLife = 5 * time.Minute
	}
	return r
}

func (q QueuePolicy) withDefaults() QueuePolicy {
	if q.RingTime == 0 {
		q.RingTime = 20 * time.Second
	}
	if q.Pause == 0 {
		q.Pause = 5 * time.Second
	}
	if q.GiveUp == 0 {
		q.GiveUp = 10 * time.Minute
	}
	return q
}

func (c *Config) validate() error {
	seen := map[string]bool{}
	for _, u := range c.Users {
		if u.Name == "" || u.Password == "" {
			return errors.New("start lab: a user has no name or no password; give both")
		}
		if seen[u.Name] {
			return fmt.Errorf("start lab: %q is there twice; names of users and extensions are unique", u.Name)
		}
		for _, a := range u.Algorithms {
			if !slices.Contains(digestAlgorithms(), a) {
				return fmt.Errorf("start lab: user %s has the digest algorithm %q; use SHA-512-256, SHA-256 or MD5", u.Name, a)
			}
		}
		seen[u.Name] = true
	}
	for _, e := range c.Extensions {
		if e.Number == "" || seen[e.Number] {
			return fmt.Errorf("start lab: extension %q is there twice or has no number; give each its own", e.Number)
		}
		seen[e.Number] = true
	}
	return nil
}
