package story

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

// coded is a story whose PBX has a queue that is told by feature codes. The codes
// answer and hang up.
func coded(title string, change func(*agent.ChannelsConfig)) plan {
	return plan{title: title, unregistered: true, agent: func(c *agent.Config) {
		c.Channels.PBX = map[string]string{"pause": "*46", "unpause": "*47"}
		c.Channels.WrapUp = 10 * time.Second
		if change != nil {
			change(&c.Channels)
		}
	}, lab: func(c *lab.Config) {
		for _, code := range []string{"*44", "*45", "*46", "*47", "*4601"} {
			c.Extensions = append(c.Extensions, lab.Extension{Number: code, Behaviour: lab.Behaviour{HangUpAfter: 100 * time.Millisecond}})
		}
	}}
}

// codes are what was dialled, in order.
func (d *desk) codes() string {
	var all []string
	for _, e := range d.lab.Log().Since(0) {
		if e.Type == lab.CallStarted && strings.HasPrefix(e.Peer, "*") {
			all = append(all, e.Peer)
		}
	}
	return strings.Join(all, " ")
}

// dialled fails unless exactly these codes were dialled since the beginning.
func (d *desk) dialled(want ...string) {
	d.Helper()
	d.pass(2 * time.Second)
	if got := d.codes(); got != strings.Join(want, " ") {
		d.Errorf("dialled %s, want %v", got, want)
	}
}

func (d *desk) queue() agent.QueueState {
	d.Helper()
	q := d.agent.State().Channels[agent.ChannelVoice].PBX
	if q == nil {
		d.Fatal("the channel does not say how the PBX stands")
	}
	return *q
}

func TestQueueCode_TheQueuePausesAndUnpausesWithTheChannel(t *testing.T) {
	atLab(t, "queue-pause", coded("The PBX's queue is told by feature codes", nil), func(d *desk) {
		d.registered()
		d.dialled("*47")
		if q := d.queue(); q != (agent.QueueState{State: "unpaused"}) {
			t.Errorf("%+v", q)
		}
		d.do("not-ready", args{"reason": "lunch"})
		d.dialled("*47", "*46")
		if q := d.queue(); q != (agent.QueueState{State: "paused"}) {
			t.Errorf("%+v", q)
		}
		d.do("not-ready", args{"reason": "training"})
		d.do("dnd", args{"on": true})
		d.dialled("*47", "*46") // the queue knows already
		d.do("ready", nil)
		d.dialled("*47", "*46", "*47")
		d.accepts()
		d.dialled("*47", "*46", "*47") // that the agent talks the PBX sees itself
		d.do("end", nil)
		d.channel("after-call-work", "")
		d.dialled("*47", "*46", "*47", "*46")
		d.channel("ready", "")
		d.dialled("*47", "*46", "*47", "*46", "*47")
		d.do("not-ready", nil)
		d.dialled("*47", "*46", "*47", "*46", "*47", "*46")
		d.switchOff()
		d.dialled("*47", "*46", "*47", "*46", "*47", "*46", "*47")
		if n := len(d.agent.State().Interactions); n != 1 {
			t.Errorf("a code is no interaction: %d", n)
		}
	})
}

func TestQueueCode_ReasonsLoginAndExit(t *testing.T) {
	atLab(t, "queue-login", coded("The queue is logged in to, paused for a reason, and left", func(c *agent.ChannelsConfig) {
		c.PBX["login"], c.PBX["logout"] = "*44", "*45"
		c.PBXReasons = map[string]string{"lunch": "*4601"}
	}), func(d *desk) {
		d.registered()
		d.dialled("*44", "*47")
		d.do("not-ready", args{"reason": "lunch"})
		d.do("not-ready", args{"reason": "break"})
		d.dialled("*44", "*47", "*4601", "*46")
		d.do("logout", nil)
		d.dialled("*44", "*47", "*4601", "*46", "*45")
		if q := d.queue(); q.State != "logged-out" {
			t.Errorf("%+v", q)
		}
		d.do("not-ready", args{"reason": "lunch"})
		d.dialled("*44", "*47", "*4601", "*46", "*45", "*44", "*4601")
		d.switchOff()
		d.dialled("*44", "*47", "*4601", "*46", "*45", "*44", "*4601", "*45")
	})
}

// A code that does not work is told once, shown, tried again slowly, and keeps nobody
// from anything.
func TestQueueCode_ACodeThatFailsIsShown(t *testing.T) {
	p := coded("The PBX does not know the code", nil)
	p.lab = nil
	atLab(t, "queue-unknown", p, func(d *desk) {
		d.registered()
		d.pass(20 * time.Minute)
		failures := 0
		for cursor, n := d.agent.Since(0), uint64(0); n < d.agent.Events().Last(); n++ {
			e, err := cursor.Next(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if e.Type == agent.ErrorHappened {
				failures++
				if e.Channel != agent.ChannelVoice || e.Code != 404 || !strings.Contains(e.Text, "*47") {
					t.Errorf("%+v", e)
				}
			}
		}
		if failures != 1 {
			t.Errorf("told %d times", failures)
		}
		if n := len(strings.Fields(d.codes())); n != 0 {
			t.Errorf("%d", n)
		}
		if q := d.queue(); q.State != "unknown" || q.Reason != "*47: 404 Not Found" || q.NextTry == nil {
			t.Errorf("%+v", q)
		}
		d.accepts()
		d.do("end", nil)
	})
}

// Nobody answers the code: the agent is not held up, and what is new goes out at once.
func TestQueueCode_ACodeThatNobodyAnswers(t *testing.T) {
	p := coded("Nobody answers a code", nil)
	p.lab = func(c *lab.Config) {
		c.Extensions = append(c.Extensions, lab.Extension{Number: "*47", Behaviour: lab.Behaviour{NoAnswer: true}},
			lab.Extension{Number: "*46", Behaviour: lab.Behaviour{}}) // answers, and leaves it to the phone to hang up
	}
	atLab(t, "queue-no-answer", p, func(d *desk) {
		d.registered()
		d.waitFor("the failure", func(s agent.State) bool { return s.Channels[agent.ChannelVoice].PBX.NextTry != nil })
		if q := d.queue(); q.State != "unknown" || q.Reason != "*47: no answer" {
			t.Errorf("%+v", q)
		}
		d.waitFor("the next try", func(agent.State) bool { return strings.Count(d.codes(), "*47") > 2 })
		d.do("not-ready", nil)
		d.pass(2 * time.Second)
		if got := d.codes(); !strings.HasSuffix(got, " *47 *46") {
			t.Errorf("dialled %s", got)
		}
		if q := d.queue(); q != (agent.QueueState{State: "unknown"}) {
			t.Errorf("on its way: %+v", q)
		}
		d.pass(2 * time.Second)
		if q := d.queue(); q != (agent.QueueState{State: "paused"}) {
			t.Errorf("%+v", q)
		}
		began := time.Now()
		d.switchOff()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("took %s to end", took)
		}
	})
}

// A PBX that restarted knows nothing of a pause.
func TestQueueCode_APBXThatRestartedIsToldAgain(t *testing.T) {
	p := coded("The PBX restarts under a paused member", nil)
	p.agent = func(c *agent.Config) {
		c.Channels.PBX, c.Account.Keepalive = map[string]string{"pause": "*46", "unpause": "*47"}, 0
	}
	atLab(t, "queue-restart", p, func(d *desk) {
		d.registered()
		d.do("not-ready", nil)
		d.dialled("*47", "*46")
		d.lab.Stop(false)
		d.waitFor("the loss", func(s agent.State) bool { return s.Registration.State != "registered" })
		if q := d.queue(); q.State != "unknown" {
			t.Errorf("%+v", q)
		}
		d.pass(10*time.Second + 3*time.Millisecond)
		d.begin()
		d.resumes()
		d.registered()
		d.dialled("*47", "*46", "*46")
	})
}

func TestQueueCode_ByMessage(t *testing.T) {
	p := coded("The codes are the addresses of messages", func(c *agent.ChannelsConfig) { c.PBXBy = "message" })
	atLab(t, "queue-message", p, func(d *desk) {
		d.registered()
		d.do("not-ready", args{"reason": "昼休み"})
		d.pass(time.Second)
		d.switchOff()
		var to []string
		for _, m := range d.lab.Messages() {
			to = append(to, m.To)
			var body map[string]any
			if err := json.Unmarshal([]byte(m.Body), &body); err != nil || body["schema"] != "ringback.channel/1" || body["agent"] != "sip:1001@"+pbxIP {
				t.Errorf("%s: %v", m.Body, err)
			}
			if m.To == "*46" && (body["state"] != "not-ready" || body["reason"] != "昼休み") {
				t.Errorf("%v", body)
			}
		}
		if !slices.Equal(to, []string{"*47", "*46", "*47"}) {
			t.Errorf("sent to %v", to)
		}
	})
}
