package story

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
	"ringback/sip/message"
)

// nobody may register at the lab, and has not.
const nobody = "1002"

// watches is a story of an agent who watches others, from the registration on.
func watches(title, how string, targets ...string) plan {
	return plan{title: title, unregistered: true, show: []string{"Event", "Subscription-State", "Expires", "Retry-After"}, agent: func(c *agent.Config) {
		c.TeamPresence = how
		for _, target := range targets {
			c.Team = append(c.Team, agent.TeamEntry{Target: target, Presence: true})
		}
	}}
}

// member is how an entry of the team stands.
func (d *desk) member(target string) agent.TeamState {
	d.Helper()
	all := d.agent.State().Team
	at := slices.IndexFunc(all, func(m agent.TeamState) bool { return m.Target == target })
	if at < 0 {
		d.Fatalf("there is no entry %s in the team", target)
	}
	return all[at]
}

// sees waits until a presence is that, for a reason in which those words are.
func (d *desk) sees(target, presence, reason string) {
	d.Helper()
	d.waitFor(target+" "+presence+" "+reason, func(s agent.State) bool {
		return slices.ContainsFunc(s.Team, func(m agent.TeamState) bool {
			return m.Target == target && m.Presence == presence && strings.Contains(m.Reason, reason) && (reason == "") == (m.Reason == "")
		})
	})
}

func TestPresence_FollowsACall(t *testing.T) {
	for how, absentIs := range map[string]string{"dialog": "idle", "presence": "offline"} {
		t.Run(how, func(t *testing.T) {
			atLab(t, "presence-"+how, watches("A colleague is called and talks; told by "+how, how, colleague, nobody), func(d *desk) {
				d.sees(colleague, "idle", "")
				d.sees(nobody, absentIs, "") // dialogs do not tell whether a phone is there
				d.beat()
				d.read = d.agent.Events().Last()
				d.do("dial", args{"target": colleague})
				d.sees(colleague, "ringing", "")
				d.sees(colleague, "busy", "")
				since := d.member(colleague).Since
				d.is(agent.PhaseConnected)
				d.do("end", nil)
				d.sees(colleague, "idle", "")
				d.pass(time.Second)
				d.saw("interaction.created", "call.dialling", "presence.changed ringing", "call.ringing", "call.connected", "presence.changed busy",
					"call.ended completed", "channel.changed after-call-work", "presence.changed idle")
				if since == nil || !d.member(colleague).Since.After(*since) {
					t.Errorf("busy since %v, idle since %v", since, d.member(colleague).Since)
				}
			})
		})
	}
}

// TestPresence_HoldsForAnHour: subscriptions are refreshed, and nothing is told that
// does not change.
func TestPresence_HoldsForAnHour(t *testing.T) {
	atLab(t, "presence-hour", watches("An hour of watching", "dialog", colleague), func(d *desk) {
		d.sees(colleague, "idle", "")
		d.begin()
		d.pass(time.Hour)
		d.saw("registration.registered")
		if n := d.lab.Watchers(colleague); n != 1 {
			t.Errorf("%d subscriptions at the PBX", n)
		}
	})
}

func TestPresence_SurvivesARestartOfThePBX(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			p := watches("The PBX restarts under an agent who watches over "+transport, "presence", colleague)
			watch := p.agent
			p.agent = func(c *agent.Config) {
				watch(c)
				c.Account.Transport, c.Account.Keepalive = transport, 0
			}
			atLab(t, "presence-restart-"+transport, p, func(d *desk) {
				d.sees(colleague, "idle", "")
				d.lab.Stop(false)
				d.sees(colleague, "unknown", "not registered")
				d.pass(time.Minute)
				if err := d.lab.Resume(context.Background()); err != nil {
					t.Fatal(err)
				}
				back := time.Now()
				d.sees(colleague, "idle", "")
				if took := time.Since(back); took > 31*time.Second {
					t.Errorf("told again after %v", took)
				}
			})
		})
	}
}

// TestPresence_SurvivesAQuickRestart: no keepalive missed the PBX, and it has
// forgotten registration and subscription.
func TestPresence_SurvivesAQuickRestart(t *testing.T) {
	p := watches("The PBX restarts within a second", "dialog", colleague)
	watch := p.agent
	p.agent = func(c *agent.Config) { watch(c); c.Account.Keepalive = 0 }
	atLab(t, "presence-restart-quick", p, func(d *desk) {
		d.sees(colleague, "idle", "")
		d.lab.Stop(false)
		if err := d.lab.Resume(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.until("the subscription is there again", func() bool { return d.lab.Watchers(colleague) == 1 })
		d.sees(colleague, "idle", "")
	})
}

func TestPresence_EndedByThePBX(t *testing.T) {
	for _, c := range []struct {
		reason string
		after  time.Duration
		back   time.Duration // until it is told again; zero: never
	}{
		{"deactivated", 0, time.Second}, {"timeout", 0, time.Second}, {"probation", 20 * time.Second, 22 * time.Second},
		{"giveup", 0, 33 * time.Second}, {"rejected", 0, 0}, {"noresource", 0, 0},
	} {
		t.Run(c.reason, func(t *testing.T) {
			atLab(t, "presence-"+c.reason, watches("The PBX ends a subscription: "+c.reason, "dialog", colleague), func(d *desk) {
				d.sees(colleague, "idle", "")
				d.beat()
				if err := d.lab.EndWatches(colleague, c.reason, c.after); err != nil {
					t.Fatal(err)
				}
				d.sees(colleague, "unknown", c.reason)
				if c.back == 0 {
					d.pass(time.Hour)
					if m := d.member(colleague); m.Presence != "unknown" || !strings.Contains(m.Reason, c.reason) {
						t.Errorf("%+v", m)
					}
					return
				}
				begin := time.Now()
				d.sees(colleague, "idle", "")
				if took := time.Since(begin); took < c.after || took > c.back {
					t.Errorf("told again after %v", took)
				}
			})
		})
	}
}

func TestPresence_NotToBeHad(t *testing.T) {
	p := watches("The PBX serves another package, and does not know a number", "dialog", colleague)
	p.lab = func(c *lab.Config) { c.Presence.Events = []string{"presence"} }
	atLab(t, "presence-refused", p, func(d *desk) {
		d.sees(colleague, "unknown", "try team_presence: presence")
		d.lab.SetPresence(lab.PresencePolicy{})
		d.pass(10 * time.Minute) // it is asked for again by itself
		d.sees(colleague, "idle", "")
	})
	atLab(t, "presence-unknown", watches("A number that the PBX does not know", "presence", "7777"), func(d *desk) {
		d.sees("7777", "unknown", "nobody to watch")
	})
	atLab(t, "presence-off", watches("Presence is off", "off", colleague), func(d *desk) {
		d.pass(time.Minute)
		if m := d.member(colleague); m.Presence != "unknown" || m.Reason != "presence is not asked for" || m.Since != nil {
			t.Errorf("%+v", m)
		}
	})
}

func TestPresence_GivenBackAtTheEnd(t *testing.T) {
	atLab(t, "presence-goodbye", watches("The agent is switched off while he watches", "dialog", colleague, nobody), func(d *desk) {
		d.sees(colleague, "idle", "")
		d.sees(nobody, "idle", "")
		d.beat()
		d.begin()
		d.switchOff()
		if a, b := d.lab.Watchers(colleague), d.lab.Watchers(nobody); a+b != 0 {
			t.Errorf("%d and %d subscriptions are left at the PBX", a, b)
		}
		d.saw("channel.changed logged-out", "channel.changed logged-out", "registration.lost unregistered")
	})
}

// subscribed is the SUBSCRIBE that begins a subscription, accepted.
func (p *pbx) subscribed() {
	p.d.Helper()
	req := p.request("SUBSCRIBE")
	p.callID, p.seq = message.CallID(req), 0
	p.from, p.remote = message.Value(req, "To")+";tag=pbx", message.Value(req, "From")
	p.reply(req, 200, "Expires: 600")
}

// tells sends a dialog-info, and expects that answer.
func (p *pbx) tells(code int, version, state string, dialogs ...string) {
	p.d.Helper()
	p.ask("NOTIFY", "Event: dialog", "Subscription-State: active;expires=600", "Content-Type: application/dialog-info+xml", "",
		`<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="`+version+`" state="`+state+`" entity="sip:2001@`+pbxIP+`">`+strings.Join(dialogs, "")+`</dialog-info>`)
	p.response(code)
}

func TestPresence_PartialStatesAndForks(t *testing.T) {
	const talks = `<dialog id="a"><state>confirmed</state></dialog>`
	atPBX(t, "presence-partial", watches("The PBX tells only changes, loses one, and has two phones", "dialog", colleague), func(d *desk, p *pbx) {
		p.subscribed()
		p.tells(200, "0", "full")
		d.sees(colleague, "idle", "")
		p.tells(200, "1", "partial", talks)
		d.sees(colleague, "busy", "")
		p.tells(200, "3", "partial", `<dialog id="b"><state>terminated</state></dialog>`) // 2 is missing
		p.reply(p.request("SUBSCRIBE"), 200, "Expires: 600")
		p.tells(200, "4", "full")
		d.sees(colleague, "idle", "")
		from := p.from
		p.from = strings.Replace(from, "tag=pbx", "tag=mobile", 1)
		p.tells(200, "0", "full", talks)
		d.sees(colleague, "busy", "")
		p.ask("NOTIFY", "Event: dialog", "Subscription-State: terminated;reason=noresource")
		p.response(200)
		d.sees(colleague, "idle", "")
		p.from = from
		p.tells(200, "5", "full", "<nonsense")
		d.sees(colleague, "unknown", "cannot be read")
		p.tells(200, "6", "full", talks)
		d.sees(colleague, "busy", "")
	})
}
