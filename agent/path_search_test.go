package agent

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/internal/turnserver"
	"ringback/media"
)

const turnIP2 = "10.0.0.98"

// searching runs fn in a call whose media goes by one of two TURN servers, via. restarts counts
// the offers of the agent that name other ICE credentials than the one before.
func searching(t *testing.T, fn func(b *bed, call CallID, via string, restarts *int)) {
	synctest.Test(t, func(t *testing.T) {
		b := newLabBed(t, "", lab.Config{Security: media.Security{ICE: true}})
		defer b.close()
		for _, ip := range []string{turnIP, turnIP2} {
			server, err := turnserver.Start(turnserver.Config{Network: b.net.Host(ip), Address: netip.MustParseAddrPort(ip + ":3478"), Username: "agent", Password: "secret"})
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
		}
		via, restarts := "", b.countRestarts()
		b.net.Tap(func(p simnet.Packet) {
			if p.Network == "udp" && p.To.Addr().String() == labIP && p.From.Addr().String() != agentIP {
				via = p.From.Addr().String()
			}
		})
		cfg := testConfig()
		m := &cfg.Media
		m.ICE, m.ICEServers, m.ICEPolicy, m.TURNUsername, m.TURNPassword = true, []string{"turn:" + turnIP, "turn:" + turnIP2}, "relay", "agent", "secret"
		b.agent = b.run(cfg, "1001", agentIP)
		b.wait(RegistrationRegistered)
		_, call := b.talk()
		b.agentHears(call, 520, true)
		*restarts = 0
		fn(b, call, via, restarts)
		b.do("end", nil)
		b.holds()
	})
}

// countRestarts counts re-INVITEs of the agent's with other ICE credentials than before.
func (b *bed) countRestarts() *int {
	restarts, last := new(int), ""
	b.net.Tap(func(p simnet.Packet) {
		text := string(p.Data)
		_, ufrag, ice := strings.Cut(text, "a=ice-ufrag:")
		if !ice || p.From.Addr().String() != agentIP || !strings.HasPrefix(text, "INVITE ") {
			return
		}
		if ufrag, _, _ = strings.Cut(ufrag, "\r\n"); ufrag != last {
			*restarts, last = *restarts+1, ufrag
		}
	})
	return restarts
}

// isLost waits until the agent is told that the path is lost, and looks at what the call shows.
func (b *bed) isLost(call CallID, cut time.Time) {
	b.t.Helper()
	e := b.wait(MediaSilent)
	for !strings.HasPrefix(e.Text, media.PathLost.String()) {
		e = b.wait(MediaSilent)
	}
	if q := b.call(call).Quality; time.Since(cut) > 31*time.Second || !q.Troubled || q.TroubleName != "path-lost" {
		b.t.Errorf("told after %v, and the call shows %+v", time.Since(cut), q)
	}
}

// TestStory_LostPath_AnotherRelayIsFound: the TURN server that a call goes by dies; the call goes
// on by the other one, on hold as well. It is as soon found the next time.
func TestStory_LostPath_AnotherRelayIsFound(t *testing.T) {
	for _, held := range []bool{false, true} {
		searching(t, func(b *bed, call CallID, via string, restarts *int) {
			if held {
				b.do("hold", nil)
				b.wait(CallHeld)
				*restarts = 0 // the first INVITE of ours in this call
			}
			dies := func(ip string, dead bool) {
				b.net.Partition(ip, agentIP, dead)
				b.net.Partition(ip, labIP, dead)
			}
			for _, other := range []string{map[string]string{turnIP: turnIP2, turnIP2: turnIP}[via], via} {
				gone := map[string]string{turnIP: turnIP2, turnIP2: turnIP}[other]
				cut := time.Now()
				dies(gone, true)
				b.isLost(call, cut)
				e := b.wait(MediaQuality)
				for e.Text != media.NoTrouble.String() {
					e = b.wait(MediaQuality)
				}
				if took := time.Since(cut); took > 32*time.Second {
					t.Errorf("found after %v", took)
				}
				b.passes(20 * time.Second)
				dies(gone, false)
			}
			if held {
				b.do("resume", nil)
			}
			b.passes(2 * time.Second)
			b.agentHears(call, 520, true)
			b.passes(30 * time.Second)
			if *restarts != 2 || b.call(call).Quality.Troubled {
				t.Errorf("%d restarts, and the call shows %+v", *restarts, b.call(call).Quality)
			}
		})
	}
}

// TestStory_LostPath_TheSearchHasAnEnd: where no way is found while the PBX is there, four are
// looked for, and the agent is told so; the call is his to end. When the PBX was away and is back
// the search begins once more.
func TestStory_LostPath_TheSearchHasAnEnd(t *testing.T) {
	for name, row := range map[string]struct {
		cut      string // off from the TURN servers
		restarts int
	}{"no check is answered": {labIP, len(searchPauses)}, "no server relays": {agentIP, 0}} {
		t.Run(name, func(t *testing.T) {
			searching(t, func(b *bed, call CallID, _ string, restarts *int) {
				cut := time.Now()
				for _, ip := range []string{turnIP, turnIP2} {
					b.net.Partition(ip, row.cut, true)
				}
				b.isLost(call, cut)
				told := b.wait(ErrorHappened).Text
				for ; !strings.Contains(told, "no other path to the other side was found in 4 tries"); told = b.wait(ErrorHappened).Text {
					if !strings.Contains(told, "TURN server") || strings.Contains(told, "change the call") { // of the next call's
						t.Errorf("told %q", told)
					}
				}
				if took := time.Since(cut); took < 80*time.Second || took > 150*time.Second {
					t.Errorf("given up after %v", took)
				}
				b.passes(3 * time.Minute)
				if *restarts != row.restarts || b.call(call).State != CallPhaseConnected {
					t.Errorf("%d restarts; the call is %s", *restarts, b.call(call).State)
				}
				for _, ip := range []string{turnIP, turnIP2} {
					b.net.Partition(ip, row.cut, false)
				}
				b.passes(5 * time.Second)
				b.agentHears(call, 520, false)
				b.on(func(a *Agent) { a.lookAfterCalls() })
				b.passes(5 * time.Second)
				b.agentHears(call, 520, true)
			})
		})
	}
}

// TestStory_LostPath_TheNetworkIsAway: while the PBX is silent, too, nothing is offered, which
// would end the call; when the network is whole again the call goes on.
func TestStory_LostPath_TheNetworkIsAway(t *testing.T) {
	story(t, func(c *Config, l *lab.Config) {
		c.Media.ICE, l.Security = true, media.Security{ICE: true}
	}, func(b *bed) {
		restarts := b.countRestarts()
		b.do("dial", map[string]any{"target": contact})
		call := b.wait(CallConnected).Call
		b.passes(2 * time.Second)
		b.agentHears(call, lab.ContactHz, true)
		*restarts = 0
		cut := time.Now()
		b.net.Partition(agentIP, labIP, true)
		b.isLost(call, cut)
		b.passes(2 * time.Minute)
		if *restarts != 0 || b.call(call).State != CallPhaseConnected {
			t.Errorf("%d restarts without a PBX; the call is %s", *restarts, b.call(call).State)
		}
		b.net.Partition(agentIP, labIP, false)
		b.wait(RegistrationRegistered)
		b.passes(5 * time.Second)
		b.agentHears(call, lab.ContactHz, true)
		b.farHears(contact, micHz, true)
		b.passes(15 * time.Second) // the far end reports what it missed
		if *restarts != 1 || b.call(call).Quality.Troubled {
			t.Errorf("%d restarts; the call shows %+v", *restarts, b.call(call).Quality)
		}
	})
}
