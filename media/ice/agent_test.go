package ice

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestAgents_FindEachOther: two agents over a wire find the pair, and the one learns an
// address that no SDP named.
func TestAgents_FindEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there, mapped := netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("192.0.2.2:5000"), netip.MustParseAddrPort("192.0.2.9:6000")
		var a, b *Agent
		foundA, foundB := make(chan netip.AddrPort, 10), make(chan netip.AddrPort, 10)
		failed := func(err error) { t.Error(err) }
		a = newAgent(t, Config{Local: here, Failed: failed, Selected: func(p Pair) { foundA <- p.Remote },
			Send: func(p []byte, to netip.AddrPort) {
				if to == there {
					b.Receive(p, mapped) // a translator on the way
				}
			}})
		defer a.Close()
		b = newAgent(t, Config{Local: there, Failed: failed, Selected: func(p Pair) { foundB <- p.Remote },
			Send: func(p []byte, to netip.AddrPort) {
				if to == mapped {
					a.Receive(p, there)
				}
			}})
		defer b.Close()
		begin := time.Now()
		meet(a, b, "nonsense", "2 2 udp 1 10.0.0.1 5 typ host")
		if at := <-foundA; at != there {
			t.Errorf("a sends to %s", at)
		}
		if at := <-foundB; at != mapped {
			t.Errorf("b sends to %s", at)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("took %v", d)
		}
	})
}

// TestAgent_OfRTCPTakesItsOwnCandidates: those of RTP before them, however many, do not
// count.
func TestAgent_OfRTCPTakesItsOwnCandidates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tried := make(chan netip.AddrPort, 100)
		a := newAgent(t, Config{Control: true, Local: netip.MustParseAddrPort("192.0.2.1:4001"), Failed: func(error) {}, Selected: func(Pair) {},
			Send: func(_ []byte, to netip.AddrPort) { tried <- to }})
		defer a.Close()
		list := slices.Repeat([]string{"1 1 udp 2 192.0.2.2 5000 typ host"}, MaxCandidates)
		a.Start(Remote{Ufrag: "ufrag", Pwd: "passwordpasswordpassword", Candidates: append(list, "1 2 udp 1 192.0.2.2 5001 typ host")}, true)
		select {
		case to := <-tried:
			if to.Port() != 5001 {
				t.Errorf("checks go to %s", to)
			}
		case <-time.After(time.Second):
			t.Error("it makes no check")
		}
	})
}

func newAgent(t *testing.T, cfg Config) *Agent {
	t.Helper()
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// meet has both look for each other; a, which decides, is told more candidates than b has.
func meet(a, b *Agent, more ...string) {
	synctest.Wait()
	ua, pa := a.Credentials()
	ub, pb := b.Credentials()
	a.Start(Remote{Ufrag: ub, Pwd: pb, Candidates: append(lines(b), more...)}, true)
	b.Start(Remote{Ufrag: ua, Pwd: pa, Candidates: lines(a)}, false)
}

func lines(a *Agent) []string {
	all, _ := a.Candidates()
	return all
}

func TestAgent_SaysThatThereIsNoWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 10)
		a := newAgent(t, Config{Local: netip.MustParseAddrPort("192.0.2.1:4000"), Selected: func(Pair) { t.Error("a pair") },
			Failed: func(err error) { failed <- err }, Send: func([]byte, netip.AddrPort) {}})
		defer a.Close()
		a.Start(Remote{Ufrag: "ufrag", Pwd: "passwordpasswordpassword", Candidates: []string{"1 1 udp 1 192.0.2.9 9 typ host"}}, true)
		a.Receive([]byte{0, 1, 0, 0}, netip.MustParseAddrPort("192.0.2.66:1"))
		if err := <-failed; err == nil {
			t.Error("no word of it")
		}
	})
}

// TestAgent_SaysThatTheWayIsGone: the far end answers no consent check any more (RFC 7675
// section 5.1), which is told half a minute later.
func TestAgent_SaysThatTheWayIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("192.0.2.2:5000")
		var a, b *Agent
		var cut atomic.Bool
		found, failed := make(chan Pair, 10), make(chan error, 10)
		a = newAgent(t, Config{Local: here, Failed: func(err error) { failed <- err }, Selected: func(p Pair) { found <- p },
			Send: func(p []byte, _ netip.AddrPort) {
				if !cut.Load() {
					b.Receive(p, here)
				}
			}})
		defer a.Close()
		b = newAgent(t, Config{Local: there, Failed: func(error) {}, Selected: func(Pair) {},
			Send: func(p []byte, _ netip.AddrPort) {
				if !cut.Load() {
					a.Receive(p, there)
				}
			}})
		defer b.Close()
		meet(a, b)
		<-found
		time.Sleep(time.Minute)
		if len(failed) > 0 {
			t.Fatalf("told of a way that holds: %v", <-failed)
		}
		cut.Store(true)
		begin := time.Now()
		select {
		case <-failed:
			if d := time.Since(begin); d < 20*time.Second {
				t.Errorf("told after %v", d)
			}
		case <-time.After(40 * time.Second):
			t.Error("nobody was told")
		}
	})
}

// TestAgent_OnlyAnswersAreConsent: that the far end's own checks come says nothing of whether it
// gets what is sent to it (RFC 7675 section 5.1).
func TestAgent_OnlyAnswersAreConsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("192.0.2.2:5000")
		var a, b *Agent
		var cut atomic.Bool
		var came atomic.Int64
		found, failed := make(chan Pair, 10), make(chan error, 10)
		a = newAgent(t, Config{Local: here, Failed: func(err error) { failed <- err }, Selected: func(p Pair) { found <- p },
			Send: func(p []byte, _ netip.AddrPort) {
				if !cut.Load() {
					b.Receive(p, here)
				}
			}})
		defer a.Close()
		b = newAgent(t, Config{Local: there, Failed: func(error) {}, Selected: func(Pair) {},
			Send: func(p []byte, _ netip.AddrPort) {
				if cut.Load() {
					came.Add(1)
				}
				a.Receive(p, there)
			}})
		defer b.Close()
		meet(a, b)
		<-found
		time.Sleep(time.Minute)
		cut.Store(true)
		begin := time.Now()
		<-failed
		if d := time.Since(begin); d > consentTime || d < consentTime-5*time.Second || came.Load() == 0 {
			t.Errorf("told after %v, %d checks of the far end came", d, came.Load())
		}
		time.Sleep(time.Minute)
		if len(failed) > 0 {
			t.Errorf("told again: %v", <-failed)
		}
	})
}
