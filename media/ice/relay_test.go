package ice

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/simnet"
	"ringback/internal/turnserver"
)

var turnAt = netip.MustParseAddrPort("192.0.2.200:3478")

// side is an agent with its socket on a network in memory.
type side struct {
	*Agent
	local    netip.AddrPort
	pairs    chan Pair
	gathered chan error
	got      chan string // by the relay
	failed   chan error
	direct   chan string // by the socket
}

// newSide makes an agent and reads its socket.
func newSide(t *testing.T, n *simnet.Net, at string, change func(*Config)) *side {
	t.Helper()
	s := &side{local: netip.MustParseAddrPort(at), pairs: make(chan Pair, 10), gathered: make(chan error, 1), got: make(chan string, 10), failed: make(chan error, 10), direct: make(chan string, 10)}
	host := n.Host(s.local.Addr().String())
	conn, err := host.ListenPacket(t.Context(), "udp4", at)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Local: s.local, Selected: func(p Pair) { s.pairs <- p }, Failed: func(err error) { s.failed <- err },
		Send:     func(b []byte, to netip.AddrPort) { _, _ = conn.WriteTo(b, net.UDPAddrFromAddrPort(to)) },
		Gathered: func(err error) { s.gathered <- err }, Received: func(b []byte) { s.got <- string(b) },
		Reach: Reach{Network: host, Local: s.local.Addr()}}
	change(&cfg)
	s.Agent = newAgent(t, cfg)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2000)
		for {
			k, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if buf[0] <= 3 {
				s.Receive(buf[:k], addrPort(from))
			} else {
				s.direct <- string(buf[:k])
			}
		}
	}()
	t.Cleanup(func() { s.Close(); conn.Close(); <-done })
	return s
}

func by(policy bool, servers ...Server) func(*Config) {
	return func(c *Config) { c.Servers, c.RelayOnly = servers, policy }
}

// inNet runs fn with a network in memory and a TURN server in it.
func inNet(t *testing.T, fn func(t *testing.T, n *simnet.Net, server *turnserver.Server)) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.DefaultLink(simnet.Link{Latency: 5 * time.Millisecond}))
		defer n.Close()
		server, err := turnserver.Start(turnserver.Config{Network: n.Host(turnAt.Addr().String()), Address: turnAt, Username: "agent", Password: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		fn(t, n, server)
	})
}

func TestRelay_CarriesACallThatNothingElseCould(t *testing.T) {
	inNet(t, func(t *testing.T, n *simnet.Net, server *turnserver.Server) {
		n.Partition("192.0.2.1", "192.0.2.2", true)
		a := newSide(t, n, "192.0.2.1:4000", by(true, Server{"turn:192.0.2.200", "agent", "secret"}))
		b := newSide(t, n, "192.0.2.2:5000", by(false))
		if err := <-a.gathered; err != nil {
			t.Fatal(err)
		}
		all, standard := a.Candidates()
		if text := strings.Join(all, "\n"); len(all) != 1 || strings.Contains(text, "192.0.2.1 ") || !strings.Contains(text, "typ relay raddr 0.0.0.0 rport 9") || standard.Addr() != turnAt.Addr() {
			t.Errorf("candidates %s, standard %s", text, standard)
		}
		meet(a.Agent, b.Agent)
		pa, pb := <-a.pairs, <-b.pairs
		if !pa.Relayed || pa.Remote != b.local || pb.Relayed || pb.Remote != standard {
			t.Errorf("pairs %+v %+v", pa, pb)
		}
		a.Write([]byte("\x80 to b"))
		if got := <-b.direct; got != "\x80 to b" {
			t.Errorf("b got %q", got)
		}
		b.cfg.Send([]byte("\x80 to a"), pb.Remote)
		if got := <-a.got; got != "\x80 to a" {
			t.Errorf("a got %q", got)
		}
		time.Sleep(30 * time.Minute) // allocation, permission and channel live for 10 or 5 minutes
		a.Write([]byte("\x80 later"))
		if got := <-b.direct; got != "\x80 later" {
			t.Errorf("b got %q", got)
		}
		select {
		case err := <-a.failed:
			t.Errorf("failed: %v", err)
		default:
		}
		a.Close()
		time.Sleep(time.Second) // of the network
		if server.Open() != 0 {
			t.Errorf("%d relays are left", server.Open())
		}
	})
}

func TestRelay_IsTheLastResort(t *testing.T) {
	inNet(t, func(t *testing.T, n *simnet.Net, server *turnserver.Server) {
		a := newSide(t, n, "192.0.2.1:4000", by(false, Server{"turn:192.0.2.200", "agent", "secret"}))
		b := newSide(t, n, "192.0.2.2:5000", by(false))
		<-a.gathered
		meet(a.Agent, b.Agent)
		if p := <-a.pairs; p.Relayed || p.Remote != b.local {
			t.Errorf("pair %+v", p)
		}
	})
}

func TestServers_SayInWordsWhyNot(t *testing.T) {
	for name, row := range map[string]struct {
		server Server
		is     error
		word   string
	}{
		"password": {Server{"turn:192.0.2.200", "agent", "wrong"}, ErrServerAuth, "turn:192.0.2.200: it refuses the user name or the password"},
		"user":     {Server{"turn:192.0.2.200", "nobody", "secret"}, ErrServerAuth, "refuses"},
		"nobody":   {Server{"turn:192.0.2.99", "agent", "secret"}, ErrServerSilent, "turn:192.0.2.99: it does not answer"},
		"port":     {Server{"turn:192.0.2.200:99", "agent", "secret"}, ErrServerSilent, "does not answer"},
		"stun":     {Server{"stun:192.0.2.99", "", ""}, ErrServerSilent, "does not answer"},
		"tcp":      {Server{"turn:192.0.2.99?transport=tcp", "agent", "secret"}, ErrServerSilent, "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			inNet(t, func(t *testing.T, n *simnet.Net, _ *turnserver.Server) {
				begin := time.Now()
				a := newSide(t, n, "192.0.2.1:4000", by(false, row.server))
				err := <-a.gathered
				if !errors.Is(err, row.is) || !strings.Contains(err.Error(), row.word) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%v", err)
				}
				if took := time.Since(begin); took > gatherTime+time.Second {
					t.Errorf("took %v", took)
				}
				if done, trouble := a.Gathered(); !done || trouble == nil || len(lines(a.Agent)) != 1 {
					t.Errorf("gathered %v %v %v", done, trouble, lines(a.Agent))
				}
			})
		})
	}
}

// TestServers_TheDeadHoldUpNobody: one that answers is enough, whatever others do.
func TestServers_TheDeadHoldUpNobody(t *testing.T) {
	inNet(t, func(t *testing.T, n *simnet.Net, _ *turnserver.Server) {
		begin := time.Now()
		a := newSide(t, n, "192.0.2.1:4000", by(true, Server{"turn:192.0.2.99", "agent", "secret"}, Server{"turn:192.0.2.200", "agent", "secret"}, Server{URL: "stun:192.0.2.98"}))
		err := <-a.gathered
		if took := time.Since(begin); err != nil || took > 500*time.Millisecond || len(lines(a.Agent)) != 1 {
			t.Errorf("%v after %v: %q", err, took, lines(a.Agent))
		}
	})
}

func TestSTUN_SaysWhereWeAre(t *testing.T) {
	inNet(t, func(t *testing.T, n *simnet.Net, _ *turnserver.Server) {
		outside := netip.MustParseAddrPort("198.51.100.7:4711")
		var questions atomic.Int64
		a := newSide(t, n, "192.0.2.1:4000", func(c *Config) {
			c.Servers = []Server{{URL: "stun:192.0.2.200"}}
			translator, err := n.Host(outside.Addr().String()).ListenPacket(t.Context(), "udp4", outside.String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { translator.Close() })
			c.Send = func(b []byte, to netip.AddrPort) {
				questions.Add(1)
				_, _ = translator.WriteTo(b, net.UDPAddrFromAddrPort(to))
			}
			go func() {
				buf := make([]byte, 2000)
				for {
					k, _, err := translator.ReadFrom(buf)
					if err != nil {
						return
					}
					n.Spoof(turnAt, c.Local, buf[:k])
				}
			}()
		})
		if err := <-a.gathered; err != nil {
			t.Fatal(err)
		}
		all, standard := a.Candidates()
		if len(all) != 2 || !strings.HasSuffix(all[1], "198.51.100.7 4711 typ srflx raddr 192.0.2.1 rport 4000") || standard != outside {
			t.Errorf("candidates %q, standard %v", all, standard)
		}
		before := questions.Load()
		time.Sleep(time.Minute + time.Second)
		if questions.Load() != before+4 {
			t.Errorf("%d questions in a minute: the translator forgets", questions.Load()-before)
		}
	})
}

func TestProbe(t *testing.T) {
	inNet(t, func(t *testing.T, n *simnet.Net, server *turnserver.Server) {
		reach := Reach{Network: n.Host("192.0.2.1"), Local: netip.MustParseAddr("192.0.2.1")}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		got, err := Probe(ctx, reach, Server{"turn:192.0.2.200", "agent", "secret"})
		if err != nil || got.Relayed.Addr() != turnAt.Addr() {
			t.Errorf("%+v %v", got, err)
		}
		got, err = Probe(ctx, reach, Server{URL: "stun:192.0.2.200"})
		if err != nil || got.Mapped.Addr() != reach.Local {
			t.Errorf("%+v %v", got, err)
		}
		time.Sleep(time.Second) // of the network
		if server.Open() != 0 {
			t.Errorf("%d relays are left", server.Open())
		}
	})
}

func TestCheckServer(t *testing.T) {
	for url, ok := range map[string]bool{"stun:stun.example.com": true, "turn:turn.example.com:443?transport=tcp": true, "turns:turn.example.com": true, "turn:[2001:db8::1]": true,
		"": false, "http://x": false, "stun:": false, "stuns:x": false, "turns:x?transport=udp": false, "turn:x?transport=sctp": false, "turn.example.com": false,
		"stun:192.0.2.1:65535": true, "stun:192.0.2.1:65536": false, "turn:x:0": false, "turn:x:-1": false, "turns:x:4294967296": false} {
		if err := CheckServer(url); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}
