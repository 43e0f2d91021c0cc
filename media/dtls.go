package media

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
	"github.com/pion/transport/v5/deadline"

	"ringback/media/sdp"
)

const (
	handshakeTime = 30 * time.Second
	flightTime    = 200 * time.Millisecond // until a flight is repeated, at first
	learnAfter    = time.Second
	rekeyTime     = 2 * time.Second
	maxFlights    = 16 // datagrams that wait for a handshake
	maxEarly      = 4  // that came before the answer
)

// Certificate is what a phone proves by in a handshake: self-signed, for one run; the
// peer knows it by the fingerprint in SDP (RFC 5763 section 5).
type Certificate struct {
	pair  tls.Certificate
	print sdp.Fingerprint
}

// NewCertificate makes one.
func NewCertificate() (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	now := time.Now()
	template := x509.Certificate{SerialNumber: serial, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	sum := sha256.Sum256(der)
	return &Certificate{pair: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, print: sdp.Fingerprint{Hash: "sha-256", Value: sum[:]}}, nil
}

// association is a DTLS handshake with the peer over the session's RTP socket (RFC
// 5764), and what is left of it. It is the net.PacketConn that pion/dtls works on:
// what the tick reads goes in by feed, what it writes goes out by the session's socket.
type association struct {
	session *Session
	agreed  *sdp.DTLS
	proof   *Certificate // ours
	began   time.Time
	heard   bool           // from where the SDP says; under Session.mu, as is peer
	peer    netip.AddrPort // where it was seen, if not where the SDP says
	in      chan []byte
	done    chan struct{}
	once    sync.Once
	cancel  context.CancelFunc
	until   *deadline.Deadline // of reading
}

// shakeHands begins the handshake that was agreed on, or goes on with the one that is
// there (RFC 8842 section 5). Until it has ended nothing is sent or heard. again: the
// peer has said something else than before, so that it may want another association,
// which takes the place of the one that is there when it is authenticated.
func (s *Session) shakeHands(d *sdp.DTLS, again bool) {
	if a := s.hands; a != nil && a.agreed.Same(d) && a.proof == s.cfg.Security.Certificate && !a.over() {
		if d.Anew && again && s.secrecy.send != nil && !s.nextHands.living() {
			s.nextHands = s.associate(d)
		}
		return
	}
	s.partHands()
	s.secrecy.await()
	if s.path.started != "" && !s.path.pair.IsValid() { // ES2023-01: a handshake comes by the pair only
		s.path.waits = d
		return
	}
	s.hands = s.associate(d)
	for _, early := range s.earlyDTLS {
		s.onDTLS(early.buf, early.from)
	}
	s.earlyDTLS = nil
}

// associate begins a handshake.
func (s *Session) associate(d *sdp.DTLS) *association {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	a := &association{session: s, agreed: d, began: time.Now(), proof: s.cfg.Security.Certificate, in: make(chan []byte, maxFlights), done: make(chan struct{}), cancel: cancel,
		until: deadline.New()}
	s.engine.tasks.Go(func() { a.run(ctx) })
	return a
}

// partHands ends the association, if there is one, and the one that is to follow it.
func (s *Session) partHands() {
	for _, a := range []*association{s.hands, s.nextHands} {
		if a != nil {
			a.end()
		}
	}
	s.hands, s.nextHands = nil, nil
}

// beginsAnew says that a peer that has an association with us begins another with the
// same parameters (RFC 6347 section 4.2.8), as Asterisk 22 does at each re-INVITE. The
// old one carries the call until the new one is authenticated.
func (a *association) beginsAnew(b []byte) bool {
	s := a.session
	if a.agreed.Client || s.secrecy.send == nil || !isHandshake(b, clientHello) || binary.BigEndian.Uint16(b[3:]) != 0 {
		return false
	}
	return !s.nextHands.living()
}

// onDTLS takes a datagram that is DTLS by its first octet (RFC 7983 section 7). Only
// the peer's go on to the handshake: from where the SDP says, from where RTP is locked
// to, or behind a translator from who begins as the peer has to.
func (s *Session) onDTLS(b []byte, from netip.AddrPort) {
	a := s.hands
	switch {
	case !s.cfg.Security.handshakes():
		s.rx.drops.count(dropStranger)
	case a == nil: // the answer may be on its way: the last few are kept
		if len(s.earlyDTLS) == maxEarly {
			s.rx.drops.count(dropEarly)
			s.earlyDTLS = s.earlyDTLS[1:]
		}
		s.earlyDTLS = append(s.earlyDTLS, datagram{buf: bytes.Clone(b), from: from})
	case a.peer.IsValid() && from == s.link.source.sdp && s.secrecy.send == nil:
		s.partHands() // who was learned is not the peer: it begins again
		s.earlyDTLS = []datagram{{buf: bytes.Clone(b), from: from}}
		s.shakeHands(a.agreed, false)
	case !a.takes(b, from):
		s.rx.drops.count(dropStranger)
	default:
		if a.beginsAnew(b) {
			s.nextHands = s.associate(a.agreed)
		}
		if s.nextHands.living() {
			a = s.nextHands
		}
		select {
		case a.in <- bytes.Clone(b):
		default: // it is repeated
		}
	}
}

// takes says whether a datagram is the peer's: from where its SDP says, or RTP is locked
// to. One datagram of a stranger can spoil a handshake, so that behind a translator
// another address is tried only when the peer has been silent for a while.
func (a *association) takes(b []byte, from netip.AddrPort) bool {
	source := &a.session.link.source
	switch {
	case from == source.sdp:
		a.heard = true
		return true
	case from == a.peer, source.locked.IsValid() && from == source.locked:
		return true
	case a.heard || a.peer.IsValid() || source.locked.IsValid() || !a.session.cfg.NAT || time.Since(a.began) < learnAfter:
		return false
	}
	first := []byte{clientHello}
	if a.agreed.Client {
		first = []byte{serverHello, helloVerifyRequest}
	}
	if !isHandshake(b, first...) {
		return false
	}
	a.peer = from
	return true
}

// The messages of a handshake that begin a flight (RFC 6347 section 4.3.2).
const (
	clientHello        = 1
	serverHello        = 2
	helloVerifyRequest = 3
)

// isHandshake says that a datagram begins with one of these messages.
func isHandshake(b []byte, kinds ...byte) bool {
	const handshake, header = 22, 13
	return len(b) > header && b[0] == handshake && bytes.Contains(kinds, b[header:header+1])
}

// run shakes hands, takes the keys, and keeps the association until it is ended: the
// peer may have to be told the last flight again.
func (a *association) run(ctx context.Context) {
	defer a.end()
	conn, err := a.handshake(ctx)
	if err == nil {
		err = a.install(conn)
	}
	if err != nil {
		a.failed(err)
		if conn != nil {
			_ = conn.Close()
		}
		return
	}
	<-a.done
	_ = conn.Close()
}

func (a *association) handshake(ctx context.Context) (*dtls.Conn, error) {
	both := []dtls.Option{
		dtls.WithCertificates(a.proof.pair),
		dtls.WithSRTPProtectionProfiles(a.session.cfg.Security.profiles()...),
		dtls.WithExtendedMasterSecret(dtls.RequestExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // who it is, the fingerprint says
		dtls.WithVerifyPeerCertificate(func(chain [][]byte, _ [][]*x509.Certificate) error { return a.verify(chain) }),
		dtls.WithFlightInterval(flightTime),
		dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}),
	}
	conn, err := a.begin(both)
	if err != nil {
		return nil, err
	}
	return conn, conn.HandshakeContext(ctx)
}

func (a *association) begin(both []dtls.Option) (*dtls.Conn, error) {
	if a.agreed.Client {
		var options []dtls.ClientOption
		for _, o := range both {
			options = append(options, o)
		}
		return dtls.ClientWithOptions(a, a.RemoteAddr(), options...)
	}
	options := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range both {
		options = append(options, o)
	}
	return dtls.ServerWithOptions(a, a.RemoteAddr(), options...)
}

var errFingerprint = errors.New("its certificate is not the one that its SDP names")

// verify holds the peer's certificate against its fingerprints (RFC 8122 section 5.1).
func (a *association) verify(chain [][]byte) error {
	if len(chain) == 0 {
		return errFingerprint
	}
	for _, f := range a.agreed.Fingerprints {
		var sum []byte
		switch f.Hash {
		case "sha-256":
			got := sha256.Sum256(chain[0])
			sum = got[:]
		case "sha-384":
			got := sha512.Sum384(chain[0])
			sum = got[:]
		case "sha-512":
			got := sha512.Sum512(chain[0])
			sum = got[:]
		}
		if len(sum) > 0 && bytes.Equal(sum, f.Value) {
			return nil
		}
	}
	return errFingerprint
}

// install takes the keys of RFC 5764 section 4.2.
func (a *association) install(conn *dtls.Conn) error {
	chosen, ok := conn.SelectedSRTPProtectionProfile()
	suite := sdp.Suite("")
	for _, s := range sdp.Suites() {
		if dtls.SRTPProtectionProfile(profile(s)) == chosen {
			suite = s
		}
	}
	state, known := conn.ConnectionState()
	if !ok || !known || suite == "" {
		return errors.New("no SRTP suite in common")
	}
	key, salt := suite.Sizes()
	raw, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(key+salt))
	if err != nil {
		return fmt.Errorf("export keys: %w", err)
	}
	client := sdp.MasterKey{Key: raw[:key], Salt: raw[2*key : 2*key+salt]}
	server := sdp.MasterKey{Key: raw[key : 2*key], Salt: raw[2*key+salt:]}
	if !a.agreed.Client {
		client, server = server, client
	}
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch a {
	case s.hands:
	case s.nextHands:
		s.hands.end()
		s.hands, s.nextHands = a, nil
	default:
		return net.ErrClosed
	}
	return s.useKeys(&sdp.Crypto{Suite: suite, Once: true, Send: client, Receive: []sdp.MasterKey{server}})
}

// failed tells why nothing can be heard, unless the association was ended.
func (a *association) failed(err error) {
	s := a.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hands == a && !s.closed {
		s.out.add(EncryptionFailed{Err: fmt.Errorf("DTLS handshake with %s: %w", s.link.source.target(), err)})
	}
}

func (a *association) end() {
	a.once.Do(func() {
		close(a.done)
		a.cancel()
	})
}

// rekeying says that the peer is about to have other keys than those that are sent with,
// and may hear nothing until then: a digit does not begin meanwhile. Who begins a
// handshake and never ends it holds digits up for rekeyTime only.
func (s *Session) rekeying(now time.Time) bool {
	return s.nextHands.living() && now.Sub(s.nextHands.began) < rekeyTime
}

func (a *association) living() bool { return a != nil && !a.over() }

func (a *association) over() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}
