package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent/store"
	"ringback/internal/lab"
)

// preview brings a web callback as far as its preview.
func (b *bed) preview(body string) InteractionID {
	b.t.Helper()
	if code := b.order("application/json", body); code != 200 {
		b.t.Fatalf("the order got %d", code)
	}
	b.wait(OfferReceived)
	return b.do("accept", nil).Interaction
}

// pass lets time go by in which nothing is offered.
func (b *bed) pass(d time.Duration) {
	b.t.Helper()
	b.mark()
	<-time.After(d)
	if got := b.happened(); slices.Contains(got, string(OfferReceived)) {
		b.t.Errorf("offered: %v", got)
	}
}

func TestStory_RescheduleIsChecked(t *testing.T) {
	story(t, func(c *Config, p *lab.Config) {
		webReady(c, p)
		c.Reschedule.Hours = []string{"mon-fri 09:00-20:00"}
	}, func(b *bed) {
		b.preview(yamada) // it is Saturday morning in Tokyo
		for _, row := range []struct{ at, says string }{
			{"1999-12-31T10:00:00Z", "is over"},
			{"+1h", "outside of the contact's calling hours (mon-fri 09:00-20:00): the next time is Mon 2000-01-03 09:00"},
			{"tomorrow 09:00", "outside of the contact's calling hours"},
			{"2000-03-01 10:00", "more than 30 days ahead"},
			{"whenever", "cannot be read"},
		} {
			err := b.fails("reschedule", map[string]any{"at": row.at}, CodeInvalid)
			if !strings.Contains(err.Message, row.says) {
				t.Errorf("%s: %s", row.at, err.Message)
			}
		}
		if in := b.phase(PhasePreview); in.Reschedule != nil {
			t.Errorf("%+v", in.Reschedule)
		}
		b.do("reschedule", map[string]any{"at": "mon 09:00", "number": "600", "reason": "Asked for later"})
		e := b.wait(InteractionRescheduled)
		in := b.phase(PhasePreview)
		if e.Reason != ScopeTeam || in.Reschedule.Local != "2000-01-03 09:00 JST" || in.Reschedule.Number != "600" || in.Reschedule.Reason != "asked for later" {
			t.Errorf("%+v %+v", e, in.Reschedule)
		}
		b.do("reschedule", map[string]any{"drop": true})
		if e := b.wait(InteractionRescheduled); e.Reason != "dropped" {
			t.Errorf("%+v", e)
		}
		b.fails("reschedule", map[string]any{"drop": true}, CodeNotFound)
		b.do("done", nil)
		if row := b.row("w-1"); row.State != store.CallbackDone {
			t.Errorf("%+v", row)
		}
	})
}

func TestStory_RescheduleDuringTheCallTakesEffectOnDone(t *testing.T) {
	story(t, webReady, func(b *bed) {
		b.preview(yamada)
		b.do("call", nil)
		b.wait(CallConnected)
		b.do("reschedule", map[string]any{"at": "+30m"})
		b.phase(PhaseConnected)
		b.do("end", nil)
		if row := b.row("w-1"); row.State != store.CallbackOpen {
			t.Errorf("before done: %+v", row)
		}
		b.do("done", nil)
		row := b.row("w-1")
		if row.State != store.CallbackHanded || row.Scope != ScopeTeam || time.Until(row.Due).Round(time.Minute) != 30*time.Minute {
			t.Errorf("%+v", row)
		}
		b.pass(40 * time.Minute)
	})
}

func TestStory_APersonalCallbackWaitsUntilTheChannelIsReady(t *testing.T) {
	story(t, webReady, func(b *bed) {
		b.preview(yamada)
		b.do("reschedule", map[string]any{"at": "+10m", "personal": true})
		b.do("done", nil)
		b.do("not-ready", map[string]any{"channel": "webcallback"})
		b.pass(30 * time.Minute)
		b.do("ready", map[string]any{"channel": "webcallback"})
		b.wait(OfferReceived)
		// Missed: it comes again after a while. Rejected: the team gets it.
		b.wait(OfferMissed)
		if row := b.row("w-1"); row.State != store.CallbackScheduled {
			t.Errorf("%+v", row)
		}
		b.pass(b.agent.cfg.Reschedule.Again - 10*time.Second)
		b.wait(OfferReceived)
		b.do("reject", nil)
		if row := b.row("w-1"); row.State != store.CallbackHanded || row.Scope != ScopeTeam {
			t.Errorf("%+v", row)
		}
	})
}

func TestStory_APersonalCallbackThatNobodyTakesGoesToTheTeam(t *testing.T) {
	story(t, func(c *Config, p *lab.Config) {
		webReady(c, p)
		c.Reschedule.PersonalToTeam = time.Hour
	}, func(b *bed) {
		b.preview(yamada)
		b.do("reschedule", map[string]any{"at": "+10m", "personal": true})
		b.do("done", nil)
		b.do("not-ready", map[string]any{"channel": "webcallback"})
		<-time.After(69 * time.Minute)
		if row := b.row("w-1"); row.State != store.CallbackScheduled {
			t.Errorf("before its time: %+v", row)
		}
		<-time.After(2 * time.Minute)
		if row := b.row("w-1"); row.State != store.CallbackHanded || row.Scope != ScopeTeam {
			t.Errorf("%+v", row)
		}
		b.do("ready", map[string]any{"channel": "webcallback"})
		b.mark()
		if got := b.happened(); len(got) != 0 {
			t.Errorf("%v", got)
		}
	})
}

func TestStory_RetriesByResult(t *testing.T) {
	story(t, func(c *Config, p *lab.Config) {
		webReady(c, p)
		c.Callbacks.Retries, c.Channels.WrapUp = 2, 0
	}, func(b *bed) {
		b.preview(`{"id":"w-r","number":"610","name":"Busy"}`)
		for n, spacing := range []time.Duration{5 * time.Minute, 10 * time.Minute} {
			b.do("call", nil)
			if e := b.wait(InteractionRescheduled); e.Reason != "retry" {
				t.Errorf("%+v", e)
			}
			in := b.phase(PhaseReadyToCall)
			if in.Reschedule == nil || !in.Reschedule.Retry || in.Reschedule.Scope != ScopePersonal || in.Result != ResultBusy {
				t.Fatalf("retry %d: %+v", n, in)
			}
			if n == 0 { // the agent knows better: a machine waits longest, and then it was busy after all
				b.do("result", map[string]any{"result": "machine"})
				if at := time.Until(b.phase(PhaseReadyToCall).Reschedule.At).Round(time.Minute); at != 2*time.Hour {
					t.Errorf("after a machine: in %v", at)
				}
				b.do("result", map[string]any{"result": "wrong number"})
				if in := b.phase(PhaseReadyToCall); in.Reschedule != nil {
					t.Errorf("after a wrong number: %+v", in.Reschedule)
				}
				b.do("result", map[string]any{"result": "busy"})
			}
			b.do("done", nil)
			b.pass(spacing - 10*time.Second)
			b.wait(OfferReceived)
			b.do("accept", nil)
		}
		b.do("call", nil)
		b.wait(CallEnded)
		if in := b.phase(PhaseReadyToCall); in.Reschedule != nil || in.Attempts != 3 {
			t.Errorf("the maximum is over: %+v", in)
		}
		b.do("done", nil)
		if row := b.row("w-r"); row.State != store.CallbackDone {
			t.Errorf("%+v", row)
		}
	})
}

func TestStory_NoRetryUnlessConfigured(t *testing.T) {
	story(t, webReady, func(b *bed) {
		b.preview(`{"id":"w-r","number":"610"}`)
		b.do("call", nil)
		b.wait(CallEnded)
		if in := b.phase(PhaseReadyToCall); in.Reschedule != nil {
			t.Errorf("%+v", in.Reschedule)
		}
	})
}

func TestStory_APlainCallCanBeRescheduledToo(t *testing.T) {
	story(t, nil, func(b *bed) {
		in := b.do("dial", map[string]any{"target": "610"}).Interaction
		b.wait(CallEnded)
		b.do("reschedule", map[string]any{"at": "+10m", "personal": true})
		b.do("done", nil)
		b.pass(9 * time.Minute)
		b.wait(OfferReceived)
		if again := b.phase(PhaseOffered); again.Callback.ID != "1001-"+string(in) || again.Kind != KindCall {
			t.Errorf("%+v", again)
		}
	})
}

func TestStory_DoNotCall(t *testing.T) {
	story(t, webReady, func(b *bed) {
		b.preview(yamada)
		b.fails("result", map[string]any{"result": "do-not-call"}, CodeNotAllowed)
		b.do("call", nil)
		b.wait(CallConnected)
		b.do("end", nil)
		b.do("result", map[string]any{"result": "do not call"})
		for _, try := range []struct {
			action string
			args   map[string]any
		}{
			{"call", nil}, {"dial", map[string]any{"target": "+81 3-1234-5678"}}, {"reschedule", map[string]any{"at": "+1h"}},
		} {
			if err := b.fails(try.action, try.args, CodeRejected); !strings.Contains(err.Message, "do-not-call list") {
				t.Errorf("%s: %v", try.action, err)
			}
		}
		if in := b.phase(PhaseReadyToCall); in.Attempts != 1 || in.Reschedule != nil {
			t.Errorf("a refused call changed something: %+v", in)
		}
	})
}

func TestStory_ACallbackIsClaimedAndCalledFromTheList(t *testing.T) {
	story(t, webReady, func(b *bed) {
		b.preview(yamada)
		b.do("reschedule", map[string]any{"at": "+1h"})
		b.fails("callbacks-claim", map[string]any{"callback": "w-1"}, CodeNotAllowed)
		b.do("done", nil)
		b.do("callbacks-claim", map[string]any{"callback": "w-1"})
		if row := b.row("w-1"); row.State != store.CallbackScheduled || row.Scope != ScopePersonal {
			t.Errorf("%+v", row)
		}
		b.fails("callbacks-claim", map[string]any{"callback": "w-1"}, CodeNotAllowed)
		b.fails("callbacks-call", map[string]any{"callback": "w-9"}, CodeNotFound)
		r := b.do("callbacks-call", map[string]any{"callback": "w-1"})
		b.wait(CallConnected)
		b.agentHears(r.Call, lab.ContactHz, true)
		if in := b.phase(PhaseConnected); in.Attempts != 1 {
			t.Errorf("%+v", in)
		}
		b.fails("callbacks-call", map[string]any{"callback": "w-1"}, CodeNotAllowed)
		b.do("end", nil)
		b.do("done", nil)
		<-time.After(2 * time.Hour)
		if row := b.row("w-1"); row.State != store.CallbackDone {
			t.Errorf("%+v", row)
		}
	})
}
