//go:build interop

package interop

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"ringback/internal/turnserver"
)

// turnIP is the address of the scripts' TURN server.
const turnIP = "127.0.0.44"

type loopback struct{}

func (loopback) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, network, address)
}

// cmdTURN: turn start begins a TURN server by UDP and TCP at $TURN (and by TLS at $TURNS with the PBX's certificate),
// whose user agent has the password turn-secret. turn restart: the one at $TURN begins anew and has forgotten all. turn
// allocated N: so many relays at least were given out. turn stop.
func cmdTURN(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: turn start | secure | restart | allocated N | stop")
	}
	servers := ts.Value("turn").(*[]*turnserver.Server)
	switch args[0] {
	case "start":
		port, err := freePort()
		ts.Check(err)
		number, err := strconv.ParseUint(port, 10, 16)
		ts.Check(err)
		at := netip.AddrPortFrom(netip.MustParseAddr(turnIP), uint16(number))
		startPlainTURN(ts, servers, at)
		ts.Setenv("TURN", at.String())
	case "restart":
		stopTURN(ts, servers)
		startPlainTURN(ts, servers, netip.MustParseAddrPort(ts.Getenv("TURN")))
	case "secure":
		pbx := pbxOf(ts)
		pair, err := tls.LoadX509KeyPair(pbx.Path("tls/pbx.crt"), pbx.Path("tls/pbx.key"))
		ts.Check(err)
		secure, err := tls.Listen("tcp4", pbx.Address+":0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
		ts.Check(err)
		startTURN(ts, servers, netip.MustParseAddrPort(turnIP+":0"), secure)
		ts.Setenv("TURNS", secure.Addr().String())
	case "allocated":
		given := 0
		for _, s := range *servers {
			given += s.Allocated()
		}
		if want, err := strconv.Atoi(args[1]); err != nil || given < want {
			ts.Fatalf("%d relays were given out", given)
		}
		fmt.Fprintf(ts.Stdout(), "%d relays\n", given)
	case "stop":
		stopTURN(ts, servers)
	}
}

func stopTURN(ts *testscript.TestScript, servers *[]*turnserver.Server) {
	for _, s := range *servers {
		ts.Check(s.Close())
	}
	*servers = nil
}

func startPlainTURN(ts *testscript.TestScript, servers *[]*turnserver.Server, at netip.AddrPort) {
	plain, err := net.Listen("tcp4", at.String())
	ts.Check(err)
	startTURN(ts, servers, at, plain)
}

func startTURN(ts *testscript.TestScript, servers *[]*turnserver.Server, at netip.AddrPort, l net.Listener) {
	s, err := turnserver.Start(turnserver.Config{Network: loopback{}, Address: at, Listener: l, Username: "agent", Password: "turn-secret"})
	ts.Check(err)
	*servers = append(*servers, s)
	ts.Defer(func() {
		for _, s := range *servers {
			_ = s.Close()
		}
		*servers = nil
	})
}
