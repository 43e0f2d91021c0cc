package story

import (
	"testing"

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
	}{
		{"idle", "Nothing is up", func(*desk) {}},
		{"offered", "A callback is offered", func(d *desk) {
			d.offers(lab.Callback{ID: "cb-1"})
			d.is(agent.PhaseOffered)
		}},
		{"dialling", "A call out rings", func(d *desk) {
			d.do("dial", args{"target": absent})
			d.waitFor("ringing", func(s agent.State) bool { return len(s.Calls) == 1 && s.Calls[0].State == agent.CallPhaseRinging })
		}},
		{"connected", "A call is up", (*desk).inCall},
		{"on-hold", "A call is on hold", func(d *desk) {
			d.inCall()
			d.do("hold", nil)
			d.contactHeld()
		}},
		{"consulting", "A consultation is up", (*desk).consulting},
		{"conference", "A conference is up", (*desk).inConference},
		{"transferring", "A transfer is under way", func(d *desk) {
			d.inCall()
			d.starts("transfer", args{"target": absent})
			d.labSaw(lab.TransferStarted, "1001", 0)
		}},
		{"ready-to-call", "A call has ended", func(d *desk) {
			d.inCall()
			d.do("end", nil)
		}},
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
				for _, c := range d.agent.State().Calls {
					if c.State != agent.CallPhaseEnded {
						t.Errorf("call %s is %s", c.ID, c.State)
					}
				}
			})
		})
	}
}
