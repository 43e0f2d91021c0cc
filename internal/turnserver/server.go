package turnserver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/pion/logging"
	"github.com/pion/turn/v5"
)

// Network opens the server's sockets; a host of internal/simnet is one.
type Network interface {
	ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error)
}

// Realm is the server's.
const Realm = "ringback.test"

// Config is what a Server is; Network and Address are needed.
type Config struct {
	Network            Network
	Address            netip.AddrPort // of UDP, port 0 for one that is free; the relays are there, too
	Listener           net.Listener   // of TCP or TLS; nil: none
	Username, Password string
}

// Server is running until Close.
type Server struct {
	turn   *turn.Server
	addr   netip.AddrPort
	relays relays
}

// Start listens.
func Start(cfg Config) (*Server, error) {
	conn, err := cfg.Network.ListenPacket(context.Background(), "udp4", cfg.Address.String())
	if err != nil {
		return nil, err
	}
	s := &Server{addr: netip.MustParseAddrPort(conn.LocalAddr().String()), relays: relays{network: cfg.Network, ip: cfg.Address.Addr()}}
	config := turn.ServerConfig{Realm: Realm, PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: conn, RelayAddressGenerator: &s.relays}},
		LoggerFactory: &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled},
		AuthHandler: func(r *turn.RequestAttributes) (string, []byte, bool) {
			return r.Username, turn.GenerateAuthKey(cfg.Username, Realm, cfg.Password), r.Username == cfg.Username
		}}
	if cfg.Listener != nil {
		config.ListenerConfigs = []turn.ListenerConfig{{Listener: cfg.Listener, RelayAddressGenerator: &s.relays}}
	}
	if s.turn, err = turn.NewServer(config); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// Addr is where it listens for UDP.
func (s *Server) Addr() netip.AddrPort { return s.addr }

// Allocated counts the relays that were given out so far.
func (s *Server) Allocated() int { return int(s.relays.given.Load()) }

// Open counts the relays that are there now.
func (s *Server) Open() int { return s.turn.AllocationCount() }

// Close ends the server and its relays.
func (s *Server) Close() error { return s.turn.Close() }

// relays opens them; it is a turn.RelayAddressGenerator.
type relays struct {
	network Network
	ip      netip.Addr
	given   atomic.Int64
}

var errOnlyUDP = errors.New("relays are UDP")

func (*relays) Validate() error { return nil }

func (r *relays) AllocatePacketConn(c turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	conn, err := r.network.ListenPacket(context.Background(), "udp4", netip.AddrPortFrom(r.ip, uint16(c.RequestedPort)).String())
	if err != nil {
		return nil, nil, err
	}
	r.given.Add(1)
	return conn, conn.LocalAddr(), nil
}

func (*relays) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errOnlyUDP
}

func (*relays) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) { return nil, errOnlyUDP }
