package sip

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/sip/message"
)

const movedIP = "10.7.0.9"

// everywhere listens on all addresses, as a phone on a laptop does.
func everywhere(c *Config, _ *Account) {
	c.Listen = []Listen{{"udp", ":5060"}, {"tcp", ":5060"}}
}

// overBoth tells a story over UDP and over TCP.
func overBoth(t *testing.T, tell func(b *bed, kind setup)) {
	for _, kind := range []string{"udp", "tcp"} {
		t.Run(kind, func(t *testing.T) {
			story(t, func(b *bed) {
				tell(b, func(c *Config, a *Account) {
					everywhere(c, a)
					a.Transport = kind
				})
			})
		})
	}
}

// move takes the agent's machine to another network; without addresses to none.
func (b *bed) move(ips ...string) {
	if b.laptop == nil {
		b.laptop = b.net.Host(agentIP)
	}
	b.laptop.SetAddrs(ips...)
}

// boundAt are the hosts of what is bound, in order.
func (r *registrar) boundAt() []string {
	var hosts []string
	r.look(func() {
		for contact := range r.bound {
			hosts = append(hosts, uri(contact).Host)
		}
	})
	slices.Sort(hosts)
	return hosts
}

func TestMove_RegistersFromTheNewAddress(t *testing.T) {
	overBoth(t, func(b *bed, kind setup) {
		r := b.registrar(pbxIP)
		l := b.line(kind)
		b.pass(20 * time.Second)
		r.forget()
		b.move(movedIP)
		b.pass(watchEvery + time.Second)
		l.is(Registered, "")
		if got := r.boundAt(); !slices.Equal(got, []string{movedIP}) {
			t.Errorf("bound at %v", got)
		}
		sent := r.registers()
		if len(sent) != 1 {
			t.Fatalf("%d REGISTERs after the move, want one", len(sent))
		}
		if via, _ := message.TopVia(sent[0].req); via.Host != movedIP {
			t.Errorf("Via %s", via)
		}
		b.pass(time.Minute)
		if n := len(r.registers()); n != 1 {
			t.Errorf("%d REGISTERs within a minute", n)
		}
	})
}

func TestMove_WithoutNetworkForAWhile(t *testing.T) {
	overBoth(t, func(b *bed, kind setup) {
		r := b.registrar(pbxIP)
		l := b.line(kind)
		b.pass(20 * time.Second)
		b.move()
		b.pass(2 * watchEvery)
		l.is(Failed, "is this machine connected to a network?")
		if l.status().NextTry.IsZero() {
			t.Error("no next try")
		}
		b.pass(5 * time.Minute)
		b.move(movedIP)
		b.pass(watchEvery + time.Second)
		l.is(Registered, "")
		if got := r.boundAt(); !slices.Contains(got, movedIP) {
			t.Errorf("bound at %v", got)
		}
		if n := l.lost(); n != 1 {
			t.Errorf("told lost %d times", n)
		}
	})
}

func TestMove_StartsWithoutNetwork(t *testing.T) {
	overBoth(t, func(b *bed, kind setup) {
		r := b.registrar(pbxIP)
		b.move()
		l := b.line(func(c *Config, a *Account) {
			kind(c, a)
			c.Network = b.laptop
		})
		l.is(Failed, "no way to 10.0.0.1:5060")
		b.pass(10 * time.Minute)
		l.is(Failed, "")
		b.move(movedIP)
		b.pass(watchEvery + time.Second)
		l.is(Registered, "")
		if got := r.boundAt(); !slices.Equal(got, []string{movedIP}) {
			t.Errorf("bound at %v", got)
		}
	})
}

// The name of the PBX is not known without a network either.
func TestMove_StartsWithoutNetworkAndDNS(t *testing.T) {
	overBoth(t, func(b *bed, kind setup) {
		b.registrar(pbxIP)
		b.move()
		found := names{}
		l := b.line(func(c *Config, a *Account) {
			kind(c, a)
			c.Network, c.Resolver = b.laptop, &zone{names: found}
			a.AOR, a.Registrar = uri("sip:1001@pbx.test"), uri("sip:pbx.test")
		})
		b.pass(5 * time.Minute)
		l.is(Failed, "is this machine connected to a network?")
		found["pbx.test"] = []string{pbxIP}
		b.move(movedIP)
		b.pass(watchEvery + time.Second)
		l.is(Registered, "")
	})
}

// The answer to a REGISTER goes to an address that is gone.
func TestMove_WhileARegisterIsOut(t *testing.T) {
	overBoth(t, func(b *bed, kind setup) {
		r := b.registrar(pbxIP)
		l := b.line(kind)
		b.pass(20 * time.Second)
		l.do(l.reg.Refresh)
		b.pass(7 * time.Millisecond) // it is there, and its answer is on the way
		b.move(movedIP)
		b.pass(10 * time.Second)
		l.is(Registered, "")
		if got := r.boundAt(); !slices.Equal(got, []string{movedIP}) {
			t.Errorf("bound at %v", got)
		}
	})
}

// What a NAT made of our address in the old network means nothing in the new one.
func TestMove_ForgetsWhatANATMadeOfTheOldAddress(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		l := b.line(everywhere)
		b.pass(5 * time.Second)
		l.do(func() { l.UA.public[l.account] = netip.MustParseAddrPort("203.0.113.7:4711") })
		b.move(movedIP)
		b.pass(watchEvery + time.Second)
		if got := r.boundAt(); !slices.Equal(got, []string{movedIP}) {
			t.Errorf("bound at %v", got)
		}
	})
}

// A machine in two networks follows its route to the PBX, and leaves what was bound
// to one address alone.
func TestMove_FixedListenerStays(t *testing.T) {
	story(t, func(b *bed) {
		r := b.registrar(pbxIP)
		l := b.line()
		r.forget()
		b.move("10.0.0.22", agentIP)
		b.pass(30 * time.Second)
		l.is(Registered, "")
		if got := r.boundAt(); !slices.Equal(got, []string{agentIP}) || len(r.registers()) != 0 {
			t.Errorf("bound at %v after %d REGISTERs", got, len(r.registers()))
		}
	})
}

// mover is an agent that tells the far end of a move.
func (b *bed) mover(opts ...setup) *agent {
	a := b.agent(agentIP, "1001", opts...)
	a.on = func(s *Session, e Event) {
		if moved, ok := e.(AddressChanged); ok {
			_ = s.Reinvite([]byte("offer from " + moved.Local.String()))
		}
	}
	return a
}

// found has the peer send to where the agent is now.
func (p *peer) found(req *message.Request) {
	if c, ok := contactOf(req); ok {
		p.target = c.String()
		p.to = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(c.HostPort()))
	}
}

func TestMove_ACallTellsTheFarEnd(t *testing.T) {
	for _, side := range []string{"called", "calling"} {
		t.Run(side, func(t *testing.T) {
			story(t, func(b *bed) {
				a, p := b.mover(everywhere), b.peer(pbxIP)
				if side == "called" {
					p.answered(a)
				} else {
					p.answers(a)
				}
				a.saw(a.events...)
				b.move()
				b.pass(10 * time.Second)
				p.silent(10 * time.Second)
				b.move(movedIP)
				b.pass(watchEvery)
				again := p.request("INVITE")
				if c, _ := contactOf(again); c.Host != movedIP || c.Port != 5060 {
					t.Errorf("Contact %s", c)
				}
				if via, _ := message.TopVia(again); via.Host != movedIP {
					t.Errorf("Via %s", via)
				}
				p.found(again)
				p.reply(again, 200, "", "answer")
				p.request("ACK")
				a.saw("sip.AddressChanged", "answer answer")
				b.pass(time.Minute)
				p.silent(time.Second)
				p.remote = message.Value(again, "From")
				p.seq = 100
				p.ask("BYE")
				p.response(200)
				a.saw("ended completed 0")
				a.empty()
			})
		})
	}
}

// Over TCP the connection is gone with the address: what waits for an answer on it is
// made again over a new one.
func TestMove_AReinviteThatWaitedOnAConnectionIsMadeAgain(t *testing.T) {
	story(t, func(b *bed) {
		a := b.mover(everywhere, overTCP)
		ln, err := b.net.Host(pbxIP).Listen(context.Background(), "tcp", pbxIP+":5060")
		if err != nil {
			t.Fatal(err)
		}
		b.ends = append(b.ends, func() { ln.Close() })
		accept := func() *peer {
			c, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			p := b.newPeer(pbxIP)
			p.serve(c)
			return p
		}
		var s *Session
		a.do(func() {
			s, _ = a.Invite(InviteOptions{Account: a.account, To: uri("sip:peer@" + pbxIP), Offer: []byte("offer")}, a)
		})
		p := accept()
		p.reply(p.request("INVITE"), 200, "Contact: <sip:peer@"+pbxIP+":5060;transport=tcp>", "", "answer")
		p.request("ACK")
		a.saw("answered answer")
		a.must(func() error { return s.Reinvite([]byte("hold")) })
		p.request("INVITE")
		b.move(movedIP)
		b.pass(watchEvery)
		a.saw("refused 408", "sip.AddressChanged")
		p = accept()
		p.request("ACK") // of a 2xx that may have been sent to where we were
		again := p.request("INVITE")
		if c, _ := contactOf(again); c.Host != movedIP || string(again.Body()) != "offer from "+movedIP {
			t.Errorf("Contact %s, body %s", c, again.Body())
		}
		p.reply(again, 200, "", "answer")
		p.request("ACK")
		a.saw("answer answer")
		a.must(func() error { return s.Hangup(ReasonHeader{}) })
		p.reply(p.request("BYE"), 200)
		b.pass(time.Second)
	})
}

// An answer to an INVITE would go to the old address: nobody shall take a call that
// has nobody at the other end.
func TestMove_ACallThatRingsIsCancelled(t *testing.T) {
	overBoth(t, func(b *bed, kind setup) {
		a := b.mover(kind)
		p := b.peer(pbxIP)
		ln, err := b.net.Host(pbxIP).Listen(context.Background(), "tcp", pbxIP+":5060")
		if err != nil {
			t.Fatal(err)
		}
		b.ends = append(b.ends, func() { ln.Close() })
		connected := func() {
			if a.account.Transport == "udp" {
				return
			}
			c, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			p = b.newPeer(pbxIP)
			p.serve(c)
		}
		a.invite("sip:peer@" + pbxIP)
		connected()
		p.reply(p.request("INVITE"), 180)
		b.pass(time.Second)
		a.saw("progressed 180")
		b.move(movedIP)
		connected()
		cancel := p.request("CANCEL")
		if !strings.Contains(message.Value(cancel, "Reason"), "address has changed") {
			t.Errorf("Reason %q", message.Value(cancel, "Reason"))
		}
		p.reply(cancel, 200)
		b.pass(5 * time.Second)
		a.saw("ended network 0")
		b.pass(40 * time.Second)
		a.empty()
	})
}

// The ACK of our answer cannot find us where we were.
func TestMove_BetweenAnswerAndACK(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.mover(everywhere), b.peer(pbxIP)
		a.invited = func(s *Session) { _ = s.Answer([]byte("answer")) }
		p.invite("", "offer")
		p.response(200)
		b.move(movedIP)
		for {
			if c, _ := contactOf(p.response(200)); c.Host == movedIP {
				p.to = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(c.HostPort()))
				break
			}
		}
		p.ack()
		b.pass(time.Second)
		a.saw("invited", "sip.AddressChanged", "confirmed")
		p.ask("BYE")
		p.response(200)
	})
}

// A change that cannot be sent counts as refused with 503 (RFC 3261 8.1.3.1), and the
// call goes on: 12.2.1.2 ends it for 481 and 408 only.
func TestMove_AReinviteWithoutANetworkDoesNotEndTheCall(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.mover(everywhere), b.peer(pbxIP)
		s := p.answered(a)
		b.move()
		a.must(func() error { return s.Reinvite([]byte("hold")) })
		b.pass(time.Second)
		a.saw("invited", "confirmed", "refused 503")
		b.move(agentIP)
		b.pass(time.Second)
		a.must(func() error { return s.Reinvite([]byte("hold")) })
		again := p.request("INVITE")
		p.reply(again, 200, "", "held")
		p.request("ACK")
		a.saw("answer held")
	})
}

// The agent hangs up while there is no network: the far end hears of it when there is.
func TestMove_AHangUpWithoutANetworkIsSaidLater(t *testing.T) {
	story(t, func(b *bed) {
		a, p := b.mover(everywhere), b.peer(pbxIP)
		s := p.answered(a)
		b.move()
		a.must(func() error { return s.Hangup(ReasonHeader{}) })
		a.saw("invited", "confirmed", "ended completed 0")
		b.pass(10 * time.Second)
		p.silent(time.Second)
		b.move(movedIP)
		p.to = net.UDPAddrFromAddrPort(netip.MustParseAddrPort(movedIP + ":5060"))
		p.reply(p.request("BYE"), 200)
		b.pass(time.Second)
		a.empty()
		p.silent(time.Minute)

		p.target = "sip:1001@" + movedIP + ":5060"
		s = p.answered(a)
		b.move()
		a.must(func() error { return s.Hangup(ReasonHeader{}) })
		b.pass(40 * time.Second)
		a.empty()
	})
}
