package story

import (
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

func TestHold_NeitherSideHearsTheOther(t *testing.T) {
	atLab(t, "hold", plan{title: "Hold and resume"}, func(d *desk) {
		d.inCall()
		d.do("hold", nil)
		d.is(agent.PhaseOnHold)
		d.contactHeld()
		d.do("resume", nil)
		d.is(agent.PhaseConnected)
		d.talks(agent.RoleMain, contact, contactHz)
		d.saw("call.held", "call.resumed")
		d.do("end", nil)
	})
}

// TestRFC3261_14_1_Glare: "If a UA receives a 491 response to a re-INVITE, it
// SHOULD start a timer"; hold crossing hold settles by itself.
func TestRFC3261_14_1_Glare(t *testing.T) {
	atLab(t, "hold-glare", plan{title: "Both hold at once, and both resume"}, func(d *desk) {
		d.inCall()
		held := d.starts("hold", nil)
		d.holds(lab.HoldSendOnly)
		if err := held(); err != nil {
			t.Fatal(err)
		}
		d.waitFor("hold by both", func(s agent.State) bool { return s.Calls[0].HeldByMe && s.Calls[0].HeldByRemote })
		d.notHeardBy(contact, agentHz)
		d.deafTo(agent.RoleMain, contactHz)
		d.do("resume", nil)
		d.beat()
		if err := d.lab.Unhold(contact); err != nil {
			t.Fatal(err)
		}
		d.talks(agent.RoleMain, contact, contactHz)
		if c := d.call(agent.RoleMain); c.HeldByMe || c.HeldByRemote {
			t.Errorf("still held: %+v", c)
		}
		d.do("end", nil)
	})
}

// TestRemoteHold: each form of hold shows apart from the agent's own, and ends.
func TestRemoteHold(t *testing.T) {
	for name, form := range map[string]lab.HoldForm{"sendonly": lab.HoldSendOnly, "inactive": lab.HoldInactive, "zero": lab.HoldZero} {
		t.Run(name, func(t *testing.T) {
			atLab(t, "remote-hold-"+name, plan{title: "The far end holds and resumes"}, func(d *desk) {
				d.inCall()
				d.beat()
				d.holds(form)
				d.waitFor("hold by the far end", func(s agent.State) bool { return s.Calls[0].HeldByRemote })
				d.is(agent.PhaseConnected)
				d.notHeardBy(contact, agentHz)
				d.deafTo(agent.RoleMain, contactHz)
				d.beat()
				if err := d.lab.Unhold(contact); err != nil {
					t.Fatal(err)
				}
				d.talks(agent.RoleMain, contact, contactHz)
				d.saw("call.held-by-remote", "call.resumed-by-remote")
				d.do("end", nil)
			})
		})
	}
}

func TestLateOffer_IsAnsweredWithOurs(t *testing.T) {
	atLab(t, "late-offer", plan{title: "A callback without a session description"}, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1", LateOffer: true})
		d.is(agent.PhaseOffered)
		d.do("accept", nil)
		d.talks(agent.RoleMain, contact, contactHz)
		d.do("end", nil)
	})
}

func TestLateOffer_InsideTheCallKeepsItsHold(t *testing.T) {
	atLab(t, "late-offer-held", plan{title: "A re-INVITE without a description to a call on hold"}, func(d *desk) {
		d.inCall()
		d.do("hold", nil)
		d.contactHeld()
		d.beat()
		if err := d.lab.Reinvite(contact); err != nil {
			t.Fatal(err)
		}
		d.pass(2 * time.Second)
		d.is(agent.PhaseOnHold)
		d.contactHeld()
		d.do("resume", nil)
		d.talks(agent.RoleMain, contact, contactHz)
		d.do("end", nil)
		d.saw("call.held", "call.resumed", "call.ended completed", "channel.changed after-call-work")
	})
}
