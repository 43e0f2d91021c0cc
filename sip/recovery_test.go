package sip

import (
	"fmt"
	"testing"
	"time"

	"ringback/sip/message"
	"ringback/sip/transport"
)

func overTCP(_ *Config, a *Account) { a.Transport = "tcp" }

func TestRegistrationSurvivesAPBXRestart(t *testing.T) {
	for _, kind := range []string{"udp", "tcp"} {
		for _, down := range []time.Duration{10 * time.Millisecond, 5 * time.Second, 20 * time.Second, 3 * time.Minute} {
			t.Run(fmt.Sprintf("%s down for %v", kind, down), func(t *testing.T) {
				story(t, func(b *bed) {
					r := b.registrar(pbxIP)
					secured(r)
					l := b.line(func(_ *Config, a *Account) { a.Transport = kind })
					b.pass(7 * time.Minute)
					l.is(Registered, "")
					r.restart(down)
					for begin := time.Now(); !r.holds(); b.pass(100 * time.Millisecond) {
						if time.Since(begin) > 31*time.Second {
							t.Fatalf("the restarted PBX does not know us after 31 s: %+v", l.status())
						}
					}
					b.pass(time.Second)
					l.is(Registered, "")
					if n := l.lost(); n != 1 && down > 20*time.Second {
						t.Errorf("told as lost %d times", n)
					}
				})
			})
		}
	}
}

func TestConformance_T36_DeadFlow(t *testing.T) {
	t.Run("closed by the server", func(t *testing.T) {
		story(t, func(b *bed) {
			r := b.registrar(pbxIP)
			secured(r)
			l := b.line(overTCP)
			r.forget()
			begin := time.Now()
			r.look(func() { r.tr.CloseFlow(r.flows[0]) })
			b.pass(100 * time.Millisecond)
			l.is(Failed, "the connection to")
			if l.lost() != 1 {
				t.Errorf("told as lost %d times", l.lost())
			}
			l.back(2 * time.Second)
			if d := r.registers()[0].at.Sub(begin); d < 400*time.Millisecond || d > 1200*time.Millisecond {
				t.Errorf("came back after %v", d)
			}
		})
	})
	t.Run("silent, without pongs", func(t *testing.T) {
		story(t, func(b *bed) {
			r := b.registrar(pbxIP)
			l := b.line(overTCP)
			b.net.Host(r.ip).SetDown(true)
			b.pass(24 * time.Second)
			if l.lost() != 1 {
				t.Errorf("told as lost %d times in 24 s", l.lost())
			}
			b.net.Host(r.ip).SetDown(false)
			l.back(30 * time.Second)
		})
	})
	t.Run("silent, with pongs", func(t *testing.T) {
		story(t, func(b *bed) {
			r := b.registrar(pbxIP)
			r.headers = []Header{{Name: "Require", Value: "outbound"}}
			l := b.line(overTCP)
			b.pass(time.Minute)
			r.look(func() {
				for _, s := range r.seen {
					if s.req.Method == message.OPTIONS {
						t.Error("OPTIONS where CRLF would do")
					}
				}
			})
			b.net.Host(r.ip).SetDown(true)
			b.pass(30 * time.Second)
			if l.lost() != 1 {
				t.Errorf("told as lost %d times in 30 s", l.lost())
			}
			b.net.Host(r.ip).SetDown(false)
			l.back(30 * time.Second)
		})
	})
}

func TestRegistrationNoticesADeadPBXOverUDP(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		l := b.line()
		b.net.Host(r.ip).SetDown(true)
		b.pass(24 * time.Second)
		if l.lost() != 1 {
			t.Errorf("told as lost %d times in 24 s", l.lost())
		}
		b.net.Host(r.ip).SetDown(false)
		l.back(30 * time.Second)
	})
}

func TestRegistrationSurvivesAClockJump(t *testing.T) {
	for _, row := range []struct {
		kind  string
		sleep time.Duration
	}{{"udp", time.Minute}, {"udp", 2 * time.Hour}, {"udp", -time.Hour}, {"tcp", 2 * time.Hour}} {
		t.Run(fmt.Sprintf("%s %v", row.kind, row.sleep), func(t *testing.T) {
			story(t, func(b *bed) {
				r := b.registrar(pbxIP)
				l := b.line(func(_ *Config, a *Account) { a.Transport = row.kind })
				r.forget()
				// The machine's monotonic clock stood still, the PBX's did not.
				r.look(func() { clear(r.bound) })
				l.do(func() { l.offset += row.sleep })
				b.pass(7 * time.Second)
				if !r.holds() {
					t.Error("not bound 7 s after the machine woke")
				}
				l.back(time.Second)
				if e := l.status().Expires.Sub(time.Now().Add(l.offset)); e < 280*time.Second || e > 300*time.Second {
					t.Errorf("expires in %v by the wall clock", e)
				}
				b.pass(time.Minute)
				if n := len(r.registers()); n > 3 {
					t.Errorf("%d REGISTERs", n)
				}
				r.look(func() {
					if n := len(r.flows); row.kind == "tcp" && n != 1 {
						t.Errorf("%d connections: the one that was alive was given up", n)
					}
				})
			})
		})
	}
}

// After a sleep a connection is asked for a sign of life before anything is sent on it: one
// that is dead is told at once, and not when a REGISTER has timed out.
func TestRegistrationFindsAConnectionDeadAfterASleep(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		l := b.line(overTCP)
		b.net.Host(r.ip).SetDown(true)
		l.do(func() { l.offset += 2 * time.Hour })
		b.pass(8 * time.Second)
		if l.lost() != 1 {
			t.Errorf("told as lost %d times in 8 s", l.lost())
		}
		b.net.Host(r.ip).SetDown(false)
		l.back(30 * time.Second)
		r.look(func() {
			if n := len(r.flows); n != 2 {
				t.Errorf("%d connections, want a second one in place of the dead", n)
			}
		})
	})
}

func TestConformance_T39_FailoverAndReturn(t *testing.T) {
	for name, down := range map[string]func(*bed, *registrar){
		"refused": func(b *bed, r *registrar) { r.stop(); r.stop = func() {}; b.net.Host(r.ip).Kill() },
		"silent":  func(b *bed, r *registrar) { b.net.Host(r.ip).SetDown(true) },
		"503":     func(_ *bed, r *registrar) { r.refuse(503) },
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(b *bed) {
				first, second := b.registrar(pbxIP), b.registrar(otherIP)
				down(b, first)
				l := b.line(overTCP, func(c *Config, a *Account) {
					c.Resolver = &zone{srv: map[string][]SRV{"_sip._tcp.pbx.test": {
						{Priority: 1, Weight: 1, Port: 5060, Target: "one.test"}, {Priority: 2, Weight: 1, Port: 5060, Target: "two.test"}}},
						names: names{"one.test": {pbxIP}, "two.test": {otherIP}}}
					a.AOR, a.Registrar = uri("sip:1001@pbx.test"), uri("sip:pbx.test")
				})
				l.back(10 * time.Second)
				if !second.holds() {
					t.Error("not bound at the second server")
				}
				branches := map[string]bool{}
				for _, s := range append(first.seenNow(), second.seenNow()...) {
					via, _ := message.TopVia(s.req)
					if branches[via.Branch()] {
						t.Error("a branch was used for two servers")
					}
					branches[via.Branch()] = true
				}
				var addr transport.Target
				l.do(func() { addr = l.reg.server })
				if addr.Addr.Addr().String() != otherIP {
					t.Errorf("bound at %v", addr)
				}
			})
		})
	}
}

func (r *registrar) seenNow() []seen { return r.seen }
