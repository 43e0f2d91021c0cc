package media

import (
	"errors"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/internal/turnserver"
	"ringback/media/sdp"
)

// mediaFrom counts what a host sends from now on but STUN.
func mediaFrom(n *simnet.Net, ip string) *atomic.Int64 {
	sent := new(atomic.Int64)
	n.Tap(func(p simnet.Packet) {
		if p.From.Addr().String() == ip && len(p.Data) > 0 && p.Data[0] > 3 {
			sent.Add(1)
		}
	})
	return sent
}

// TestRFC7675_5_1_NothingIsSentWithoutConsent: "If a valid STUN binding response matching any
// outstanding STUN request has not been received [...] for at least 30 seconds, consent MUST be
// considered expired": to a foreign peer that is gone, or that only does not hear us, nothing goes
// any more, also not while another way is looked for by a restart. When that finds one, the call
// goes on in the association that there was.
func TestRFC7675_5_1_NothingIsSentWithoutConsent(t *testing.T) {
	dead := simnet.Link{Loss: 1}
	for name, cut := range map[string]func(n *simnet.Net){
		"neither is heard": func(n *simnet.Net) { n.Partition(hereIP, thereIP, true) },
		"we are not heard": func(n *simnet.Net) { n.OneWay(hereIP, thereIP, dead) },
	} {
		t.Run(name, func(t *testing.T) {
			withBrowser(t, nil, nil, func(c *call) {
				c.begin("ours")
				c.hear("at first", true, true)
				hands, sent := c.session.hands, mediaFrom(c.net, hereIP)
				cut(c.net)
				pass(25 * time.Second)
				if sent.Load() == 0 || count[PathFailed](c.phone) != 0 {
					t.Errorf("%d sent with consent; told %+v", sent.Load(), c.told())
				}
				pass(6 * time.Second)
				sent.Store(0)
				pass(20 * time.Second)
				told := c.told()
				if at := slices.IndexFunc(told, func(e Event) bool { _, failed := e.(PathFailed); return failed }); at < 1 || told[at-1] != (TroubleChanged{Trouble: PathLost}) {
					t.Errorf("the trouble is not told at once, but may be over before the next look: %+v", told)
				}
				if got := sent.Load(); got != 0 || count[PathFailed](c.phone) != 1 || c.session.troubles.now != PathLost || c.session.RemoteAddr().IsValid() {
					t.Errorf("%d sent without consent, to %v, in trouble %v; told %+v", got, c.session.RemoteAddr(), c.session.troubles.now, c.told())
				}
				must(t, c.session.RestartPath())
				c.offers(sdp.SendRecv, nil)
				pass(2 * time.Second) // checks go on for three
				if got := sent.Load(); got != 0 {
					t.Errorf("%d sent while no other way is found", got)
				}
				c.net.Partition(hereIP, thereIP, false)
				c.net.OneWay(hereIP, thereIP, simnet.Link{})
				pass(5 * time.Second)
				if !c.hears(850) || !c.peer.Hears(440) || c.session.hands != hands || count[PathFound](c.phone) != 1 || c.session.troubles.now != NoTrouble {
					t.Errorf("they hear %v %v, the same association %v, in trouble %v; told %+v", c.hears(850), c.peer.Hears(440), c.session.hands == hands, c.session.troubles.now, c.told())
				}
			})
		})
	}
}

// TestRestartPath_FindsNoWay: a restart that finds none is told as a loss that lasts, however often.
func TestRestartPath_FindsNoWay(t *testing.T) {
	withBrowser(t, nil, nil, func(c *call) {
		c.begin("ours")
		c.hear("at first", true, true)
		c.net.Partition(hereIP, thereIP, true)
		pass(32 * time.Second)
		for n := 2; n < 4; n++ {
			must(t, c.session.RestartPath())
			offer, err := c.session.CreateOffer(sdp.SendRecv)
			must(t, err)
			if err := c.session.RestartPath(); !errors.Is(err, ErrOfferPending) {
				t.Errorf("a restart while an offer is out: %v", err)
			}
			answer, err := c.peer.Answer(offer)
			must(t, err)
			must(t, c.session.AcceptAnswer(answer, false))
			pass(20 * time.Second)
			last := c.told()[len(c.told())-1]
			if lost, ok := last.(PathFailed); !ok || !lost.Lost || count[PathFailed](c.phone) != n {
				t.Errorf("told last %+v, of %d failures", last, count[PathFailed](c.phone))
			}
		}
	})
}

// TestLostPath_ThePeerLeavesICE: who does not speak ICE any more is sent to where its SDP says.
func TestLostPath_ThePeerLeavesICE(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := speaking(t, n, walking(t))
		defer a.close()
		defer b.close()
		n.Partition(hereIP, thereIP, true)
		pass(32 * time.Second)
		n.Partition(hereIP, thereIP, false)
		pass(5 * time.Second)
		if a.hears(850) || b.hears(440) {
			t.Errorf("without consent they hear %v %v", a.hears(850), b.hears(440))
		}
		offer, err := b.session.CreateOffer(sdp.SendRecv)
		must(t, err)
		answer, err := a.session.AcceptOffer(withoutICE(offer), sdp.SendRecv)
		must(t, err)
		must(t, b.session.AcceptAnswer(withoutICE(answer), false))
		pass(2 * time.Second)
		if !a.hears(850) || !b.hears(440) || count[PathFound](a)+count[PathFound](b) != 2 {
			t.Errorf("without ICE they hear %v %v; told %+v %+v", a.hears(850), b.hears(440), a.told(), b.told())
		}
	})
}

// TestRestartPath_TakesAnotherRelay: the TURN server that the call goes by dies; a restart finds
// the other one.
func TestRestartPath_TakesAnotherRelay(t *testing.T) {
	const otherIP = "192.0.2.201"
	story(t, func(t *testing.T, n *simnet.Net) {
		ways := Ways{RelayOnly: true}
		for _, ip := range []string{turnIP, otherIP} {
			server, err := turnserver.Start(turnserver.Config{Network: n.Host(ip), Address: netip.MustParseAddrPort(ip + ":3478"), Username: "agent", Password: "secret"})
			must(t, err)
			defer server.Close()
			ways.Servers = append(ways.Servers, Server{URL: "turn:" + ip, Username: "agent", Password: "secret"})
		}
		a := newPhone(t, n, hereIP, walking(t), func(c *SessionConfig) { c.Ways = ways })
		b := newPhone(t, n, thereIP, walking(t))
		defer b.close()
		defer a.close()
		a.gathered(t)
		connect(t, a, b)
		a.tone(440)
		b.tone(850)
		pass(2 * time.Second)
		first := b.session.RemoteAddr().Addr().String()
		if !a.hears(850) || !b.hears(440) || first != turnIP && first != otherIP {
			t.Fatalf("they hear %v %v by %s", a.hears(850), b.hears(440), first)
		}
		n.Partition(first, hereIP, true)
		n.Partition(first, thereIP, true)
		pass(32 * time.Second)
		if count[PathFailed](a) != 1 {
			t.Errorf("told %+v", a.told())
		}
		must(t, a.session.RestartPath())
		pass(8 * time.Second)
		if done, err := a.session.PathGathered(); !done || err != nil {
			t.Errorf("gathered %v %v", done, err)
		}
		connect(t, a, b)
		pass(3 * time.Second)
		if second := b.session.RemoteAddr().Addr().String(); !a.hears(850) || !b.hears(440) || second == first || second != turnIP && second != otherIP {
			t.Errorf("they hear %v %v by %s, after %s; told %+v", a.hears(850), b.hears(440), second, first, a.told())
		}
	})
}
