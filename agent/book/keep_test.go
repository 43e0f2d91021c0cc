package book

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ringback/agent/store"
)

func put(t *testing.T, b *Book, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := b.store.Update(fn); err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.Local)

// past fills a book with two interactions and their calls.
func past(t *testing.T) *Book {
	t.Helper()
	b := open(t)
	b.now = func() time.Time { return noon }
	imports(t, b, people)
	put(t, b, func(tx *store.Tx) error {
		return errors.Join(
			tx.PutInteraction(store.Interaction{ID: "i1", Kind: "voicecallback", Channel: "voice", Callback: "cb-1", Name: "山田 太郎", Number: "0312345678", E164: "+81312345678",
				Body: json.RawMessage(`{"callback":{"id":"cb-1","reason":"invoice"}}`), Case: json.RawMessage(`{"k":"v"}`), Note: "折り返し希望", Disposition: "sold", Result: "answered", Outcome: "done",
				Attempts: 2, Created: noon.Add(-time.Hour), Closed: noon.Add(-50 * time.Minute)}),
			tx.PutInteraction(store.Interaction{ID: "i2", Kind: "call", Channel: "voice", Name: "", Number: "601", E164: "601", Result: "missed", Outcome: "missed", Created: noon.Add(-time.Minute), Closed: noon}),
			tx.PutAttempt(store.Attempt{Interaction: "i1", N: 1, Callback: "cb-1", Call: "c1", Number: "0312345678", Started: noon, Code: 486, Cause: "busy", Result: "busy"}),
			tx.PutCall(store.HistoryCall{ID: "c1", Interaction: "i1", Role: "main", Remote: "sip:0312345678@pbx", Started: noon.Add(-time.Hour), Connected: noon, Ended: noon, Codec: "PCMU",
				Quality: json.RawMessage(`{"mos":4.4}`), Ladder: `[{"message":"INVITE"}]`}),
			tx.PutCall(store.HistoryCall{ID: "c2", Interaction: "i2", Role: "main", Remote: "sip:601@pbx", Incoming: true, Started: noon.Add(-time.Minute), Ended: noon}),
			tx.PutReport(store.Report{ID: "r-1", Callback: "cb-1", Kind: "accepted"}),
			tx.AppendHistory([]store.HistoryEvent{
				{Interaction: "i1", Type: "dtmf.sent", Run: "a", Seq: 1, Time: noon, Body: json.RawMessage(`{"digits":"12"}`)},
				{Interaction: "i1", Type: "call.transferred", Run: "a", Seq: 2, Time: noon, Body: json.RawMessage(`{"target":"2001"}`)},
				{Interaction: "i1", Type: "dtmf.sent", Run: "a", Seq: 3, Time: noon, Body: json.RawMessage(`{"digits":"3"}`)},
				{Interaction: "i1", Type: "dtmf.received", Run: "a", Seq: 4, Time: noon, Body: json.RawMessage(`{"digits":"9"}`)}}))
	})
	return b
}

func TestHistory(t *testing.T) {
	b := past(t)
	for q, want := range map[HistoryQuery]string{
		{}: "i2 i1", {Text: "山田"}: "i1", {Text: "希望"}: "i1", {Text: "(03) 1234-5678"}: "i1", {Text: "+81 3 1234"}: "i1", {Text: "601"}: "i2", {Kind: "call"}: "i2",
		{Until: noon.Add(-30 * time.Minute)}: "i1", {From: noon.Add(-30 * time.Minute)}: "i2", {Limit: 1}: "i2", {Text: "nobody"}: "",
	} {
		found, err := b.History(q)
		var ids []string
		for _, w := range found {
			ids = append(ids, w.Interaction)
		}
		if got := strings.Join(ids, " "); err != nil || got != want {
			t.Errorf("%+v finds %q %v, want %q", q, got, err, want)
		}
	}
	w, err := b.Work("i1")
	if err != nil {
		t.Fatal(err)
	}
	if w.Sent != "123" || w.Received != "9" || len(w.Transfers) != 1 || len(w.Timeline) != 4 || w.Shown != "03-1234-5678" || string(w.Case) != `{"k":"v"}` ||
		!strings.Contains(string(w.Request), "invoice") || len(w.Reports) != 1 || w.Reports[0].State != "waiting" {
		t.Errorf("%+v", w)
	}
	if len(w.Tries) != 1 || w.Tries[0].Code != 486 || len(w.Calls) != 1 || string(w.Calls[0].Messages) != `[{"message":"INVITE"}]` || string(w.Calls[0].Quality) != `{"mos":4.4}` {
		t.Errorf("%+v %+v", w.Tries, w.Calls)
	}
	if _, err := b.Work("i9"); err == nil || !strings.Contains(err.Error(), "there is no interaction i9") {
		t.Error(err)
	}
}

func TestCallbacks(t *testing.T) {
	b := past(t)
	row := func(key string, state store.CallbackState, due time.Duration) store.Callback {
		c := store.Callback{Key: key, State: state, Name: "山田 太郎", Number: "0312345678", E164: "+81312345678", Reason: "invoice " + key}
		if state == store.CallbackScheduled {
			c.Due, c.Scope = noon.Add(due), "personal"
		}
		return c
	}
	put(t, b, func(tx *store.Tx) error {
		var errs []error
		for i, c := range []store.Callback{row("waiting", store.CallbackWaiting, 0), row("open", store.CallbackOpen, 0), row("late", store.CallbackScheduled, -time.Hour),
			row("today", store.CallbackScheduled, time.Hour), row("tomorrow", store.CallbackScheduled, 24*time.Hour), row("handed", store.CallbackHanded, 0),
			row("back", store.CallbackReturned, 0), row("cb-1", store.CallbackDone, 0)} {
			c.Created = noon.Add(time.Duration(i-20) * time.Minute)
			errs = append(errs, tx.PutCallback(c))
		}
		return errors.Join(errs...)
	})
	for q, want := range map[CallbackQuery]string{
		{List: ListMine}: "tomorrow today late open waiting", {List: ListTeam}: "back handed", {List: ListScheduled}: "late today tomorrow", {List: ListDue}: "late today",
		{List: ListOverdue}: "late", {List: ListDone}: "cb-1", {List: ListMine, Text: "invoice open"}: "open", {Text: "03-1234-5678", Limit: 2}: "cb-1 back", {Text: "1234 today"}: "today",
	} {
		found, err := b.Callbacks(q)
		var keys []string
		for _, c := range found {
			keys = append(keys, c.ID)
			if c.Overdue != (c.ID == "late") {
				t.Errorf("%s overdue: %v", c.ID, c.Overdue)
			}
		}
		if got := strings.Join(keys, " "); err != nil || got != want {
			t.Errorf("%+v finds %q %v, want %q", q, got, err, want)
		}
	}
	if _, err := b.Callbacks(CallbackQuery{List: "ours"}); err == nil || !strings.Contains(err.Error(), "all, mine, team") {
		t.Error(err)
	}
	d, err := b.Callback("cb-1")
	if err != nil || len(d.Tries) != 1 || len(d.Reports) != 1 || d.Shown != "03-1234-5678" {
		t.Errorf("%+v %v", d, err)
	}
	var refused *Error
	if _, err := b.Callback("山田"); !errors.As(err, &refused) || len(refused.Candidates) != 8 {
		t.Errorf("%+v", err)
	}
}

func TestBlocked(t *testing.T) {
	b := open(t)
	imports(t, b, people)
	if e, err := b.Block("(03) 1234-5678", "asked for it"); err != nil || e.Number != "+81312345678" || e.Shown != "03-1234-5678" || e.Name != "山田 太郎" {
		t.Errorf("%+v %v", e, err)
	}
	if e, err := b.Block("601", ""); err != nil || e.Number != "601" {
		t.Errorf("%+v %v", e, err)
	}
	for query, want := range map[string]int{"": 2, "+81 3": 1, "山田": 1, "asked": 1, "601": 1, "x": 0} {
		if got, err := b.Blocked(query); err != nil || len(got) != want {
			t.Errorf("%q finds %+v %v", query, got, err)
		}
	}
	if _, err := b.Block("call me", ""); err == nil || !strings.Contains(err.Error(), `"call me" is no telephone number`) {
		t.Error(err)
	}
	if e, err := b.Unblock("+81 3 1234 5678"); err != nil || e.Number != "+81312345678" {
		t.Error(e, err)
	}
	if _, err := b.Unblock("0312345678"); err == nil || !strings.Contains(err.Error(), "not on the do-not-call list") {
		t.Error(err)
	}
}

func TestFavourites(t *testing.T) {
	b := open(t)
	imports(t, b, people)
	for target, name := range map[string]string{"03-1234-5678": "", "2001": "受付", "sip:x@example.com": ""} {
		if _, err := b.AddFavourite(target, name); err != nil {
			t.Fatal(err)
		}
	}
	all, err := b.Favourites("")
	if got := fmt.Sprint(all); err != nil || got != "[{sip:x@example.com sip:x@example.com sip:x@example.com} {2001 2001 受付} {+81312345678 03-1234-5678 山田 太郎}]" {
		t.Errorf("%s %v", got, err)
	}
	if f, err := b.RemoveFavourite("受付"); err != nil || f.Target != "2001" {
		t.Error(f, err)
	}
	if _, err := b.RemoveFavourite("2001"); err == nil || !strings.Contains(err.Error(), `there is no favourite "2001"`) {
		t.Error(err)
	}
	if _, err := b.AddFavourite(" ", ""); err == nil {
		t.Error("an empty target is kept")
	}
}

// TestDirectory: one search over all that can be called.
func TestDirectory(t *testing.T) {
	b := past(t)
	team := []Entry{{Kind: "agent", Name: "佐藤 一郎", Target: "1002", Presence: "idle"}, {Kind: "queue", Name: "Support", Target: "600"}}
	if _, err := b.AddFavourite("2001", "受付"); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"佐藤": "agent 1002", "ﾔﾏﾀﾞ": "contact +81312345678, contact +819011112222, contact +81661234567", "山田 太郎": "contact +81312345678, contact +819011112222, recent +81312345678",
		"60": "typed 60, queue 600, contact +442079460018, contact 1001, recent 601", "support": "queue 600", "03-1234-5678": "typed +81312345678, contact +81312345678, contact +819011112222, recent +81312345678",
		"sip:x@y.example": "typed sip:x@y.example", "bob@example.com": "typed bob@example.com", "*21": "typed *21", "受付": "favourite 2001", "nobody": "",
		"": "agent 1002, queue 600, favourite 2001, recent 601, recent +81312345678",
	} {
		found, err := b.Directory(query, team, 0)
		var got []string
		for _, e := range found {
			got = append(got, e.Kind+" "+e.Target)
			if e.Missed != (e.Kind == EntryRecent && e.Target == "601") {
				t.Errorf("%+v missed", e)
			}
		}
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%q finds %s %v, want %s", query, strings.Join(got, ", "), err, want)
		}
	}
}
