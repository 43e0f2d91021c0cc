package agent

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/internal/turnserver"
	"ringback/media"
)

const turnIP = "10.0.0.99"

// relayed is a bed whose agent sends by a TURN server only, and whose PBX speaks ICE.
func relayed(t *testing.T, password string, fn func(b *bed, server *turnserver.Server, around *int)) {
	synctest.Test(t, func(t *testing.T) {
		b := newLabBed(t, "", lab.Config{Security: media.Security{ICE: true}})
		defer b.close()
		server := b.serveTURN()
		defer server.Close()
		around := 0
		b.net.Tap(func(p simnet.Packet) {
			from, to := p.From.Addr().String(), p.To.Addr().String()
			if p.Network == "udp" && from == agentIP && to == labIP && p.To.Port() != b.lab.Addr("udp").Port() {
				around++
			}
		})
		cfg := testConfig()
		m := &cfg.Media
		m.ICE, m.ICEServers, m.ICEPolicy, m.TURNUsername, m.TURNPassword = true, []string{"turn:" + turnIP}, "relay", "agent", Secret(password)
		b.agent = b.run(cfg, "1001", agentIP)
		b.wait(RegistrationRegistered)
		fn(b, server, &around)
		b.holds()
	})
}

func (b *bed) serveTURN() *turnserver.Server {
	b.t.Helper()
	server, err := turnserver.Start(turnserver.Config{Network: b.net.Host(turnIP), Address: netip.MustParseAddrPort(turnIP + ":3478"), Username: "agent", Password: "secret"})
	if err != nil {
		b.t.Fatal(err)
	}
	return server
}

// TestRelay_EachCallHasOne: a call out, one that comes in during it, and the one after; nothing goes
// by the agent's own address.
func TestRelay_EachCallHasOne(t *testing.T) {
	relayed(t, "secret", func(b *bed, _ *turnserver.Server, around *int) {
		_, call := b.talk()
		b.agentHears(call, 520, true)
		second := b.do("consult", map[string]any{"target": "2001"})
		b.wait(ConsultationConnected)
		b.settle()
		b.farHears("2001", micHz, true)
		if c := b.call(second.Call); c.Quality.RXPackets == 0 {
			b.t.Errorf("%+v", c)
		}
		b.do("consult-end", nil)
		b.do("resume", nil)
		time.Sleep(12 * time.Minute) // a relay lives for ten
		b.agentHears(call, 520, true)
		if *around > 0 {
			b.t.Errorf("%d datagrams went around the relay", *around)
		}
	})
}

// TestRelay_WhatIsWrongIsSaid: the phone registers all the same, and a call is refused in words.
func TestRelay_WhatIsWrongIsSaid(t *testing.T) {
	relayed(t, "wrong", func(b *bed, _ *turnserver.Server, around *int) {
		refused := b.fails("dial", map[string]any{"target": "2001"}, CodeFailed)
		if !strings.Contains(refused.Error(), "no TURN server relays for this phone") || !strings.Contains(refused.Error(), "refuses the user name") {
			b.t.Errorf("%v", refused)
		}
		time.Sleep(3 * time.Minute)
		told := 0
		for _, text := range b.happened() {
			if text == string(ErrorHappened) {
				told++
			}
		}
		if told > 1 || *around > 0 {
			b.t.Errorf("told %d times: %q; %d datagrams", told, b.happened(), *around)
		}
	})
}

// TestRelay_CallsDoNotAddUpQuestions: after many calls servers are asked as often as after one.
func TestRelay_CallsDoNotAddUpQuestions(t *testing.T) {
	relayed(t, "secret", func(b *bed, server *turnserver.Server, _ *int) {
		for range 5 {
			b.do("dial", map[string]any{"target": "2001"})
			b.wait(CallConnected)
			b.do("end", nil)
			b.do("done", nil)
		}
		b.settle()
		before := server.Allocated()
		time.Sleep(time.Hour)
		if n := server.Allocated() - before; n < 11 || n > 13 {
			b.t.Errorf("in an hour without calls %d relays were asked for, want one every 5 minutes", n)
		}
	})
}

// TestRelay_AuthoritiesAreReadAtTheStart: what is wrong with the file is said there, and not at a call.
func TestRelay_AuthoritiesAreReadAtTheStart(t *testing.T) {
	cfg := testConfig()
	cfg.Media.ICE, cfg.Media.ICEServers, cfg.Media.TURNUsername, cfg.Media.TURNPassword = true, []string{"turns:" + turnIP}, "agent", "secret"
	cfg.Account.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(cfg.Account.CAFile, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg, Deps{}); err == nil || !strings.Contains(err.Error(), "no PEM certificate in it") {
		t.Errorf("%v", err)
	}
}
