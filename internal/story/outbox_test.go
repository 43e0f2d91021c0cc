package story

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

// reporting is a story whose PBX takes reports.
func reporting(title string) plan {
	return plan{title: title, show: []string{"Content-Type"}, keeps: true, agent: func(c *agent.Config) {
		c.Callbacks.ReportTo = "sip:callbacks@" + pbxIP
	}}
}

// reported waits until the PBX has these reports about a callback, each once and in
// this order, and gives them.
func (d *desk) reported(callback string, want ...string) []lab.Report {
	d.Helper()
	d.until("reports "+strings.Join(want, " "), func() bool { return len(d.lab.Reports(callback)) >= len(want) })
	d.pass(time.Second)
	all := d.lab.Reports(callback)
	var got []string
	ids := map[string]bool{}
	for i, r := range all {
		got = append(got, r.Type)
		if r.Seq != i+1 || ids[r.ID] || r.ID == "" || r.Agent != "sip:1001@"+pbxIP {
			d.Errorf("report %d is %+v", i, r)
		}
		ids[r.ID] = true
	}
	if !slices.Equal(got, want) {
		d.Errorf("the PBX got %v, want %v", got, want)
	}
	return all
}

// outbox waits until so many reports wait and have failed.
func (d *desk) outbox(waiting, failed int) agent.OutboxState {
	d.Helper()
	d.waitFor(fmt.Sprint("outbox ", waiting, " ", failed), func(s agent.State) bool { return s.Outbox.Waiting == waiting && s.Outbox.Failed == failed })
	return d.agent.State().Outbox
}

// works has the agent take a callback to its end.
func (d *desk) works() {
	d.Helper()
	d.accepts()
	d.do("note", args{"text": "月曜日に電話"})
	d.do("dispose", args{"code": "sold"})
	d.do("end", nil)
	d.is(agent.PhaseReadyToCall)
	d.do("done", nil)
}

// resumes brings the PBX back.
func (d *desk) resumes() {
	d.Helper()
	if err := d.lab.Resume(context.Background()); err != nil {
		d.Fatal(err)
	}
}

func TestOutbox_WhatIsDoneToACallbackIsReported(t *testing.T) {
	atLab(t, "report", reporting("A callback's reports"), func(d *desk) {
		d.works()
		all := d.reported("cb-1", "accepted", "attempt", "done")
		attempt, done := all[1].Body, all[2].Body
		if attempt["result"] != "answered" || attempt["attempt"] != 1.0 || attempt["number"] != contact || attempt["code"] != nil ||
			attempt["started"] == nil || attempt["answered"] == nil || attempt["ended"] == nil {
			t.Errorf("attempt: %v", attempt)
		}
		if done["note"] != "月曜日に電話" || done["disposition"] != "sold" || done["result"] != "answered" || done["interaction"] != "i1" || done["channel"] != "voice" {
			t.Errorf("done: %v", done)
		}
		if o := d.outbox(0, 0); o.Reason != "" || o.NextTry != nil {
			t.Errorf("%+v", o)
		}
	})
}

func TestOutbox_RejectedAndMissedAreReported(t *testing.T) {
	p := reporting("A callback is rejected, then missed")
	p.lab = func(c *lab.Config) { c.Queue.RingTime, c.Queue.Pause = time.Minute, 5*time.Second }
	atLab(t, "report-rejected", p, func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1"})
		d.is(agent.PhaseOffered)
		d.do("reject", args{"reason": "昼休み"})
		d.is(agent.PhaseOffered)
		d.is(agent.PhaseDone)
		d.do("not-ready", nil)
		all := d.reported("cb-1", "rejected", "missed")
		if b := all[0].Body; b["code"] != 603.0 || b["reason"] != "昼休み" || b["interaction"] != "i1" {
			t.Errorf("%v", b)
		}
		if b := all[1].Body; b["code"] != 480.0 || b["interaction"] != "i2" {
			t.Errorf("%v", b)
		}
		d.givesUp()
	})
}

func TestOutbox_AnAcceptThatCrossedTheCancelIsTakenBack(t *testing.T) {
	atLab(t, "report-crossed", reporting("The accept crosses the CANCEL"), func(d *desk) {
		d.offers(lab.Callback{ID: "cb-1"})
		d.is(agent.PhaseOffered)
		d.givesUp()
		d.pass(2 * time.Millisecond)
		if err := d.now("accept", nil); err == nil {
			t.Error("accepted")
		}
		d.reported("cb-1", "accepted", "cancelled")
	})
}

// A PBX that takes no text gets the other type, and is asked once only.
func TestOutbox_TheOtherTypeIsRemembered(t *testing.T) {
	p := reporting("A PBX that takes application/json only")
	p.lab = func(c *lab.Config) { c.Messages.RefuseText = true }
	atLab(t, "report-415", p, func(d *desk) {
		d.works()
		d.reported("cb-1", "accepted", "attempt", "done")
		refused := 0
		for _, m := range d.lab.Messages() {
			if m.Code == 415 {
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("text was refused %d times", refused)
		}
	})
}

func TestOutbox_APBXThatWasDownForAnHourGetsAllInOrderAtOnce(t *testing.T) {
	p := reporting("The PBX is down for an hour")
	p.agent = func(c *agent.Config) { c.Callbacks.ReportTo, c.Account.Keepalive = "sip:callbacks@"+pbxIP, 0 }
	atLab(t, "report-outage", p, func(d *desk) {
		d.accepts()
		d.reported("cb-1", "accepted")
		d.lab.Stop(false)
		d.do("end", nil)
		d.is(agent.PhaseReadyToCall)
		d.do("done", nil)
		d.pass(time.Hour)
		if o := d.outbox(2, 0); o.Reason != "not registered" {
			t.Errorf("%+v", o)
		}
		d.begin()
		d.resumes()
		d.waitFor("the registration", func(s agent.State) bool { return s.Registration.State == "registered" })
		back := time.Now()
		d.outbox(0, 0)
		if took := time.Since(back); took > 100*time.Millisecond {
			t.Errorf("delivered %s after the registration", took)
		}
		d.reported("cb-1", "accepted", "attempt", "done")
	})
}

// However long the next try would be away, a registration that comes back is the
// time for it.
func TestOutbox_ARegistrationThatComesBackEndsTheWaiting(t *testing.T) {
	for name, policy := range map[string]lab.MessagePolicy{"refused": {Refuse: 404}, "busy": {Refuse: 503, RetryAfter: 4 * time.Minute}} {
		t.Run(name, func(t *testing.T) {
			p := reporting("A PBX that refused a report restarts")
			p.agent = func(c *agent.Config) { c.Callbacks.ReportTo, c.Account.Keepalive = "sip:callbacks@"+pbxIP, 0 }
			p.lab = func(c *lab.Config) { c.Messages, c.Queue.Pause = policy, time.Hour }
			atLab(t, "report-back-"+name, p, func(d *desk) {
				d.offers(lab.Callback{ID: "cb-1"})
				d.is(agent.PhaseOffered)
				d.do("reject", nil)
				d.waitFor("the failure", func(s agent.State) bool { return s.Outbox.NextTry != nil })
				d.lab.Stop(false)
				d.waitFor("the loss", func(s agent.State) bool { return s.Registration.State != "registered" })
				d.lab.SetMessages(lab.MessagePolicy{})
				d.pass(10*time.Second + 3*time.Millisecond)
				d.begin()
				d.resumes()
				d.waitFor("the registration", func(s agent.State) bool { return s.Registration.State == "registered" })
				back := time.Now()
				d.outbox(0, 0)
				if took := time.Since(back); took > 100*time.Millisecond {
					t.Errorf("delivered %s after the registration", took)
				}
			})
		})
	}
}

// A report whose answer is lost comes again with the same id, and the next one waits
// for it.
func TestOutbox_ALostAnswerRepeatsTheSameReport(t *testing.T) {
	p := reporting("The answer to a report is lost")
	p.lab = func(c *lab.Config) { c.Messages.LoseAnswer = true }
	atLab(t, "report-repeated", p, func(d *desk) {
		d.accepts()
		d.do("end", nil)
		d.is(agent.PhaseReadyToCall)
		if o := d.outbox(2, 0); o.Reason != "" {
			t.Errorf("nothing has failed yet: %+v", o)
		}
		d.waitFor("the failure", func(s agent.State) bool { return s.Outbox.NextTry != nil })
		if o := d.agent.State().Outbox; !strings.Contains(o.Reason, "no final response") && !strings.Contains(o.Reason, "time") {
			t.Errorf("%+v", o)
		}
		d.lab.SetMessages(lab.MessagePolicy{})
		d.outbox(0, 0)
		all := d.lab.Reports("cb-1")
		if len(all) != 3 || all[0].ID != all[1].ID || all[0].Code != 0 || all[1].Code != 202 || fmt.Sprint(all[0].Body) != fmt.Sprint(all[1].Body) ||
			all[2].Type != "attempt" {
			t.Errorf("%+v", all)
		}
	})
}

func TestOutbox_ReportsOutliveTheAgent(t *testing.T) {
	p := reporting("The agent is switched off while the PBX takes no reports")
	p.lab = func(c *lab.Config) { c.Messages = lab.MessagePolicy{Refuse: 503, RetryAfter: 30 * time.Second} }
	atLab(t, "report-restart", p, func(d *desk) {
		d.works()
		if o := d.outbox(3, 0); o.Reason != "503 Service Unavailable" || o.NextTry == nil {
			t.Errorf("%+v", o)
		}
		d.switchOff()
		d.lab.SetMessages(lab.MessagePolicy{})
		d.hire()
		d.switchOn()
		d.outbox(3, 0)
		d.outbox(0, 0)
		d.reported("cb-1", "accepted", "attempt", "done")
	})
}

// What the PBX never takes is kept as failed after the configured age, holds back
// what follows about the same callback only, and goes in order when the agent asks.
func TestOutbox_WhatIsTooOldIsKeptAsFailed(t *testing.T) {
	p := reporting("A PBX that takes no reports about one callback")
	p.agent = func(c *agent.Config) {
		c.Callbacks.ReportTo, c.Callbacks.ReportAge = "sip:callbacks@"+pbxIP, 20*time.Minute
	}
	p.lab = func(c *lab.Config) { c.Messages = lab.MessagePolicy{Refuse: 404, Only: `"cb-1"`} }
	atLab(t, "report-failed", p, func(d *desk) {
		d.works()
		d.outbox(3, 0)
		d.offers(lab.Callback{ID: "cb-2"})
		d.is(agent.PhaseOffered)
		d.do("reject", nil)
		d.do("not-ready", nil)
		d.reported("cb-2", "rejected") // others go on
		if o := d.outbox(3, 0); o.Reason != "404 Not Found" || o.NextTry == nil || time.Until(*o.NextTry) > 5*time.Minute {
			t.Errorf("%+v", o)
		}
		d.pass(21 * time.Minute)
		d.outbox(0, 3)
		tries := 0
		for _, m := range d.lab.Messages() {
			if m.Code == 404 {
				tries++
			}
		}
		if tries < 4 || tries > 9 {
			t.Errorf("tried %d times in 20 minutes", tries)
		}
		d.pass(time.Hour)
		d.switchOff()
		d.hire()
		d.switchOn()
		d.waitFor("the registration", func(s agent.State) bool { return s.Registration.State == "registered" })
		d.pass(time.Hour)
		d.outbox(0, 3)
		d.lab.SetMessages(lab.MessagePolicy{})
		d.refused(agent.CodeNotFound, "outbox-retry", args{"report": "r-0"})
		d.begin()
		d.do("outbox-retry", nil)
		d.outbox(0, 0)
		d.reported("cb-1", "accepted", "attempt", "done")
		d.givesUpQuietly()
	})
}

// givesUpQuietly lets the second callback's contact go, if it still waits.
func (d *desk) givesUpQuietly() { _ = d.lab.GiveUp("cb-2") }

// A report that was given up, put back, and fails again is given up at once: one more
// try was asked for. Those behind it wait as long as new ones.
func TestOutbox_ARetryIsOneTry(t *testing.T) {
	p := reporting("A retry that is refused again")
	p.agent = func(c *agent.Config) {
		c.Callbacks.ReportTo, c.Callbacks.ReportAge = "sip:callbacks@"+pbxIP, 5*time.Minute
	}
	p.lab = func(c *lab.Config) { c.Messages = lab.MessagePolicy{Refuse: 403} }
	atLab(t, "report-retry", p, func(d *desk) {
		d.works()
		d.pass(6 * time.Minute)
		d.outbox(0, 3)
		d.begin()
		d.do("outbox-retry", nil)
		d.outbox(2, 1)
		d.pass(6 * time.Minute) // nothing passes the first
		d.outbox(0, 3)
	})
}

func TestOutbox_WithoutAnAddressReportsAreKept(t *testing.T) {
	p := reporting("No address for reports, then one")
	p.agent = nil
	atLab(t, "report-nowhere", p, func(d *desk) {
		d.works()
		if o := d.outbox(3, 0); o.Reason != "callbacks.report_to is not set" {
			t.Errorf("%+v", o)
		}
		d.pass(time.Hour)
		d.switchOff()
		d.cfg.Callbacks.ReportTo = "sip:callbacks@" + pbxIP
		d.hire()
		d.switchOn()
		d.outbox(3, 0)
		d.outbox(0, 0)
		d.reported("cb-1", "accepted", "attempt", "done")
	})
}

// Wherever the address says, reports go to the PBX that the agent is registered with.
func TestOutbox_AForeignAddressGoesThroughTheRegisteredPBX(t *testing.T) {
	p := reporting("Reports for another domain")
	p.agent = func(c *agent.Config) { c.Callbacks.ReportTo = "sip:desk@crm.example.com" }
	atLab(t, "report-foreign", p, func(d *desk) {
		d.works()
		d.outbox(0, 0)
		if n := len(d.lab.Reports("cb-1")); n != 3 {
			t.Errorf("%d reports", n)
		}
	})
}

// A note that is too long for one report comes before done, in parts, and nothing of
// it is lost.
func TestOutbox_ALongNoteComesInParts(t *testing.T) {
	atLab(t, "report-note", reporting("A long note"), func(d *desk) {
		note := strings.Repeat("お客様は\"月曜日\"に\n電話を希望🙂", 40)
		d.accepts()
		d.do("note", args{"text": note})
		d.do("end", nil)
		d.is(agent.PhaseReadyToCall)
		d.do("done", nil)
		d.outbox(0, 0)
		all := d.lab.Reports("cb-1")
		got, parts := "", 0
		for _, r := range all {
			if r.Type == "note" {
				parts++
				got += r.Body["note"].(string)
				if r.Body["part"] != float64(parts) {
					t.Errorf("part %v", r.Body["part"])
				}
			}
		}
		done := all[len(all)-1]
		if got != note || parts < 3 || done.Type != "done" || done.Body["parts"] != float64(parts) || done.Body["note"] != nil {
			t.Errorf("%d parts, %d of %d bytes, done %v", parts, len(got), len(note), done.Body)
		}
		for _, m := range d.lab.Messages() {
			if len(m.Body) > 1000 {
				t.Errorf("a body of %d bytes", len(m.Body))
			}
		}
	})
}

// Reports about several callbacks are on their way together, those of one callback
// never.
func TestOutbox_CallbacksDoNotWaitForEachOther(t *testing.T) {
	p := reporting("Eight callbacks are reported at once")
	p.agent = nil
	p.lab = func(c *lab.Config) { c.Queue.Pause = time.Hour }
	atLab(t, "report-parallel", p, func(d *desk) {
		for n := range 8 {
			d.offers(lab.Callback{ID: fmt.Sprint("cb-", n)})
			d.is(agent.PhaseOffered)
			d.do("reject", nil)
		}
		d.outbox(8, 0)
		d.switchOff()
		d.cfg.Callbacks.ReportTo = "sip:callbacks@" + pbxIP
		d.hire()
		d.begin()
		d.switchOn()
		d.outbox(8, 0)
		d.waitFor("the registration", func(s agent.State) bool { return s.Registration.State == "registered" })
		back := time.Now()
		d.outbox(0, 0)
		if took := time.Since(back); took > 100*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if n := len(d.lab.Reports("")); n != 8 {
			t.Errorf("%d reports", n)
		}
	})
}
