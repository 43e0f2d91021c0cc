package store

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestTimeline(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		one := HistoryEvent{Interaction: "i1", Call: "c1", Type: "call.connected", Run: "r1", Seq: 7, Time: noon, Body: json.RawMessage(`{"seq":7}`)}
		two := HistoryEvent{Interaction: "i1", Type: "interaction.done", Run: "r2", Seq: 1, Time: noon.Add(time.Second)}
		other := HistoryEvent{Interaction: "i2", Type: "error", Run: "r1", Seq: 8, Time: noon}
		for range 2 { // a repeat is harmless
			update(t, s, func(tx *Tx) error { return tx.AppendHistory([]HistoryEvent{two, one, other}) })
		}
		if got := must[[]HistoryEvent](t)(s.Timeline("i1")); !reflect.DeepEqual(got, []HistoryEvent{one, two}) {
			t.Errorf("%+v", got)
		}
	})
}

func TestCallsAndRecents(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		first := HistoryCall{ID: "c1", Interaction: "i1", Role: "main", Remote: "sip:a@b", RemoteName: "山田", SIPCallID: "x", Incoming: true, Started: noon,
			Connected: noon.Add(time.Second), Ended: noon.Add(time.Minute), Code: 200, Reason: "bye", Codec: "PCMU", Quality: json.RawMessage(`{"mos":4.4}`), Ladder: "INVITE"}
		missed := HistoryCall{ID: "c2", Interaction: "i1", Incoming: true, Started: noon.Add(time.Hour)}
		lone := HistoryCall{ID: "c3", Interaction: "i9", Started: noon.Add(time.Minute)}
		update(t, s, func(tx *Tx) error {
			return errors.Join(tx.PutInteraction(Interaction{ID: "i1", Kind: "call", Name: "山田 太郎", Number: "03", E164: "+813", Outcome: "missed"}),
				tx.PutCall(missed), tx.PutCall(HistoryCall{ID: "c1", Started: noon}), tx.PutCall(first), tx.PutCall(lone))
		})
		if got := must[[]HistoryCall](t)(s.Calls("i1")); !reflect.DeepEqual(got, []HistoryCall{first, missed}) {
			t.Errorf("%+v", got)
		}
		got := must[[]Recent](t)(s.Recents(0))
		first.Ladder = ""
		want := []Recent{{missed, "call", "山田 太郎", "03", "+813", "missed"}, {lone, "", "", "", "", ""}, {first, "call", "山田 太郎", "03", "+813", "missed"}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v", got)
		}
		if !got[0].Missed() || got[1].Missed() || got[2].Missed() {
			t.Errorf("missed: %v %v %v", got[0].Missed(), got[1].Missed(), got[2].Missed())
		}
		if got := must[[]Recent](t)(s.Recents(1)); len(got) != 1 {
			t.Errorf("limit: %+v", got)
		}
	})
}

func TestHistory(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		put := func(id, kind, name, number, note string, at time.Duration) {
			t.Helper()
			update(t, s, func(tx *Tx) error {
				return tx.PutInteraction(Interaction{ID: id, Kind: kind, Name: name, Number: number, E164: e164(number), Note: note, Created: noon.Add(at)})
			})
		}
		put("i1", "call", "鈴木 花子", "+81312345678", "", 0)
		put("i3", "call", "山田 太郎", "+819011112222", "請求書を送る", 2*time.Hour) // put out of order: the time decides
		put("i2", "voicecallback", "ﾔﾏﾀﾞ ﾀﾛｳ", "+819011112222", "", time.Hour)
		put("i4", "voicecallback", "Anna Müller", "1002", "asked for 請求書 2026", 3*time.Hour)
		put("i4", "voicecallback", "Anna Müller", "1002", "asked for the 請求書 of 2025", 3*time.Hour)
		for _, row := range []struct {
			f    HistoryFilter
			want string
		}{
			{HistoryFilter{}, "i4 i3 i2 i1"},
			{HistoryFilter{Limit: 2}, "i4 i3"},
			{HistoryFilter{Kind: "voicecallback"}, "i4 i2"},
			{HistoryFilter{E164: "+819011112222"}, "i3 i2"},
			{HistoryFilter{From: noon.Add(time.Hour)}, "i4 i3 i2"},
			{HistoryFilter{From: noon, Until: noon.Add(2 * time.Hour)}, "i2 i1"},
			{HistoryFilter{Text: "郎"}, "i3"},
			{HistoryFilter{Text: "太郎"}, "i3"},
			{HistoryFilter{Text: "山田太郎"}, "i3"},
			{HistoryFilter{Text: "太郎 山田"}, "i3"},
			{HistoryFilter{Text: "まだ"}, "i2"},
			{HistoryFilter{Text: "ダタロ"}, "i2"},
			{HistoryFilter{Text: "請求書"}, "i4 i3"},
			{HistoryFilter{Text: "請求書 2025"}, "i4"},
			{HistoryFilter{Text: "請求書 2026"}, ""},
			{HistoryFilter{Text: "MULL"}, "i4"},
			{HistoryFilter{Text: "090-1111"}, "i3 i2"},
			{HistoryFilter{Text: "+81 90 1111"}, "i3 i2"},
			{HistoryFilter{Text: "１１１１２２２２"}, "i3 i2"},
			{HistoryFilter{Text: "1002"}, "i4"},
			{HistoryFilter{Text: "太郎花子"}, ""},
			{HistoryFilter{Text: "請求書", Kind: "call"}, "i3"},
			{HistoryFilter{Text: "請求書", Kind: "webcallback"}, ""},
			{HistoryFilter{Text: "郎", E164: "+819011112222"}, "i3"},
			{HistoryFilter{Text: "請求書", Until: noon.Add(3 * time.Hour)}, "i3"},
			{HistoryFilter{Text: "請求書", From: noon.Add(3 * time.Hour)}, "i4"},
			{HistoryFilter{Text: "\"*:()^"}, ""},
			{HistoryFilter{Text: "NOT"}, ""},
		} {
			var got []string
			for _, i := range must[[]Interaction](t)(s.History(row.f)) {
				got = append(got, i.ID)
			}
			if got := strings.Join(got, " "); got != row.want {
				t.Errorf("%+v: %q, want %q", row.f, got, row.want)
			}
		}
	})
}

func e164(number string) string {
	if strings.HasPrefix(number, "+") {
		return number
	}
	return ""
}

// More interactions than a second has keys, in no order: newest first all the same.
func TestHistory_ManyInASecond(t *testing.T) {
	s := openStore(t, "", Options{})
	update(t, s, func(tx *Tx) error {
		for n := range 3 * perSecond {
			if err := tx.PutInteraction(Interaction{ID: strings.Repeat("i", n+1), Created: noon}); err != nil {
				return err
			}
		}
		return tx.PutInteraction(Interaction{ID: "before", Created: noon.Add(-time.Second)})
	})
	if got := must[[]Interaction](t)(s.History(HistoryFilter{From: noon, Until: noon.Add(time.Millisecond)})); len(got) != 3*perSecond {
		t.Errorf("%d", len(got))
	}
	if got := must[[]Interaction](t)(s.History(HistoryFilter{})); got[len(got)-1].ID != "before" {
		t.Errorf("the oldest is %s", got[len(got)-1].ID)
	}
}
