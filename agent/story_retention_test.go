package agent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent/store"
	"ringback/internal/lab"
)

// What has been over for longer than the configuration says goes at the start, the
// rest when its time has come; an open callback stays.
func TestStoryRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := openStore(t, dir)
		old := time.Now().Add(-100 * time.Hour)
		err := s.Update(func(tx *store.Tx) (err error) {
			for n := range 3 * forgetStep {
				err = errors.Join(err, tx.PutInteraction(store.Interaction{ID: fmt.Sprint("i", n), Created: old, Closed: old}))
			}
			due := time.Now().Add(1000 * time.Hour)
			return errors.Join(err, tx.PutInteraction(store.Interaction{ID: "later", Callback: "cb", Created: old, Closed: old, Note: "call at nine"}),
				tx.PutCallback(store.Callback{Key: "cb", State: store.CallbackScheduled, Scope: "personal", Due: due, Created: old, Updated: old}),
				tx.PutInteraction(store.Interaction{ID: "new", Created: old.Add(20 * time.Hour), Closed: old.Add(20 * time.Hour), Note: "secret"}))
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
		cfg := testConfig()
		cfg.Store = StoreConfig{KeepHistory: 80*time.Hour + 30*time.Minute, KeepNotes: 48 * time.Hour}
		b := newBed(t, dir, cfg, lab.Config{})
		defer b.close()
		b.wait(RegistrationRegistered)
		kept := func() string {
			all, err := b.agent.store.History(store.HistoryFilter{})
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, i := range all {
				list = append(list, strings.TrimSpace(i.ID+" "+i.Note))
			}
			return strings.Join(list, ", ")
		}
		<-time.After(5 * forgetPause)
		if got := kept(); got != "new, later" {
			t.Errorf("after the start: %s", got)
		}
		<-time.After(forgetEvery)
		if got := kept(); got != "later" {
			t.Errorf("an hour later: %s", got)
		}
	})
}

// Reports that nobody is there to take go with the history, and their callbacks; where
// somebody is named they stay.
func TestStoryRetention_ReportsForNobody(t *testing.T) {
	for to, want := range map[string]int{"": 0, "sip:callbacks@10.0.0.9": 1} {
		synctest.Test(t, func(t *testing.T) {
			dir, old := t.TempDir(), time.Now().Add(-100*time.Hour)
			s := openStore(t, dir)
			err := s.Update(func(tx *store.Tx) error {
				return errors.Join(tx.PutCallback(store.Callback{Key: "cb", State: store.CallbackDone, Created: old, Updated: old}),
					tx.PutReport(store.Report{ID: "r-1", Callback: "cb", Kind: "done", Body: []byte(`{"seq":1}`), Created: old}))
			})
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			cfg := testConfig()
			cfg.Store, cfg.Callbacks.ReportTo, cfg.Callbacks.ReportAge = StoreConfig{KeepHistory: 80 * time.Hour}, to, 1000*time.Hour
			b := newBed(t, dir, cfg, lab.Config{Messages: lab.MessagePolicy{Refuse: 500}})
			defer b.close()
			b.wait(RegistrationRegistered)
			b.settle()
			if o := b.agent.State().Outbox; o.Waiting+o.Failed != want {
				t.Errorf("told %q: %+v, want %d", to, o, want)
			}
			if _, have, err := b.agent.store.Callback("cb"); have != (want == 1) || err != nil {
				t.Errorf("told %q: the callback is there: %v %v", to, have, err)
			}
		})
	}
}

func TestConfig_Retention(t *testing.T) {
	for _, d := range []time.Duration{time.Minute, -time.Hour} {
		c := testConfig()
		c.Account.AOR, c.Store.KeepNotes = "sip:1001@pbx", d
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "store.keep_notes") {
			t.Errorf("%v: %v", d, err)
		}
	}
	c, err := LoadConfig(LoadOptions{Flags: map[string]string{"account.aor": "sip:1001@pbx", "store.keep_history": "2160h"}, Getenv: func(string) (string, bool) { return "", false }})
	if err != nil || c.Store.KeepHistory != 90*24*time.Hour || c.Store.KeepNotes != 0 {
		t.Errorf("%+v %v", c.Store, err)
	}
}
