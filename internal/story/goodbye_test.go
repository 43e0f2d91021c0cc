package story

import (
	"slices"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

// TestGoodbye: the agent is switched off in each state. Whatever is up ends with
// BYE, CANCEL or a refusal, then the registration; no goroutine is left, or the
// bubble fails.
func TestGoodbye(t *testing.T) {
	for _, story := range []struct {
		name, title string
		before      func(d *desk)
		told        []string
	}{
		{"idle", "Nothing is up", func(*desk) {}, nil},
		{"offered", "A callback is offered", func(d *desk) {
			d.offers(lab.Callback{ID: "cb-1"})
			d.is(agent.PhaseOffered)
		}, []string{"offer.cancelled switched-off"}},
		{"dialling", "A call out rings", func(d *desk) {
			d.do("dial", args{"target": absent})
			d.waitFor("ringing", func(s agent.State) bool { return len(s.Calls) == 1 && s.Calls[0].State == agent.CallPhaseRinging })
		}, []string{"call.ended cancelled"}},
		{"connected", "A call is up", (*desk).inCall, []string{"call.ended completed"}},
		{"on-hold", "A call is on hold", func(d *desk) {
			d.inCall()
			d.do("hold", nil)
			d.contactHeld()
		}, []string{"call.ended completed"}},
		{"consulting", "A consultation is up", (*desk).consulting, []string{"call.ended completed", "call.ended completed", "consultation.ended completed"}},
		{"conference", "A conference is up", (*desk).inConference, []string{"call.ended completed", "call.ended completed", "conference.party-left completed", "conference.ended"}},
		{"transferring", "A transfer is under way", func(d *desk) {
			d.inCall()
			d.starts("transfer", args{"target": absent})
			d.labSaw(lab.TransferStarted, "1001", 0)
		}, []string{"call.ended completed", "call.transfer-failed failed"}},
		{"ready-to-call", "A call has ended", func(d *desk) {
			d.inCall()
			d.do("end", nil)
		}, nil},
	} {
		t.Run(story.name, func(t *testing.T) {
			atLab(t, "goodbye-"+story.name, plan{title: "The agent is switched off: " + story.title}, func(d *desk) {
				story.before(d)
				d.beat()
				d.begin()
				d.switchOff()
				if n := len(d.lab.Bindings("1001")); n != 0 {
					t.Errorf("%d bindings are left at the PBX", n)
				}
				d.saw(slices.Concat([]string{"channel.changed logged-out", "channel.changed logged-out"}, story.told, []string{"registration.lost unregistered"})...)
				for _, c := range d.agent.State().Calls {
					if c.State != agent.CallPhaseEnded {
						t.Errorf("call %s is %s", c.ID, c.State)
					}
				}
			})
		})
	}
}

// TestGoodbye_DeadPBXDoesNotKeepTheAgent: nobody answers BYE and un-REGISTER.
func TestGoodbye_DeadPBXDoesNotKeepTheAgent(t *testing.T) {
	atLab(t, "goodbye-dead-pbx", plan{title: "The agent is switched off while the PBX is dead"}, func(d *desk) {
		d.inCall()
		d.lab.Stop(false)
		start := time.Now()
		d.switchOff()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("Run took %s to return", took)
		}
	})
}
