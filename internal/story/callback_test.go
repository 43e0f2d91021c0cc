package story

import (
	"slices"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

func TestCallback_AcceptedIsConnectedWithAllItsData(t *testing.T) {
	p := plan{title: "A callback is accepted", show: []string{"X-Callback-Id", "X-Callback-Name", "X-Callback-Number"}}
	atLab(t, "callback-accepted", p, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1", Name: "山田 太郎", Number: contact, Reason: "請求書", Attempt: 2, Data: map[string]any{"order": "4711"}})
		d.is(agent.PhaseOffered)
		in := d.interaction()
		if c := in.Callback; in.Contact.Name != "山田 太郎" || in.Contact.Number != contact || c.ID != "cb-1" || c.Reason != "請求書" || c.Attempt != 2 ||
			in.Case["order"] != "4711" || in.AcceptMeans != "answer" {
			t.Errorf("offered as %+v, %+v", in, c)
		}
		d.do("accept", nil)
		d.talks(agent.RoleMain, contact, contactHz)
		d.is(agent.PhaseConnected)
		d.do("end", nil)
		d.is(agent.PhaseReadyToCall)
		d.channel("after-call-work", "")
		d.do("done", nil)
		d.channel("ready", "")
		d.saw("interaction.created", "offer.received", "offer.accepted", "call.connected", "call.ended completed", "channel.changed after-call-work", "interaction.done", "channel.changed ready")
	})
}

func TestCallback_RejectedGoesBackToTheQueue(t *testing.T) {
	atLab(t, "callback-rejected", plan{title: "A callback is rejected"}, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1"})
		d.is(agent.PhaseOffered)
		d.do("reject", args{"reason": "wrong language"})
		d.is(agent.PhaseDone)
		d.labSaw(lab.CallbackRejected, "1001", 603)
		d.channel("ready", "")
		d.saw("interaction.created", "offer.received", "offer.rejected 603 wrong language")
	})
}

func TestCallback_MissedGoesBackToTheQueue(t *testing.T) {
	p := plan{title: "Nobody takes the callback", lab: func(c *lab.Config) { c.Queue.RingTime, c.Queue.Pause = time.Minute, time.Minute }}
	atLab(t, "callback-missed", p, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1"})
		d.is(agent.PhaseOffered)
		d.is(agent.PhaseDone)
		d.labSaw(lab.CallbackRejected, "1001", 480)
		d.refused(agent.CodeNotFound, "accept", nil)
		d.saw("interaction.created", "offer.received", "offer.missed 480")
	})
}

func TestCallback_CancelledClosesTheOffer(t *testing.T) {
	atLab(t, "callback-cancelled", plan{title: "The contact gives up while the agent is rung"}, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1"})
		d.is(agent.PhaseOffered)
		d.givesUp()
		d.is(agent.PhaseDone)
		d.labSaw(lab.CallbackAbandoned, contact, 0)
		if in := d.interaction(); in.Result != "cancelled" {
			t.Errorf("the result is %q", in.Result)
		}
		d.channel("ready", "")
		d.saw("interaction.created", "offer.received", "offer.cancelled cancelled")
	})
}

func TestCallback_AcceptAfterTheCancelIsRefused(t *testing.T) {
	atLab(t, "accept-after-cancel", plan{title: "The CANCEL comes first, then the agent accepts"}, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1"})
		d.is(agent.PhaseOffered)
		in := d.interaction().ID
		d.givesUp()
		d.pass(5 * time.Millisecond) // the CANCEL has just come
		if err := d.now("accept", args{"interaction": in}); err == nil || err.Code != agent.CodeNotAllowed {
			t.Errorf("accept: %v", err)
		}
		d.is(agent.PhaseDone)
		d.channel("ready", "")
		d.saw("interaction.created", "offer.received", "offer.cancelled cancelled")
	})
}

func TestCallback_AcceptThatCrossesTheCancelEndsAsCancelled(t *testing.T) {
	atLab(t, "accept-crosses-cancel", plan{title: "The agent accepts while the CANCEL is on its way"}, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1"})
		d.is(agent.PhaseOffered)
		in := d.interaction().ID
		d.givesUp()
		d.pass(2 * time.Millisecond) // the CANCEL comes in 3 ms
		if err := d.now("accept", args{"interaction": in}); err == nil || err.Code != agent.CodeRejected {
			t.Errorf("accept: %v", err)
		}
		d.is(agent.PhaseDone)
		if in := d.interaction(); in.Result != "cancelled" {
			t.Errorf("the result is %q", in.Result)
		}
		d.channel("ready", "")
		d.saw("interaction.created", "offer.received", "offer.accepted", "call.connected", "call.ended cancelled", "offer.cancelled cancelled", "channel.changed after-call-work", "channel.changed ready")
	})
}

func TestCallback_MissedThreeTimesMakesNotReady(t *testing.T) {
	p := plan{title: "Three missed offers in a row make the channel not ready", lab: func(c *lab.Config) {
		c.Queue.RingTime, c.Queue.Pause = time.Minute, 5*time.Second
	}}
	atLab(t, "rona", p, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1"})
		d.channel("not-ready", "missed offers")
		missed := []string{"interaction.created", "offer.received", "offer.missed 480"}
		d.saw(slices.Concat(missed, missed, missed, []string{"channel.changed missed offers not-ready"})...)
		d.pass(6 * time.Second) // the queue tries again, and is refused at once
		d.givesUp()
		d.saw()
		d.do("ready", nil)
		d.accepts()
		d.do("end", nil)
	})
}

func TestCallback_NotReadyRefusesAtOnceAndSaysWhy(t *testing.T) {
	atLab(t, "not-ready", plan{title: "A callback for an agent at lunch"}, func(d *desk) {
		d.do("not-ready", args{"reason": "lunch"})
		d.offers(lab.Callback{ID: "cb-1"})
		d.labSaw(lab.CallbackRejected, "1001", 480)
		d.givesUp()
		if n := len(d.agent.State().Interactions); n != 0 {
			t.Errorf("%d interactions were shown", n)
		}
		d.saw("channel.changed lunch not-ready")
	})
}
