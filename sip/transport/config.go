package transport

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"time"
)

// Poster is the loop that callbacks run on, in the order of their posting.
type Poster interface {
	Post(fn func()) bool
}

// Config says what a Layer stands on.
type Config struct {
	Loop    Poster  // needed
	Network Network // nil: the machine's own
	Log     *slog.Logger
	// TLSClient is asked for each connection that we open, on a goroutine of its
	// own: roots and our own certificate. Verification stays on and TLS 1.2 is the
	// least, whatever it says. nil: the system's roots.
	TLSClient func() *tls.Config
	// TLSServer is used for connections that we accept; nil: no TLS listeners.
	TLSServer *tls.Config
	WSPath    string // of WebSockets, both ways; empty: /ws
	Limits    Limits
	// OnMessage gets each admitted message, on the loop. Needed.
	OnMessage func(Inbound)
	// OnReject is told of messages that were not admitted, on the loop, after
	// they were answered; may be nil.
	OnReject func(Inbound)
	// OnFlowClosed is told that a connection ended, on the loop; may be nil. The
	// error says why and is never nil.
	OnFlowClosed func(Flow, error)
	// Trace sees the bytes of each message and keepalive as they are on the
	// wire, on the goroutine that reads or sends them; it must not keep raw.
	// Credentials are in them: mask before writing. May be nil.
	Trace func(dir Direction, flow Flow, raw []byte, at time.Time)
}

// Limits bound what peers can make a Layer hold. A zero value takes the default.
type Limits struct {
	Connections      int           // accepted connections in all; 1024
	ConnectionsPerIP int           // accepted connections of one address; 32
	Backlog          int           // messages of one flow or socket that the loop has not taken; 256
	WriteQueue       int           // messages waiting for one connection; 128
	WriteTimeout     time.Duration // of one message to one connection; 10 s
	DialTimeout      time.Duration // of one dial, TLS included; 5 s
	MessageTimeout   time.Duration // from a message's first byte to its last; 15 s
	FirstTimeout     time.Duration // until an accepted connection's first message; 15 s
	IdleTimeout      time.Duration // of an accepted connection without any traffic; 10 min
	PongTimeout      time.Duration // until the answer to a ping; 10 s (RFC 5626 4.4.1)
	BadMessages      int           // not admitted messages in a row that close a connection; 16
	RejectsPerSec    int           // answers a second to messages that are not admitted, more get none; 200
}

func (l *Limits) fill() {
	setInt(&l.Connections, 1024)
	setInt(&l.ConnectionsPerIP, 32)
	setInt(&l.Backlog, 256)
	setInt(&l.WriteQueue, 128)
	setInt(&l.BadMessages, 16)
	setInt(&l.RejectsPerSec, 200)
	setDuration(&l.WriteTimeout, 10*time.Second)
	setDuration(&l.DialTimeout, 5*time.Second)
	setDuration(&l.MessageTimeout, 15*time.Second)
	setDuration(&l.FirstTimeout, 15*time.Second)
	setDuration(&l.IdleTimeout, 10*time.Minute)
	setDuration(&l.PongTimeout, 10*time.Second)
}

func setInt(v *int, d int) {
	if *v <= 0 {
		*v = d
	}
}

func setDuration(v *time.Duration, d time.Duration) {
	if *v <= 0 {
		*v = d
	}
}

func (c *Config) check() error {
	if c.Loop == nil {
		return errors.New("make transport: no loop; set Config.Loop")
	}
	if c.OnMessage == nil {
		return errors.New("make transport: nobody takes messages; set Config.OnMessage")
	}
	if c.TLSClient == nil {
		c.TLSClient = func() *tls.Config { return nil }
	}
	if t := c.TLSClient(); t != nil && t.InsecureSkipVerify {
		return errors.New("make transport: TLSClient does not verify; give it the PBX's CA in RootCAs instead")
	}
	if c.WSPath == "" {
		c.WSPath = "/ws"
	}
	if c.Network == nil {
		c.Network = Host()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Limits.fill()
	return nil
}
