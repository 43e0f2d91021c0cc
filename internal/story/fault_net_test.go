package story

import (
	"os"
	"slices"
	"testing"
	"time"

	"ringback/agent"
)

// breakage is a fault that leaves the PBX as it is.
type breakage struct {
	name  string
	of    func(d *desk, broken bool)
	lasts time.Duration
	told  string // what the agent is told of it in any state; empty: nothing has to be
}

func breakages() []breakage {
	return []breakage{
		{name: "partition", lasts: 8 * time.Second, of: func(d *desk, broken bool) { d.net.Partition(agentIP, pbxIP, broken) }},
		{name: "nothing arrives", lasts: 8 * time.Second, of: func(d *desk, broken bool) { d.net.Cut(pbxIP, agentIP, broken) }},
		{name: "nothing leaves", lasts: 8 * time.Second, of: func(d *desk, broken bool) { d.net.Cut(agentIP, pbxIP, broken) }},
		{name: "half-open", lasts: 90 * time.Second, told: "registration.lost: ",
			of: func(d *desk, broken bool) { d.net.Host(pbxIP).SetDown(broken) }},
		{name: "clock a day ahead", lasts: 30 * time.Second, of: func(d *desk, broken bool) { d.clock.Add(int64(day(broken))) }},
		{name: "clock a day back", lasts: 30 * time.Second, of: func(d *desk, broken bool) { d.clock.Add(-int64(day(broken))) }},
	}
}

func day(ahead bool) time.Duration {
	if ahead {
		return 24 * time.Hour
	}
	return -24 * time.Hour
}

// TestFault_TheNetworkOrTheClockBreaks: a network that is away, in one direction or
// both, for seconds or for a minute and a half without a FIN, and a clock that jumps and
// jumps back, cost the agent no call and no contact in any state. A dead connection is
// told within 30 s.
func TestFault_TheNetworkOrTheClockBreaks(t *testing.T) {
	every := os.Getenv("RINGBACK_FAULTS") != "" // else an eighth of the matrix
	for i, s := range standings() {
		for j, b := range breakages() {
			for k, transport := range []string{"udp", "tcp"} {
				if !every && (i+j+4*k)%8 != 0 {
					continue
				}
				t.Run(s.name+" "+b.name+" "+transport, func(t *testing.T) {
					t.Parallel()
					s.struck(t, transport, func(d *desk) { s.broken(d, b, transport) })
				})
			}
		}
	}
}

// broken lets a fault come and go, and holds that what was up is up.
func (s standing) broken(d *desk, b breakage, transport string) {
	d.Helper()
	was := d.agent.State()
	b.of(d, true)
	if b.told != "" && was.Registration.State == "registered" {
		d.pass(30 * time.Second)
		d.told(b.told)
		d.pass(b.lasts - 30*time.Second)
	} else {
		d.pass(b.lasts)
	}
	b.of(d, false)
	d.backWithin(30 * time.Second)
	d.pass(20 * time.Second)
	switch {
	case s.healed == "":
		return
	case s.name == "offered": // it may have been missed, and offered anew
		return
	case s.name == "dialling" && transport == "tcp" && b.name == "half-open":
		d.is(agent.PhaseReadyToCall) // its answer would come by a connection that is dead
		d.told("call.ended: network")
		return
	case s.name == "transferring":
		d.waitFor("the end of the transfer", func(s agent.State) bool { return !s.Calls[0].Transferring })
	}
	d.is(s.healed)
	if !slices.Contains([]string{"preview", "dialling", "after-call-work", "outbox-waiting"}, s.name) {
		d.stillTalks(s)
	}
}

// stillTalks: the contact is there, and hears who should be heard.
func (d *desk) stillTalks(s standing) {
	d.Helper()
	switch s.name {
	case "connected":
		d.talks(agent.RoleMain, contact, contactHz)
	case "held-by-remote":
		if !d.call(agent.RoleMain).HeldByRemote {
			d.Error("the contact does not hold the call any more")
		}
		d.waitFor("music", func(s agent.State) bool { return s.Calls[0].Heard.Sound })
	case "consulting":
		d.talks(agent.RoleConsultation, colleague, colleagueHz)
		d.contactHeld()
	case "conference":
		d.allTalk()
	default:
		d.contactHeld()
		d.do("resume", nil)
		d.talks(agent.RoleMain, contact, contactHz)
	}
}

// TestFault_AScheduledCallbackIsDueOnce: whatever the clock does, a personal callback
// is offered when its time is there by the wall, once.
func TestFault_AScheduledCallbackIsDueOnce(t *testing.T) {
	for name, jumps := range map[string][]time.Duration{
		"steady":                     {},
		"ahead":                      {24 * time.Hour},
		"back, and set right":        {-24 * time.Hour, 24 * time.Hour},
		"ahead, and set right":       {24 * time.Hour, -24 * time.Hour},
		"ahead, right, ahead, right": {24 * time.Hour, -24 * time.Hour, 24 * time.Hour, -24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			p := plan{keeps: true, agent: func(c *agent.Config) {
				c.Channels.StartWeb, c.Channels.WrapUp = "ready", 0
				c.Reschedule.PersonalToTeam = 0
			}}
			atLab(t, "", p, func(d *desk) {
				d.previews()
				d.do("reschedule", args{"at": "+20m", "personal": true})
				d.do("done", nil)
				d.begin()
				look := func() {
					d.pass(10 * time.Second)
					if d.interaction().State == agent.PhaseOffered {
						d.do("accept", nil)
						d.do("done", nil)
					}
				}
				for _, jump := range jumps {
					d.clock.Add(int64(jump))
					for range 5 {
						look()
					}
				}
				for range 30 * 6 {
					look()
				}
				offers := 0
				last := d.agent.Events().Last()
				for cursor, seq := d.agent.Since(d.read), d.read; seq < last; seq++ {
					if e, err := cursor.Next(t.Context()); err != nil {
						t.Fatal(err)
					} else if e.Type == agent.OfferReceived {
						offers++
					}
				}
				if offers != 1 {
					t.Errorf("offered %d times", offers)
				}
			})
		})
	}
}
