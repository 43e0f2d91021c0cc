package ice

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	pion "github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5/deadline"
)

const (
	// MaxCandidates of a peer are taken, of the component in question; each makes checks.
	MaxCandidates = 32
	checkTime     = 15 * time.Second
	checkEvery    = 50 * time.Millisecond
	checksOfAPair = 60 // three seconds without a network, or of a far end that begins late; pion's own 7 are 0.35 s
	flushTime     = time.Second
	waiting       = 64 // datagrams
)

// Config is what an Agent stands on; all fields above Servers are needed.
type Config struct {
	Local    netip.AddrPort                    // of the socket
	Send     func(b []byte, to netip.AddrPort) // by it
	Selected func(Pair)                        // how the peer is reached; again when that changes
	Failed   func(err error)                   // there is no way, or it is gone: the peer has consented to nothing for 30 s (RFC 7675)

	// Control: of the port of RTCP, component 2 (RFC 8445 section 13), with the credentials
	// of the agent of RTP. It has no Servers: the peer sees by its checks where it is.
	Control    bool
	Ufrag, Pwd string // empty: drawn

	Servers   []Server        // that are asked for addresses of ours
	RelayOnly bool            // nothing but the relays of Servers is a candidate
	Reach     Reach           // of Servers
	Gathered  func(err error) // all candidates are there; err is why servers gave none. Not called without Servers
	Received  func(b []byte)  // what came from the peer by a relay; not STUN
}

// Pair is the way that was found.
type Pair struct {
	Remote  netip.AddrPort
	Relayed bool // what goes there is to be given to Write
}

// Remote is what a peer's SDP says.
type Remote struct {
	Ufrag, Pwd string
	Candidates []string // values of a=candidate
	Lite       bool
}

// Agent is the ICE of one session. Its methods may be called from any goroutine.
type Agent struct {
	cfg     Config
	agent   *pion.Agent
	mux     *mux
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup
	ufrag   string
	pwd     string
	uris    []*stun.URI
	out     chan []byte   // for the relay; nil is its end
	flushed chan struct{} // closed at that
	relays  chan struct{} // closed when pion has gathered
	first   chan struct{} // closed when there is a relay

	mu       sync.Mutex
	gathered bool
	trouble  error
	relayed  []pion.Candidate
	mapped   netip.AddrPort
	asked    map[[stun.TransactionIDSize]byte]chan netip.AddrPort
	started  bool
	conn     *pion.Conn // of the relay; nil: not yet
	pair     Pair
	chosen   time.Time // when that was found; zero: none was
	failed   bool      // it was told that there is none
	expired  bool      // and there will be none
}

// New makes an Agent with credentials of its own. With Servers it asks them, which takes
// up to some seconds.
func New(cfg Config) (*Agent, error) {
	a := &Agent{cfg: cfg, out: make(chan []byte, waiting), relays: make(chan struct{}), first: make(chan struct{}), flushed: make(chan struct{}), asked: map[[stun.TransactionIDSize]byte]chan netip.AddrPort{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.mux = &mux{agent: a, in: make(chan datagram, waiting), done: make(chan struct{}), until: deadline.New()}
	options, err := a.options()
	if err != nil {
		return nil, err
	}
	if a.agent, err = pion.NewAgentWithOptions(options...); err != nil {
		return nil, fmt.Errorf("make ICE agent: %w", err)
	}
	if a.ufrag, a.pwd, err = a.agent.GetLocalUserCredentials(); err != nil {
		return nil, errors.Join(fmt.Errorf("make ICE agent: %w", err), a.agent.Close())
	}
	err = errors.Join(
		a.agent.OnCandidate(a.candidate),
		a.agent.OnSelectedCandidatePairChange(a.selected),
		a.agent.OnConnectionStateChange(func(s pion.ConnectionState) {
			if s == pion.ConnectionStateFailed {
				a.fail(errors.New("no candidate of the far end answers"))
			}
		}),
		a.agent.GatherCandidates())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make ICE agent: %w", err), a.agent.Close())
	}
	if a.gathered = len(cfg.Servers) == 0; !a.gathered {
		a.wg.Go(a.gather)
	}
	return a, nil
}

// options are pion's for the configuration.
func (a *Agent) options() ([]pion.AgentOption, error) {
	kinds := []pion.CandidateType{}
	if !a.cfg.RelayOnly {
		kinds = append(kinds, pion.CandidateTypeHost)
	}
	net := sockets{reach: a.cfg.Reach, known: map[string]*stun.URI{}}
	var turns []*stun.URI
	for _, s := range a.cfg.Servers {
		uri, err := s.parse()
		if err != nil {
			return nil, err
		}
		a.uris = append(a.uris, uri)
		if relays(uri) {
			turns = append(turns, uri)
			net.known[hostPort(uri)] = uri
		}
	}
	if len(turns) > 0 {
		kinds = append(kinds, pion.CandidateTypeRelay)
	}
	options := []pion.AgentOption{
		pion.WithUDPMux(a.mux), pion.WithIncludeLoopback(), pion.WithMulticastDNSMode(pion.MulticastDNSModeDisabled),
		pion.WithNetworkTypes(a.networks()), pion.WithUrls(turns), pion.WithNet(net), pion.WithProxyDialer(dialer{net, a.ctx}),
		pion.WithTURNTransportProtocols(a.transports()),
		pion.WithCandidateTypes(kinds), pion.WithCheckInterval(checkEvery), pion.WithMaxBindingRequests(checksOfAPair),
		pion.WithHostAcceptanceMinWait(0), pion.WithPrflxAcceptanceMinWait(0), pion.WithRelayAcceptanceMinWait(a.relayWait()),
		pion.WithLoggerFactory(silence()),
	}
	if a.cfg.Ufrag != "" {
		options = append(options, pion.WithLocalCredentials(a.cfg.Ufrag, a.cfg.Pwd))
	}
	return options, nil
}

// component is that of the agent's candidates.
func (c *Config) component() int {
	if c.Control {
		return 2
	}
	return 1
}

// relayWait is how long a better way may still be found when a relay is one.
func (a *Agent) relayWait() time.Duration {
	if a.cfg.RelayOnly {
		return 0
	}
	return 500 * time.Millisecond
}

// Credentials are ours.
func (a *Agent) Credentials() (ufrag, pwd string) { return a.ufrag, a.pwd }

// Start begins the checks. controlling: we made the offer, or the peer is lite (RFC 8445
// section 6.1.1).
func (a *Agent) Start(r Remote, controlling bool) {
	a.mu.Lock()
	a.started = true
	a.mu.Unlock()
	taken := 0
	for _, line := range r.Candidates {
		if c, err := pion.UnmarshalCandidate(line); err == nil && taken < MaxCandidates && int(c.Component()) == a.cfg.component() {
			taken++
			_ = a.agent.AddRemoteCandidate(c)
		}
	}
	connect := a.agent.Accept
	if controlling || r.Lite {
		connect = a.agent.Dial
	}
	_ = a.agent.SetRemoteICELite(r.Lite)
	a.wg.Go(func() {
		ctx, cancel := context.WithTimeout(a.ctx, checkTime)
		defer cancel()
		conn, err := connect(ctx, r.Ufrag, r.Pwd)
		switch {
		case err == nil && len(a.relayCandidates()) > 0:
			a.carry(conn)
		case err != nil && a.ctx.Err() == nil:
			a.fail(fmt.Errorf("no way to the far end: %w", err))
		}
	})
}

// selected is pion's word of a pair. One by a relay is told when it can be written to.
func (a *Agent) selected(local, remote pion.Candidate) {
	ip, err := netip.ParseAddr(remote.Address())
	if err != nil {
		return
	}
	pair := Pair{Remote: netip.AddrPortFrom(ip.Unmap(), uint16(remote.Port())), Relayed: local.Type() == pion.CandidateTypeRelay}
	a.mu.Lock()
	first, over := a.chosen.IsZero(), a.expired
	a.pair, a.chosen, a.failed = pair, time.Now(), false
	early := pair.Relayed && a.conn == nil
	a.mu.Unlock()
	if over {
		return
	}
	if first {
		a.wg.Go(a.consent)
	}
	if !early {
		a.cfg.Selected(pair)
	}
}

// carry brings what comes by a relay, and has what goes written beside: a TCP connection
// to a TURN server may not take it at once.
func (a *Agent) carry(conn *pion.Conn) {
	a.mu.Lock()
	a.conn = conn
	pair := a.pair
	a.mu.Unlock()
	if pair.Relayed {
		a.cfg.Selected(pair)
	}
	a.wg.Go(func() {
		for {
			select {
			case b := <-a.out:
				if b == nil {
					close(a.flushed)
					return
				}
				_, _ = conn.Write(b) // as lost as on any way
			case <-a.ctx.Done():
				return
			}
		}
	})
	buf := make([]byte, 2048)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		a.cfg.Received(buf[:n])
	}
}

// Write sends to the peer by the relay of a Pair. It does not wait, and keeps no b.
func (a *Agent) Write(b []byte) {
	select {
	case a.out <- append([]byte(nil), b...):
	default:
	}
}

// Receive takes a STUN datagram that the socket got. It does not wait.
func (a *Agent) Receive(b []byte, from netip.AddrPort) {
	if a.Answered(b) {
		return
	}
	select {
	case a.mux.in <- datagram{append([]byte(nil), b...), from}:
	default: // checks are repeated
	}
}

// flush waits until what was given to Write is on its way, within bounds.
func (a *Agent) flush() {
	a.mu.Lock()
	carrying := a.conn != nil
	a.mu.Unlock()
	if !carrying {
		return
	}
	enough := time.NewTimer(flushTime)
	defer enough.Stop()
	select {
	case a.out <- nil:
	case <-enough.C:
		return
	}
	select {
	case <-a.flushed:
	case <-enough.C:
	}
}

// Close ends the agent, gives up its relays, and waits for its goroutines; not in a
// function of Config.
func (a *Agent) Close() {
	a.flush()
	a.cancel()
	_ = a.agent.GracefulClose()
	_ = a.mux.Close()
	a.wg.Wait()
}
