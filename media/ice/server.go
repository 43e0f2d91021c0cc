package ice

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

// Server is one that is asked for an address of ours that others can reach: its URL as
// in RFC 7064 and RFC 7065 (stun:HOST, turn:HOST:PORT?transport=tcp, turns:HOST), and
// for TURN who we are.
type Server struct {
	URL, Username, Password string
}

// CheckServer says what is wrong with a server's URL.
func CheckServer(url string) error {
	_, err := Server{URL: url}.parse()
	return err
}

// parse reads the URL.
func (s Server) parse() (*stun.URI, error) {
	uri, err := stun.ParseURI(s.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no URL of a STUN or TURN server (%w): write stun:HOST, turn:HOST, turn:HOST?transport=tcp or turns:HOST", s.URL, err)
	case uri.Port < 1 || uri.Port > 65535:
		return nil, fmt.Errorf("%q: there is no port %d: write one of 1 to 65535, or none", s.URL, uri.Port)
	case uri.Scheme == stun.SchemeTypeSTUNS:
		return nil, fmt.Errorf("%q: STUN is asked by UDP only: write stun:HOST", s.URL)
	case uri.Scheme == stun.SchemeTypeTURNS && uri.Proto == stun.ProtoTypeUDP:
		return nil, fmt.Errorf("%q: TURN is secured by TLS over TCP only: write turns:HOST", s.URL)
	}
	uri.Username, uri.Password = s.Username, s.Password
	return uri, nil
}

func relays(u *stun.URI) bool {
	return u.Scheme == stun.SchemeTypeTURN || u.Scheme == stun.SchemeTypeTURNS
}

// Network opens what a server is reached by.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
	Dial(ctx context.Context, network, laddr, raddr string) (net.Conn, error)
}

// Reach is from where and how servers are reached; all fields but TLS are needed.
type Reach struct {
	Network Network
	Local   netip.Addr
	TLS     *tls.Config // of turns; nil: the system's authorities
}

// Answer is what a server gave.
type Answer struct {
	Mapped  netip.AddrPort // where it sees us
	Relayed netip.AddrPort // of TURN: where others reach us by it
}

// Errors of Probe; errors.Is.
var (
	ErrServerSilent = errors.New("it does not answer")
	ErrServerAuth   = errors.New("it refuses the user name or the password")
)

// Probe asks one server as a call does, and gives up what it got.
func Probe(ctx context.Context, r Reach, s Server) (Answer, error) {
	uri, err := s.parse()
	if err != nil {
		return Answer{}, err
	}
	addr, err := resolve(ctx, uri, r.Local)
	if err != nil {
		return Answer{}, err
	}
	conn, err := r.open(ctx, uri, addr)
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w: %w", s.URL, ErrServerSilent, err)
	}
	defer conn.Close()
	client, err := turn.NewClient(&turn.ClientConfig{Conn: conn, TURNServerAddr: addr.String(), STUNServerAddr: addr.String(),
		Username: uri.Username, Password: uri.Password, LoggerFactory: silence(), Net: sockets{reach: r}})
	if err != nil {
		return Answer{}, fmt.Errorf("%s: %w", s.URL, err)
	}
	if err := client.Listen(); err != nil {
		return Answer{}, fmt.Errorf("%s: %w", s.URL, err)
	}
	stop := context.AfterFunc(ctx, client.Close)
	defer func() { stop(); client.Close() }()
	answer, err := ask(ctx, client, uri)
	return answer, why(ctx, s, err)
}

// ask takes what the server's kind gives.
func ask(ctx context.Context, client *turn.Client, uri *stun.URI) (Answer, error) {
	if !relays(uri) {
		seen, err := client.SendBindingRequest()
		if err != nil {
			return Answer{}, err
		}
		return Answer{Mapped: addrPort(seen)}, nil
	}
	conn, err := client.AllocateWithContext(ctx)
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Relayed: addrPort(conn.LocalAddr())}
	return answer, conn.Close()
}

// why is the error of a server in words.
func why(ctx context.Context, s Server, err error) error {
	var refused *stun.TurnError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refusesWho(refused.ErrorCodeAttr.Code):
		return fmt.Errorf("%s: %w (%d)", s.URL, ErrServerAuth, refused.ErrorCodeAttr.Code)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", s.URL, ErrServerSilent)
	case errors.As(err, &refused):
		return fmt.Errorf("%s: it answers %d %s", s.URL, refused.ErrorCodeAttr.Code, refused.ErrorCodeAttr.Reason)
	}
	return fmt.Errorf("%s: %w", s.URL, err)
}

// refusesWho says that a server's code is about who asks. 400 is what some answer when the
// message's integrity is not what they compute with the password.
func refusesWho(c stun.ErrorCode) bool {
	return c == stun.CodeUnauthorized || c == stun.CodeForbidden || c == stun.CodeBadRequest
}

// open makes the connection to a server, as pion/turn wants it.
func (r Reach) open(ctx context.Context, uri *stun.URI, addr netip.AddrPort) (net.PacketConn, error) {
	if uri.Proto == stun.ProtoTypeUDP {
		return r.Network.ListenPacket(ctx, "udp", netip.AddrPortFrom(r.Local, 0).String())
	}
	conn, err := r.dial(ctx, uri, addr)
	if err != nil {
		return nil, err
	}
	return turn.NewSTUNConn(conn), nil
}

// dial connects by TCP, and TLS where the URL says so.
func (r Reach) dial(ctx context.Context, uri *stun.URI, addr netip.AddrPort) (net.Conn, error) {
	conn, err := r.Network.Dial(ctx, "tcp", netip.AddrPortFrom(r.Local, 0).String(), addr.String())
	if err != nil || uri.Scheme != stun.SchemeTypeTURNS {
		return conn, err
	}
	cfg := r.TLS.Clone()
	if cfg == nil {
		cfg = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	cfg.ServerName = uri.Host
	secured := tls.Client(conn, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secured, nil
}

// resolve finds an address of the server in the family that we have.
func resolve(ctx context.Context, uri *stun.URI, local netip.Addr) (netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(uri.Host); err == nil {
		return netip.AddrPortFrom(ip.Unmap(), uint16(uri.Port)), nil
	}
	family := "ip4"
	if local.Is6() && !local.Is4In6() {
		family = "ip6"
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, family, uri.Host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("find the address of %s: %w", uri.Host, err)
	}
	return netip.AddrPortFrom(list[0].Unmap(), uint16(uri.Port)), nil
}

func silence() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
}

func addrPort(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := udp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

const (
	gatherTime  = 3 * time.Second // for all servers
	mappedEvery = 15 * time.Second
)
