package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/control"
	"ringback/agent/store"
	"ringback/internal/lab"
	"ringback/media/device"
)

// options are those of a healthy phone at a PBX, in folders of the test's own.
func options(t *testing.T, pbx netip.AddrPort) Options {
	t.Helper()
	dir := t.TempDir()
	cfg := agent.DefaultConfig()
	cfg.Account.AOR, cfg.Account.Password = "sip:1001@"+pbx.String(), "lab-1001"
	cfg.Audio.Headset = []string{"tone:440"}
	return Options{Profile: "test", Config: cfg, Socket: filepath.Join(dir, "run", "test.sock"), StateDir: filepath.Join(dir, "state"), Patience: time.Second}
}

// named gives a phone whose PBX is known by name, and the resolver that knows where.
func named(t *testing.T, transport string, pbx netip.AddrPort) Options {
	o := options(t, pbx)
	o.Config.Account.AOR, o.Config.Account.Transport = fmt.Sprintf("sip:1001@pbx.example:%d", pbx.Port()), transport
	o.Resolver = dns(t, zone{a: map[string]string{"pbx.example": pbx.Addr().String()}})
	return o
}

// nobody is an address where nothing listens, and nothing will while the test runs: whose
// socket has it hears only its own peer.
func nobody(t *testing.T) netip.AddrPort {
	t.Helper()
	deaf, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { deaf.Close() })
	return addrOf(deaf.LocalAddr())
}

func write(t *testing.T, path string, text []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, text, mode); err != nil {
		t.Fatal(err)
	}
}

func atZone(t *testing.T, z zone) Options {
	o := options(t, nobody(t))
	o.Config.Account.AOR, o.Resolver = "sip:1001@pbx.example", dns(t, z)
	return o
}

func atTLS(t *testing.T, name string, from, until time.Duration, trusted bool) Options {
	ca := newAuthority(t)
	o := named(t, "tls", ca.server(t, name, time.Now().Add(from), time.Now().Add(until)))
	if trusted {
		o.Config.Account.CAFile = ca.file
	}
	return o
}

func atLab(t *testing.T, edit func(*lab.Config), change func(*Options)) Options {
	_, at := startLab(t, edit)
	o := options(t, at)
	if change != nil {
		change(&o)
	}
	return o
}

func refusing(t *testing.T, code int) Options {
	return atLab(t, func(c *lab.Config) { c.Registrar.Refuse = code }, nil)
}

// behindNAT is at a PBX that sees the phone at another address, and has no clock.
func behindNAT(t *testing.T, media bool) Options {
	o := options(t, scripted(t, func(string) (string, string, []string) { return "200 OK", ";received=203.0.113.5;rport=40000", nil }))
	o.Config.Media.NAT = media
	return o
}

// takenPorts is a range of four ports that somebody has.
func takenPorts(t *testing.T) (first, last uint16) {
	t.Helper()
	for range 50 {
		port := addrOf(listenUDP(t).LocalAddr()).Port()
		if port%2 == 1 || port > 65000 {
			continue
		}
		free := true
		for next := port + 1; next < port+4; next++ {
			pc, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", next))
			if free = free && err == nil; err == nil {
				t.Cleanup(func() { pc.Close() })
			}
		}
		if free {
			return port, port + 3
		}
	}
	t.Fatal("no four ports in a row are free")
	return 0, 0
}

var errFound = errors.New("found")

// gone is a device that is looked for: it fails, hangs (nil), or is there (errFound).
type gone struct {
	name string
	err  error
}

func (g gone) Name() string { return g.name }

func (g gone) Start(device.IO) (device.Stream, error) { return nil, g.err }

func (g gone) Find(device.IO) error {
	switch g.err {
	case nil:
		<-time.After(time.Minute)
	case errFound:
		return nil
	}
	return g.err
}

func withDevices(t *testing.T, list ...device.Device) Options {
	o := options(t, nobody(t))
	o.Patience = 300 * time.Millisecond
	o.Devices = func([]string) ([]device.Device, error) { return list, nil }
	return o
}

// withStore is a phone with a store that was closed, and then harmed.
func withStore(t *testing.T, harm func(path string)) Options {
	o := options(t, nobody(t))
	path := filepath.Join(o.StateDir, store.FileName)
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	harm(path)
	return o
}

func patch(t *testing.T, path string, at int64, data []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(data, at); err != nil {
		t.Fatal(err)
	}
}

// runAgent runs an agent with its desk open until its registration is so.
func runAgent(t *testing.T, o *Options, state string) *agent.Agent {
	t.Helper()
	cfg := o.Config
	cfg.Account.Keepalive = time.Hour
	a, err := agent.New(cfg, agent.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() { stop(); <-ended })
	serveDesk(t, o.Socket, control.Of(a))
	events := a.Since(0)
	for a.State().Registration.State != state {
		if _, err := events.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func serveDesk(t *testing.T, socket string, desk control.Agent) {
	t.Helper()
	l, err := control.Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- control.Serve(ctx, l, desk, "test", slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() { stop(); <-served })
}

// sitting is a desk with a state of the test's.
type sitting struct {
	control.Agent
	state agent.State
}

func (s sitting) State() agent.State         { return s.state }
func (s sitting) Refused() map[string]uint64 { return s.state.Refused }

func withDesk(t *testing.T, edit func(*agent.State)) Options {
	o := options(t, nobody(t))
	s := agent.NewState()
	s.Registration = agent.RegistrationState{State: "registered", AOR: o.Config.Account.AOR}
	edit(&s)
	serveDesk(t, o.Socket, sitting{state: s})
	return o
}
