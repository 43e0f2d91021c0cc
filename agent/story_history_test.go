package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent/book"
	"ringback/agent/store"
	"ringback/internal/lab"
)

// asked performs an action on records that must work.
func asked[T any](b *bed, name string, args map[string]any) T {
	b.t.Helper()
	raw, _ := json.Marshal(args)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	got, refused := b.agent.Do(ctx, name, raw)
	if refused != nil {
		b.t.Fatalf("%s %v: %s %v", name, args, refused.Code, refused)
	}
	return got.(T)
}

// timeline are the types of what was kept of an interaction.
func timeline(w book.WorkDetail) []string {
	var types []string
	for _, raw := range w.Timeline {
		var e Event
		_ = json.Unmarshal(raw, &e)
		types = append(types, strings.TrimSpace(string(e.Type)+" "+e.Reason))
	}
	return types
}

// TestStory_TheHistoryHasEverything: timeline, attempts, note, digits, the calls with
// their quality and SIP messages, at once after done.
func TestStory_TheHistoryHasEverything(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.offer(lab.Callback{ID: "cb-9", Type: "scheduled", Name: "山田 太郎", Data: map[string]any{"k": "v"}})
		b.wait(OfferReceived)
		b.do("accept", nil)
		b.wait(CallConnected)
		b.settle()
		b.do("dtmf", map[string]any{"digits": "12#"})
		b.do("note", map[string]any{"text": "折り返し希望"})
		b.do("dispose", map[string]any{"code": "sold"})
		b.do("end", nil)
		b.do("done", nil)
		if w := asked[HistoryResult](b, "history-show", map[string]any{"interaction": "i1"}).Interaction; !slices.Contains(timeline(w), "interaction.done sold") {
			t.Errorf("right after done: %q", timeline(w))
		}
		b.settle() // the BYE is answered
		w := asked[HistoryResult](b, "history-show", map[string]any{"interaction": "i1"}).Interaction
		want := []string{"interaction.created", "offer.received", "offer.accepted", "call.connected", "media.started", "dtmf.sent", "interaction.changed note",
			"interaction.changed disposition", "call.ended completed", "interaction.done sold"}
		got := slices.DeleteFunc(timeline(w), func(s string) bool { return s == "interaction.changed" || strings.HasPrefix(s, "outbox") })
		if !slices.Equal(got, want) {
			t.Errorf("timeline\n got %q\nwant %q", got, want)
		}
		if w.Outcome != "done" || w.Note != "折り返し希望" || w.Disposition != "sold" || w.Sent != "12#" || len(w.Tries) != 1 || w.Closed == nil || string(w.Case) == "null" {
			t.Errorf("%+v", w)
		}
		if len(w.Calls) != 1 {
			t.Fatalf("calls %+v", w.Calls)
		}
		var q Quality
		var messages []TraceRecord
		if err := json.Unmarshal(w.Calls[0].Quality, &q); err != nil || q.RXPackets == 0 || q.MOS == 0 || w.Calls[0].Codec == "" {
			t.Errorf("quality %s %v", w.Calls[0].Quality, err)
		}
		if err := json.Unmarshal(w.Calls[0].Messages, &messages); err != nil || len(messages) < 5 || !strings.HasPrefix(messages[0].Message, "INVITE") || !strings.HasPrefix(messages[len(messages)-1].Message, "SIP/2.0 200") {
			t.Errorf("%d messages, %v", len(messages), err)
		}
		if text := string(w.Calls[0].Messages); strings.Contains(text, "lab-1001") || strings.Contains(text, `response=\"`) && !strings.Contains(text, mask) {
			t.Error("a secret is kept")
		}
	})
}

// TestStory_TheHistoryHasOffersThatNobodyTook, though nothing else keeps them.
func TestStory_TheHistoryHasOffersThatNobodyTook(t *testing.T) {
	story(t, func(c *Config, p *lab.Config) {
		p.Queue.Pause, c.Callbacks.OfferTimeout = time.Minute, 2*time.Second
	}, func(b *bed) {
		b.offer(lab.Callback{ID: "cb-1", Name: "山田 太郎"})
		b.wait(OfferReceived)
		b.wait(OfferMissed)
		b.wait(OfferReceived) // again
		b.do("reject", map[string]any{"reason": "wrong language"})
		list := asked[HistoryList](b, "history", nil).Interactions
		if len(list) != 2 || list[0].Outcome != "rejected" || list[0].Name != "山田 太郎" || list[1].Outcome != "missed" || list[1].Callback != "cb-1" {
			t.Errorf("%+v", list)
		}
		w := asked[HistoryResult](b, "history-show", map[string]any{"interaction": "i1"}).Interaction
		if len(w.Calls) != 1 || w.Calls[0].Connected != nil || w.Calls[0].Ended == nil || !strings.Contains(string(w.Calls[0].Messages), "480") {
			t.Errorf("%d calls", len(w.Calls))
		}
		found := asked[DirectoryList](b, "directory", map[string]any{"query": "山田"}).Entries
		if len(found) != 1 || !found[0].Missed || found[0].Kind != book.EntryRecent {
			t.Errorf("the missed call is in the directory: %+v", found)
		}
	})
}

// TestStory_TheHistoryOutlivesTheAgent: what happened in the last second is written
// when it ends.
func TestStory_TheHistoryOutlivesTheAgent(t *testing.T) {
	dir := t.TempDir()
	storyIn(t, dir, nil, func(b *bed) {
		b.talk()
		b.do("note", map[string]any{"text": "last words"})
	})
	r, err := OpenRecords(DefaultConfig(), RecordsOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, refused := r.Do(t.Context(), "history-show", json.RawMessage(`{"interaction":"i1"}`))
	if refused != nil {
		t.Fatal(refused)
	}
	w := got.(HistoryResult).Interaction
	if types := timeline(w); !slices.Contains(types, "call.ended completed") || len(w.Calls) != 1 || w.Calls[0].Ended == nil {
		t.Errorf("%q, %d calls", types, len(w.Calls))
	}
}

// faulty is a store that takes nothing while it is broken.
type faulty struct {
	*store.Store
	broken *atomic.Bool
}

func (f faulty) UpdateNamed(point string, fn func(*store.Tx) error) error {
	if f.broken.Load() {
		return fmt.Errorf("write: %w", store.ErrFull)
	}
	return f.Store.UpdateNamed(point, fn)
}

// TestStory_AStoreThatFailsIsToldOnceAndTriedAgain: what happened meanwhile is
// written when it is well.
func TestStory_AStoreThatFailsIsToldOnceAndTriedAgain(t *testing.T) {
	var broken atomic.Bool
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfig()
		b := newLabBed(t, "", lab.Config{})
		b.agent = b.make(cfg, "1001", agentIP)
		b.agent.historian.store = faulty{b.agent.store, &broken}
		b.start(b.agent, "1001")
		defer b.close()
		b.wait(RegistrationRegistered)
		broken.Store(true)
		b.talk()
		<-time.After(time.Minute)
		failures := 0
		for _, e := range eventsOf(t, b.agent) {
			if e.Type == ErrorHappened && strings.Contains(e.Text, "keep history") && strings.Contains(e.Text, "the disk is full") {
				failures++
			}
		}
		if failures != 1 {
			t.Errorf("told %d times", failures)
		}
		broken.Store(false)
		<-time.After(2 * historyAgain)
		w := asked[HistoryResult](b, "history-show", map[string]any{"interaction": "i1"}).Interaction
		if types := timeline(w); !slices.Contains(types, "offer.received") || !slices.Contains(types, "call.connected") {
			t.Errorf("%q", types)
		}
	})
}

// TestStory_TheHistoryNotesAGap: a reader that fell behind says so where events are
// missing, and goes on.
func TestStory_TheHistoryNotesAGap(t *testing.T) {
	var broken atomic.Bool
	synctest.Test(t, func(t *testing.T) {
		b := newLabBed(t, "", lab.Config{})
		b.agent = b.make(testConfig(), "1001", agentIP)
		b.agent.historian.store = faulty{b.agent.store, &broken}
		b.start(b.agent, "1001")
		defer b.close()
		b.wait(RegistrationRegistered)
		b.talk()
		<-time.After(2 * historyPause)
		broken.Store(true)
		for range 3 {
			for range historyWaits {
				b.on(func(a *Agent) { a.emit(Event{Type: InteractionChanged, Interaction: "i1", Reason: "flood"}) })
			}
			<-time.After(2 * historyAgain)
		}
		broken.Store(false)
		<-time.After(2 * historyAgain)
		b.do("note", map[string]any{"text": "after the gap"})
		w := asked[HistoryResult](b, "history-show", map[string]any{"interaction": "i1"}).Interaction
		types := timeline(w)
		gap := slices.Index(types, string(HistoryGap))
		if gap < 0 || !slices.Contains(types[gap:], "interaction.changed note") || !slices.Contains(types[:gap], "call.connected") {
			t.Errorf("%d events, the gap at %d", len(types), gap)
		}
	})
}
