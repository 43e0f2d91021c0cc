package story

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

// publishes is a story whose PBX looks at presence.
func publishes(title string) plan {
	return plan{title: title, unregistered: true, show: []string{"SIP-If-Match", "SIP-ETag", "Expires"}, agent: func(c *agent.Config) {
		c.Channels.Publish, c.Account.Expires = true, 10*time.Minute
	}}
}

// published waits until the PBX has one document with this in it.
func (d *desk) published(want ...string) {
	d.Helper()
	has := func() bool {
		all := d.lab.Published("1001")
		return len(all) == 1 && !slices.ContainsFunc(want, func(w string) bool { return !strings.Contains(all[0].Body, w) })
	}
	if !has() {
		d.until("a publication with "+strings.Join(want, " "), has)
	}
	d.pass(20 * time.Millisecond)
}

func (d *desk) presence() agent.QueueState {
	d.Helper()
	p := d.agent.State().Channels[agent.ChannelVoice].Presence
	if p == nil {
		d.Fatal("the channel does not say what is published")
	}
	return *p
}

func TestPublish_FollowsTheChannel(t *testing.T) {
	atLab(t, "publish", publishes("Presence follows the voice channel"), func(d *desk) {
		d.registered()
		d.published("<basic>open</basic>", "<note>ready</note>", `entity="sip:1001@10.0.0.1"`)
		if p := d.presence(); p != (agent.QueueState{State: "open"}) {
			t.Errorf("%+v", p)
		}
		d.do("not-ready", args{"reason": "昼<休み>"})
		d.published("<basic>closed</basic>", "<note>not-ready: 昼&lt;休み&gt;</note>")
		if p := d.presence(); p != (agent.QueueState{State: "closed"}) {
			t.Errorf("%+v", p)
		}
		d.do("not-ready", args{"reason": "昼<休み>"}) // nothing new
		d.pass(10 * time.Minute)                   // and refreshed
		if n := len(d.lab.Published("1001")); n != 1 {
			t.Errorf("%d publications", n)
		}
		if err := d.lab.ForgetPublications(); err != nil {
			t.Fatal(err)
		}
		d.do("ready", nil)
		d.published("<basic>open</basic>") // through a 412
		d.switchOff()
		if n := len(d.lab.Published("1001")); n != 0 {
			t.Errorf("%d publications are left", n)
		}
	})
}

// A PBX that restarts, and one that wants a longer life.
func TestPublish_APBXThatRestartedHasItAgain(t *testing.T) {
	p := publishes("The PBX restarts under a publication")
	p.agent = func(c *agent.Config) { c.Channels.Publish, c.Account.Keepalive = true, 0 }
	p.lab = func(c *lab.Config) { c.Publish.MinExpires = 2 * time.Hour }
	atLab(t, "publish-restart", p, func(d *desk) {
		d.registered()
		d.published("<basic>open</basic>")
		d.lab.Stop(false)
		d.waitFor("the loss", func(s agent.State) bool { return s.Registration.State != "registered" })
		d.do("not-ready", nil)
		d.pass(10*time.Second + 3*time.Millisecond)
		d.begin()
		d.resumes()
		d.registered()
		d.published("<basic>closed</basic>")
	})
}

// A PBX that takes no presence is not asked again and again, and the phone works.
func TestPublish_APBXThatTakesNone(t *testing.T) {
	p := publishes("The PBX takes no presence")
	p.lab = func(c *lab.Config) { c.Publish.Refuse = 489 }
	atLab(t, "publish-refused", p, func(d *desk) {
		d.registered()
		d.waitFor("the refusal", func(s agent.State) bool { return s.Channels[agent.ChannelVoice].Presence.Reason != "" })
		if p := d.presence(); p.State != "unknown" || p.Reason != "489 Bad Event" || p.NextTry == nil || time.Until(*p.NextTry) < time.Minute {
			t.Errorf("%+v", p)
		}
		d.saw("channel.changed ready", "channel.changed not-ready", "registration.trying", "registration.registered", "error 489")
		d.accepts()
		d.do("end", nil)
	})
}
