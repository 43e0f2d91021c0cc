package story

import (
	"context"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/verdict"
	"ringback/internal/lab"
)

// TestVerdict_OfACall: for each fault that comes between a call and its far end the
// agent is told in words what is wrong, and what to do.
func TestVerdict_OfACall(t *testing.T) {
	partition := func(d *desk) { d.net.Partition(agentIP, pbxIP, true) }
	for _, fault := range []struct {
		name string
		says verdict.ID
		tell func(d *desk)
	}{
		{"the PBX was restarted under a call", verdict.CallForgotten, func(d *desk) {
			d.inCall()
			d.begin()
			d.lab.Stop(false)
			d.pass(10 * time.Second)
			if err := d.lab.Resume(context.Background()); err != nil {
				d.Fatal(err)
			}
			d.starts("hold", nil)
		}},
		{"a partition during a re-INVITE", verdict.CallSilent, func(d *desk) {
			d.inCall()
			d.begin()
			partition(d)
			d.starts("hold", nil)
		}},
		{"a partition while the call is held", verdict.CallSilent, func(d *desk) {
			d.inCall()
			d.do("hold", nil)
			d.contactHeld()
			d.begin()
			partition(d)
			d.starts("resume", nil)
		}},
		{"a partition before anything has answered", verdict.CallSilent, func(d *desk) {
			partition(d)
			d.begin()
			d.starts("dial", args{"target": colleague})
		}},
		{"a partition during a consultation's INVITE", verdict.CallSilent, func(d *desk) {
			d.inCall()
			d.do("hold", nil)
			d.contactHeld()
			d.begin()
			partition(d)
			d.starts("consult", args{"target": colleague})
		}},
		{"a partition after the REFER", verdict.CallTransfer, func(d *desk) {
			d.inCall()
			d.begin()
			d.starts("transfer", args{"target": absent})
			d.labSaw(lab.TransferStarted, "1001", 0)
			partition(d)
		}},
		{"a partition before the REFER", verdict.CallTransfer, func(d *desk) {
			d.inCall()
			d.do("hold", nil)
			d.contactHeld()
			d.begin()
			partition(d)
			d.starts("transfer", args{"target": absent})
		}},
		{"a partition while a call is up", verdict.MediaGone, func(d *desk) {
			d.inCall()
			d.begin()
			partition(d)
		}},
		{"another network while a call rings", verdict.CallMoved, func(d *desk) {
			d.do("dial", args{"target": absent})
			d.waitFor("ringing", func(s agent.State) bool { return len(s.Calls) == 1 && s.Calls[0].State == agent.CallPhaseRinging })
			d.begin()
			d.laptop.SetAddrs(movedIP)
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			p := plan{agent: func(c *agent.Config) { c.Account.Bind, c.Account.Keepalive = "[::]:5060", 0 }}
			atLab(t, "", p, func(d *desk) {
				fault.tell(d)
				d.pass(3 * time.Minute)
				d.says(strings.Join(d.words(), "\n"), fault.says)
				d.net.Partition(agentIP, pbxIP, false)
				d.pass(time.Minute)
				d.registered()
				for _, in := range d.agent.State().Interactions {
					if in.State == agent.PhaseDialling {
						d.Errorf("it still dials: %+v", in)
					}
				}
			})
		})
	}
}

func TestVerdict_CallUnconfirmed(t *testing.T) {
	atPBX(t, "", plan{}, func(d *desk, p *pbx) {
		p.invite(sdp("")...)
		p.response(180)
		d.is(agent.PhaseOffered)
		d.starts("accept", nil)
		for range 11 {
			p.response(200)
		}
		p.reply(p.request("BYE"), 200)
		d.is(agent.PhaseReadyToCall)
		d.says(strings.Join(d.words(), "\n"), verdict.CallUnconfirmed)
	})
}

// A PBX that agreed to refresh the session, and does not.
func TestVerdict_CallUnrefreshed(t *testing.T) {
	atPBX(t, "", plan{}, func(d *desk, p *pbx) {
		p.invite(append([]string{"Supported: timer", "Session-Expires: 90;refresher=uac"}, sdp("")...)...)
		p.response(180)
		d.is(agent.PhaseOffered)
		d.starts("accept", nil)
		p.response(200)
		p.ask("ACK")
		d.is(agent.PhaseConnected)
		p.reply(p.request("BYE"), 200)
		d.is(agent.PhaseReadyToCall)
		d.says(strings.Join(d.words(), "\n"), verdict.CallUnrefreshed)
	})
}
