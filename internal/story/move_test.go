package story

import (
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/simnet"
)

// movedIP is the agent's address in another network.
const movedIP = "10.7.0.9"

// onLaptop tells a story at the lab, over UDP and over TCP, of an agent whose
// machine moves from network to network.
func onLaptop(t *testing.T, name string, p plan, tell func(d *desk, laptop *simnet.Host)) {
	for _, kind := range []string{"udp", "tcp"} {
		t.Run(kind, func(t *testing.T) {
			p := p
			more := p.agent
			p.title += ", over " + strings.ToUpper(kind)
			p.agent = func(c *agent.Config) {
				c.Account.Bind, c.Account.Transport = "[::]:5060", kind
				if more != nil {
					more(c)
				}
			}
			ladder := name
			if ladder != "" {
				ladder += "-" + kind
			}
			atLab(t, ladder, p, func(d *desk) { tell(d, d.laptop) })
		})
	}
}

// registeredAt waits until the agent is registered at an address, and fails when
// that takes longer than promised.
func (d *desk) registeredAt(ip string) {
	d.Helper()
	began := time.Now()
	d.waitFor("the registration of "+ip, func(s agent.State) bool {
		return s.Registration.State == "registered" && strings.Contains(s.Registration.Contact, "@"+ip+":")
	})
	if took := time.Since(began); took > 30*time.Second {
		d.Errorf("registered at %s after %s", ip, took)
	}
}

// offline: the state says that there is no network, and when it is tried next.
func offline(s agent.State) bool {
	r := s.Registration
	return r.State == "failed" && strings.Contains(r.Reason, "no way to "+pbxIP) && r.NextTry != nil
}

func TestMove_TheRegistrationFollows(t *testing.T) {
	onLaptop(t, "move-registration", plan{title: "The laptop moves to another network", show: []string{"Contact"}}, func(d *desk, laptop *simnet.Host) {
		laptop.SetAddrs(movedIP)
		d.registeredAt(movedIP)
		d.pass(time.Minute)
		d.accepts()
		d.do("end", nil)
	})
}

func TestMove_WithoutANetworkForAWhile(t *testing.T) {
	onLaptop(t, "move-offline", plan{title: "The laptop loses its network, and finds another one"}, func(d *desk, laptop *simnet.Host) {
		laptop.SetAddrs()
		d.waitFor("the loss to be told", offline)
		d.refused(agent.CodeNotRegistered, "dial", args{"target": colleague})
		d.pass(90 * time.Second)
		laptop.SetAddrs(movedIP)
		d.registeredAt(movedIP)
	})
}

func TestMove_StartsWithoutANetwork(t *testing.T) {
	for _, kind := range []string{"udp", "tcp"} {
		t.Run(kind, func(t *testing.T) {
			p := plan{title: "The phone is switched on before there is a network", unregistered: true, show: []string{"Contact"}}
			p.offline = true
			p.agent = func(c *agent.Config) { c.Account.Bind, c.Account.Transport = "[::]:5060", kind }
			atLab(t, "move-start-"+kind, p, func(d *desk) {
				d.waitFor("the failure to be told", offline)
				d.pass(2 * time.Minute)
				d.begin()
				d.laptop.SetAddrs(movedIP)
				d.registeredAt(movedIP)
				d.accepts()
			})
		})
	}
}

func TestConformance_R07_TheContactsCallMovesAlong(t *testing.T) {
	onLaptop(t, "move-call", plan{title: "The laptop moves under a call", show: []string{"Contact"}}, func(d *desk, laptop *simnet.Host) {
		d.inCall()
		laptop.SetAddrs()
		d.notHeardBy(contact, agentHz)
		d.pass(3 * time.Second)
		laptop.SetAddrs(movedIP)
		began := time.Now()
		d.talks(agent.RoleMain, contact, contactHz)
		if took := time.Since(began); took > 5*time.Second {
			d.Errorf("both hear each other again after %s", took)
		}
		d.is(agent.PhaseConnected)
		d.registeredAt(movedIP)
		d.do("hold", nil)
		d.contactHeld()
		d.do("resume", nil)
		d.talks(agent.RoleMain, contact, contactHz)
		d.hangsUp(contact)
		d.is(agent.PhaseReadyToCall)
	})
}

// A machine that is in two networks at a time leaves the first without a word lost.
func TestMove_FromOneNetworkIntoTheOther(t *testing.T) {
	onLaptop(t, "move-docked", plan{title: "The laptop is put into a dock in a call"}, func(d *desk, laptop *simnet.Host) {
		d.inCall()
		laptop.SetAddrs(movedIP, agentIP)
		d.registeredAt(movedIP)
		d.pass(time.Second)
		d.talks(agent.RoleMain, contact, contactHz)
		laptop.SetAddrs(movedIP)
		d.pass(10 * time.Second)
		d.talks(agent.RoleMain, contact, contactHz)
		d.do("end", nil)
	})
}

func TestMove_AContactOnHoldStaysSo(t *testing.T) {
	onLaptop(t, "move-held", plan{title: "The laptop moves while the contact is on hold"}, func(d *desk, laptop *simnet.Host) {
		d.inCall()
		d.do("hold", nil)
		d.contactHeld()
		laptop.SetAddrs(movedIP)
		d.registeredAt(movedIP)
		d.pass(2 * time.Second)
		d.contactHeld()
		d.is(agent.PhaseOnHold)
		d.do("resume", nil)
		d.talks(agent.RoleMain, contact, contactHz)
	})
}

// Contact and colleague both follow.
func TestMove_AConferenceSurvives(t *testing.T) {
	p := plan{title: "The laptop moves under a conference"}
	for _, kind := range []string{"udp", "tcp"} {
		t.Run(kind, func(t *testing.T) {
			p.agent = func(c *agent.Config) { c.Account.Bind, c.Account.Transport = "[::]:5060", kind }
			atLab(t, "", p, func(d *desk) {
				d.inCall()
				d.do("conference", args{"target": colleague})
				d.is(agent.PhaseConference)
				d.heardBy(colleague, contactHz)
				d.laptop.SetAddrs(movedIP)
				d.registeredAt(movedIP)
				d.pass(3 * time.Second)
				for _, party := range []string{contact, colleague} {
					d.heardBy(party, agentHz)
				}
				d.heardBy(colleague, contactHz)
				d.heardBy(contact, colleagueHz)
				d.hears(agent.RoleMain, contactHz)
				d.hears(agent.RoleParty, colleagueHz)
			})
		})
	}
}

// A call that rings is given up: whoever took it would hear nobody. (That its CANCEL
// finds a PBX is told in package sip; the lab takes none from another address.)
func TestMove_WhileItRings(t *testing.T) {
	onLaptop(t, "", plan{}, func(d *desk, laptop *simnet.Host) {
		d.do("dial", args{"target": absent})
		d.is(agent.PhaseDialling)
		d.pass(5 * time.Second)
		laptop.SetAddrs(movedIP)
		d.registeredAt(movedIP)
		d.is(agent.PhaseReadyToCall)
		if in := d.interaction(); in.Result != "failed" {
			d.Errorf("the result is %q", in.Result)
		}
		if c := d.call(agent.RoleMain); c.Reason != "network" {
			d.Errorf("%+v", c)
		}
		d.pass(40 * time.Second)
		d.do("call", nil)
		d.is(agent.PhaseDialling)
	})
}
