package media

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"ringback/dtmf"
	"ringback/media/codec"
	"ringback/media/mixer"
	"ringback/media/sdp"
)

// SessionConfig sets up a Session. LocalIP is required.
type SessionConfig struct {
	LocalIP    netip.Addr       // where its sockets are opened
	PublicIP   netip.Addr       // what its SDP names; zero: LocalIP
	Ports      PortRange        // zero: DefaultPorts
	Codecs     []string         // names by preference; nil: all that need no higher rate than the engine's
	Opus       codec.OpusConfig // how Opus is sent
	DTMF       bool             // offer and take telephone-event
	Comfort    bool             // pauses are not sent where the peer takes comfort noise (RFC 3389)
	NAT        bool             // learn once where the peer really sends from
	Ptime      time.Duration    // asked of the peer, and sent unless it asks otherwise; zero: 20 ms
	MaxDelay   time.Duration    // greatest target of the jitter buffer; zero: jitter.DefaultMax
	Security   Security         // zero: plain RTP
	Ways       Ways             // that ICE looks for beside the direct one
	Unheard    bool             // nobody hears the peer, ever: what comes is counted and measured, and decoded only where its level needs it
	CNAME      string           // in RTCP (RFC 3550 section 6.5.1); empty: drawn
	SilentFor  time.Duration    // until MediaSilent; zero: 5 s
	TimeoutFor time.Duration    // until RTPTimeout; zero: 30 s
	OnEvent    func(Event)      // on a goroutine of the engine: must only post
	Log        *slog.Logger
}

func (c *SessionConfig) complete() error {
	if !c.LocalIP.IsValid() || c.LocalIP.IsUnspecified() {
		return fmt.Errorf("open media session: local address %q: give the address that the peer can reach", c.LocalIP)
	}
	if !c.PublicIP.IsValid() {
		c.PublicIP = c.LocalIP
	}
	if c.Ptime == 0 {
		c.Ptime = 20 * time.Millisecond
	}
	if c.Ptime < minPtime || c.Ptime > maxPtime {
		return fmt.Errorf("open media session: ptime %s: use %s to %s", c.Ptime, minPtime, maxPtime)
	}
	if c.SilentFor <= 0 {
		c.SilentFor = 5 * time.Second
	}
	if c.TimeoutFor <= 0 {
		c.TimeoutFor = 30 * time.Second
	}
	if c.CNAME == "" {
		c.CNAME = newCNAME()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// codecs are those of the configuration, on a bridge of that rate.
func (c *SessionConfig) codecs(rate int) ([]codec.Codec, error) {
	if len(c.Codecs) == 0 {
		return within(rate), nil
	}
	found, err := find(c.Codecs)
	if err != nil {
		return nil, fmt.Errorf("open media session: %w", err)
	}
	return found, nil
}

// Session is all media with one peer. Its methods may be called from any
// goroutine and do not wait for the network.
type Session struct {
	engine *Engine
	cfg    SessionConfig
	log    *slog.Logger
	codecs []codec.Codec

	sig     sync.Mutex // offers and answers, one after the other
	local   *sdp.Local
	offer   *sdp.Offer // ours, not finally answered
	offered sdp.Direction
	early   bool   // offer has a provisional answer
	fork    string // whose answer is the one of now

	mu      sync.Mutex // everything below; held while a tick works on the session
	closed  bool
	failed  bool
	onWheel bool
	ticks   uint64
	scratch *scratch // of the tick; nil: it is over
	rtp     socket
	rtcp    socket
	seat    seat
	next    nextPath // of an offer that restarts ICE
	path    way      // ICE
	out     outbox
	secrecy secrecy
	link    link
	alive   alive
	rx      receiver
	tx      transmitter

	control   control
	troubles  troubles
	port      netip.AddrPort // of rtp; rtcp has the one above
	hands     *association   // of DTLS; nil: none
	nextHands *association   // that is to take its place
	earlyDTLS []datagram     // that came before there was one
	forks     []fork         // that may be come back to
}

// link is what was agreed on with the peer.
type link struct {
	ready  bool // something was agreed on
	wanted sdp.Direction
	active sdp.Direction // what may be sent and is received
	remote sdp.Direction // what the peer said
	held   bool
	mux    bool
	source source
	rtcpTo netip.AddrPort
}

// NewSession opens a pair of ports and starts to work on the session. Nothing is
// sent before something was agreed on.
func (e *Engine) NewSession(cfg SessionConfig) (*Session, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	codecs, err := cfg.codecs(e.cfg.Rate)
	if err != nil {
		return nil, err
	}
	ports, err := e.ports.listen(context.Background(), e.cfg.Network, cfg.LocalIP, cfg.Ports)
	if err != nil {
		return nil, err
	}
	s := &Session{engine: e, cfg: cfg, log: cfg.Log, codecs: codecs, local: sdp.NewLocal(0)}
	s.seat.slot = mixer.None
	s.out.tell = cfg.OnEvent
	s.useSockets(ports)
	if err := s.openPath("", ""); err != nil {
		s.closeSockets()
		return nil, err
	}
	s.rx.init(e.cfg.Rate)
	s.rx.nobody = cfg.Unheard
	s.rx.drops.all = &e.dropped
	s.tx.init(e.cfg.Rate)
	if err := e.adopt(s); err != nil {
		s.closePath()
		s.closeSockets()
		return nil, err
	}
	s.onWheel = true
	e.place((*solo)(s))
	return s, nil
}

// LocalAddr is where RTP is received.
func (s *Session) LocalAddr() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.port
}

// RemoteAddr is where RTP is sent to: the source that was locked, otherwise what
// the peer's SDP says; zero before that.
func (s *Session) RemoteAddr() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.source.target()
}

// Direction is what each side said last: ours as asked for in CreateOffer or
// AcceptOffer, and the peer's. Both are Inactive before anything was agreed on.
func (s *Session) Direction() (local, remote sdp.Direction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.wanted, s.link.remote
}

// Active is what may be sent and is received now.
func (s *Session) Active() sdp.Direction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.active
}

// HeldByRemote says that the peer does not want to hear us.
func (s *Session) HeldByRemote() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.held
}

// Codec names what is sent, as in SDP ("PCMA/8000"); empty before an answer.
func (s *Session) Codec() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tx.name()
}

// CanSendEvents says that the peer takes telephone-event.
func (s *Session) CanSendEvents() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tx.events != nil
}

// Slot is the session's place in its bridge; mixer.None when it is in none.
func (s *Session) Slot() mixer.Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seat.slot
}

// Close says RTCP BYE, leaves the bridge and frees the ports. It may be called
// again.
func (s *Session) Close() error {
	s.mu.Lock()
	bridge := s.seat.bridge
	s.mu.Unlock()
	if bridge != nil {
		bridge.Remove(s)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.partHands()
	s.partForks()
	s.sendBye(time.Now())
	s.closePath()
	s.tx.abort(&s.out, ErrClosed)
	s.out.queue = nil
	tell := s.out.take()
	s.closeSockets()
	s.mu.Unlock()
	if tell != nil {
		tell()
	}
	s.engine.forget(s)
	return nil
}

// useSockets takes the sockets of a pair, and keeps nothing else of it.
func (s *Session) useSockets(p pair) {
	s.rtp, s.rtcp, s.port = s.detoured(s.engine.socket(p.rtp)), s.engine.socket(p.rtcp), p.local
}

func (s *Session) closeSockets() {
	s.rtp.close()
	s.rtcp.close()
	s.engine.ports.free(s.port)
}

// stop ends work on the session after a panic; it stays until it is closed.
func (s *Session) stop(err error) {
	s.failed = true
	s.out.add(Failed{Err: err})
}

// pull implements Port.
func (s *Session) pull(dst frame, now time.Time, skipped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hear(dst, now, skipped)
}

// push implements Port.
func (s *Session) push(src frame, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.say(src, now)
}

func (s *Session) attach(b *Bridge, slot mixer.Slot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return fmt.Errorf("add session to bridge: %w", ErrClosed)
	case s.cfg.Unheard:
		return fmt.Errorf("add session to bridge: %w", ErrUnheard)
	}
	return s.seat.take(b, slot)
}

func (s *Session) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seat.leave()
	if !s.onWheel && !s.closed {
		s.onWheel = true
		s.engine.place((*solo)(s))
	}
}

func (s *Session) rests() bool { return false }

func (s *Session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop(err)
}

func (s *Session) flush() func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.take()
}

// SendMethod is how SendDigits sends.
type SendMethod uint8

// The methods. SIP INFO is not media: the agent does it.
const (
	RFC4733 SendMethod = iota
	InBand
)

// SendDigits queues digits behind those being sent. done is called once, on a
// goroutine of the engine, with nil after the last packet of the last digit, or
// with why it was not sent (ErrNotSending, ErrClosed). It is not called when
// SendDigits itself returns an error: ErrNoEvents, ErrNotSending, ErrClosed.
func (s *Session) SendDigits(digits dtmf.Sequence, method SendMethod, done func(error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.failed:
		return fmt.Errorf("send digits: %w", ErrClosed)
	case !s.link.active.Sends():
		return fmt.Errorf("send digits: %w", ErrNotSending)
	case method == RFC4733 && s.tx.events == nil:
		return fmt.Errorf("send digits: %w", ErrNoEvents)
	case len(digits.Digits()) == 0:
		return errors.New("send digits: there is none in it")
	}
	s.tx.queueDigits(digits, method, done)
	return nil
}
