package agent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ringback/agent/store"
	"ringback/internal/lab"
)

// told is what the PBX was told of a callback, in as many words as are wanted.
func (b *bed) told(callback string, fields ...string) []string {
	b.t.Helper()
	b.settle()
	var all []string
	for _, r := range b.lab.Reports(callback) {
		line := r.Type
		for _, f := range fields {
			if v, have := r.Body[f]; have {
				line += fmt.Sprint(" ", v)
			}
		}
		all = append(all, line)
	}
	return all
}

func reportsTo(c *Config, _ *lab.Config) {
	c.Callbacks.ReportTo, c.Channels.StartWeb = "sip:callbacks@"+labIP, "ready"
	c.Callbacks.OfferTimeout = 5 * time.Second
}

func TestStory_EverythingThatIsDoneToACallbackIsReported(t *testing.T) {
	web := func(b *bed) {
		if code := b.order("text/plain", yamada); code != 200 {
			b.t.Fatal(code)
		}
		b.wait(OfferReceived)
	}
	for name, c := range map[string]struct {
		do     func(b *bed)
		fields []string
		want   []string
	}{
		"a web callback, called twice": {func(b *bed) {
			web(b)
			b.do("accept", nil)
			b.do("call", nil)
			b.wait(CallConnected)
			b.do("end", nil)
			b.do("call", map[string]any{"number": "610"})
			b.wait(CallEnded)
			b.wait(CallEnded)
			b.do("result", map[string]any{"result": "machine"})
			b.do("done", nil)
		}, []string{"attempt", "attempts", "number", "result", "code", "cause"},
			[]string{"accepted", "attempt 1 +81312345678 answered completed", "attempt 2 610 busy 486 busy", "result 2 610 machine", "done 2 machine"}},
		"done without a call": {func(b *bed) {
			web(b)
			b.do("accept", nil)
			b.do("dispose", map[string]any{"code": "sold"})
			b.do("done", nil)
		}, []string{"attempts", "result", "disposition"}, []string{"accepted", "done sold"}},
		"rescheduled to the team": {func(b *bed) {
			web(b)
			b.do("accept", nil)
			b.do("reschedule", map[string]any{"at": "+1h", "reason": "asked for later", "number": "+81312345679"})
			b.do("reschedule", map[string]any{"at": "+2h", "reason": "asked for later", "number": "+81312345679"})
			b.do("done", nil)
		}, []string{"at", "zone", "number", "name", "scope", "reason"},
			[]string{"accepted", "rescheduled 2000-01-01T02:00:00Z Asia/Tokyo +81312345679 山田 太郎 team asked for later", "done"}},
		"a personal one that waits too long goes to the team": {func(b *bed) {
			web(b)
			b.do("accept", nil)
			b.do("reschedule", map[string]any{"at": "+10m", "personal": true})
			b.do("done", nil)
			b.agentDoes("not-ready", map[string]any{"channel": "webcallback"})
			<-time.After(21 * time.Minute)
		}, []string{"at", "scope"}, []string{"accepted", "rescheduled 2000-01-01T00:10:00Z personal", "done", "rescheduled 2000-01-01T00:10:00Z team"}},
		"a personal one that is missed stays here, and nothing is told": {func(b *bed) {
			web(b)
			b.do("accept", nil)
			b.do("reschedule", map[string]any{"at": "+1m", "personal": true})
			b.do("done", nil)
			b.wait(OfferMissed)
		}, []string{"scope"}, []string{"accepted", "rescheduled personal", "done"}},
		"a personal one that is rejected goes to the team, with the reason": {func(b *bed) {
			web(b)
			b.do("accept", nil)
			b.do("reschedule", map[string]any{"at": "+1m", "personal": true, "reason": "busy"})
			b.do("done", nil)
			b.wait(OfferReceived)
			b.do("reject", map[string]any{"reason": "忙しい"})
		}, []string{"code", "scope", "reason"}, []string{"accepted", "rescheduled personal busy", "done", "rejected 603 忙しい", "rescheduled team busy"}},
		"one that the agent claims from the team": {func(b *bed) {
			web(b)
			b.do("reject", nil)
			b.agentDoes("not-ready", map[string]any{"channel": "webcallback"})
			b.agentDoes("callbacks-claim", map[string]any{"callback": "w-1"})
		}, []string{"scope"}, []string{"rejected", "rescheduled personal"}},
		"one that the agent calls from the list": {func(b *bed) {
			web(b)
			b.do("reject", nil)
			b.do("callbacks-call", map[string]any{"callback": "w-1"})
			b.wait(CallConnected)
			b.do("end", nil)
			b.do("done", nil)
		}, []string{"attempt", "result"}, []string{"rejected", "accepted", "attempt 1 answered", "done answered"}},
		"an order that is missed": {func(b *bed) {
			web(b)
			b.wait(OfferMissed)
		}, []string{"code"}, []string{"missed 480"}},
		"an order that is rejected": {func(b *bed) {
			web(b)
			b.do("reject", map[string]any{"reason": "忙しい"})
		}, []string{"code", "reason"}, []string{"rejected 603 忙しい"}},
		"an order that is on offer when the phone is switched off": {func(b *bed) {
			web(b)
			b.stops[0]()
		}, []string{"reason"}, []string{"withdrawn the phone is switched off"}},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(c *Config, p *lab.Config) {
				reportsTo(c, p)
				c.Reschedule.PersonalToTeam = 10 * time.Minute
			}, func(b *bed) {
				c.do(b)
				if got := b.told("w-1", c.fields...); !slices.Equal(got, c.want) {
					t.Errorf("told\n %q, want\n %q", got, c.want)
				}
			})
		})
	}
}

func TestStory_ACallbackOnOfferIsWithdrawnWithThePhone(t *testing.T) {
	story(t, reportsTo, func(b *bed) {
		b.offer(lab.Callback{ID: "cb-1"})
		b.wait(OfferReceived)
		b.stops[0]()
		if got := b.told("cb-1", "reason"); !slices.Equal(got, []string{"withdrawn the phone is switched off"}) {
			t.Errorf("%q", got)
		}
	})
}

func TestStory_APlainCallIsNobodysBusiness(t *testing.T) {
	story(t, reportsTo, func(b *bed) {
		b.do("dial", map[string]any{"target": "601"})
		b.wait(CallConnected)
		b.do("end", nil)
		b.do("done", nil)
		if got := b.told(""); len(got) != 0 {
			t.Errorf("%q", got)
		}
		b.do("dial", map[string]any{"target": "601"}) // one that becomes a callback is told, under a key of the phone's
		b.wait(CallConnected)
		b.do("end", nil)
		b.do("reschedule", map[string]any{"at": "+1h"})
		b.do("done", nil)
		if got := b.told("", "callback", "number"); !slices.Equal(got, []string{"rescheduled 1001-i2 601", "done 1001-i2"}) {
			t.Errorf("%q", got)
		}
	})
}

// An attempt that a crash cut off is reported at the next start.
func TestStory_AnAttemptThatACrashCutOffIsReported(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir+"/ringback.db", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(func(tx *store.Tx) error {
		_, err := tx.ReserveIDs("interaction", 7)
		if err == nil {
			err = tx.PutInteraction(store.Interaction{ID: "i7", Kind: "webcallback", Channel: "webcallback", Callback: "w-7", Number: "601", Attempts: 3})
		}
		if err == nil {
			err = tx.PutCallback(store.Callback{Key: "w-7", Channel: "webcallback", Kind: "webcallback", State: store.CallbackOpen, Number: "601"})
		}
		if err == nil {
			err = tx.PutAttempt(store.Attempt{Interaction: "i7", N: 1, Callback: "w-7", Number: "601", Started: time.Now(), Ended: time.Now(), Result: "busy"})
		}
		if err == nil {
			err = tx.PutAttempt(store.Attempt{Interaction: "i7", N: 2, Callback: "w-7", Number: "601", Started: time.Now()})
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	storyIn(t, dir, reportsTo, func(b *bed) {
		if got := b.told("w-7", "attempt", "result", "cause"); !slices.Equal(got, []string{"attempt 3 failed interrupted"}) {
			t.Errorf("%q", got)
		}
	})
}
