package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ringback/agent"
	"ringback/agent/book"
	"ringback/internal/ladder"
)

// historyVerb is `ringback history`.
func historyVerb() verb {
	return verb{
		name: "history", records: true, usage: "the interactions of the past; show has all that was kept of one", show: shown(historyText),
		words: []operand{query()},
		flags: []argFlag{stringFlag("kind", "kind", "only this `KIND`: call, voicecallback or webcallback"),
			stringFlag("from", "from", "begun then or later, a `TIME`: 2026-11-25, 2026-11-25T15:04:05+09:00, or 24h for so long ago"),
			stringFlag("until", "until", "begun before this `TIME`"), limitFlag()},
		example: `$ ringback history 山田
i7  2026-11-25 10:02  voicecallback  山田 太郎  03-1234-5678  done    answered  sold  sends an offer
i2  2026-11-24 16:40  voicecallback  山田 太郎  03-1234-5678  missed
$ ringback history show i7` + kept,
		sub: []verb{{
			name: "show", action: "history-show", records: true, usage: "timeline, attempts, note, digits, transfers, SIP ladder and audio quality of an interaction", show: shown(workText),
			words: []operand{{name: "I", arg: "interaction"}},
			example: `$ ringback history show i7
i7  2026-11-25 10:02  voicecallback  山田 太郎  03-1234-5678  done  answered  sold  sends an offer
    attempt 1 at 10:02 to +81312345678: answered
    c12  main  sip:+81312345678@127.0.0.10  1m12s  completed  PCMU  lost 0  jitter 1.2 ms  MOS 4.4
    digits sent 123
timeline
    10:02:11.120  offer.accepted  c12
    ...
c12
   ms  127.0.0.10:5060                127.0.0.1:40312
    0  |--- INVITE c1 ------------------------------>|`,
		}},
	}
}

func workRow(w book.Work) []string {
	outcome := w.Outcome
	if w.Closed == nil {
		outcome = "open"
	}
	result := w.Result
	if result == outcome {
		result = ""
	}
	return []string{w.Interaction, w.Created.Local().Format("2006-01-02 15:04"), w.Kind, clean(w.Name), clean(w.Shown), outcome, clean(result), clean(w.Disposition), clean(w.Note)}
}

func historyText(l agent.HistoryList) string {
	if len(l.Interactions) == 0 {
		return "no interactions\n"
	}
	var t table
	for _, w := range l.Interactions {
		t.row(workRow(w)...)
	}
	return t.String()
}

// workText is all that was kept of an interaction.
func workText(r agent.HistoryResult) string {
	w := r.Interaction
	var b strings.Builder
	var head table
	head.row(workRow(w.Work)...)
	b.WriteString(head.String())
	var request agent.Callback
	if json.Unmarshal(w.Request, &request) == nil && request.ID != "" {
		fmt.Fprintf(&b, "    callback %s: %s\n", clean(request.ID), callbackText(request))
	}
	var data map[string]any
	if json.Unmarshal(w.Case, &data) == nil {
		for _, key := range slices.Sorted(maps.Keys(data)) {
			fmt.Fprintf(&b, "    %s: %s\n", clean(key), clean(fmt.Sprint(data[key])))
		}
	}
	b.WriteString(triesText(w.Tries))
	b.WriteString(callsText(w.Calls))
	b.WriteString(recordingsText(w.Recordings))
	if w.Sent+w.Received != "" {
		fmt.Fprintf(&b, "    digits%s%s\n", worded(" sent ", w.Sent), worded(" received ", w.Received))
	}
	b.WriteString(reportsText(w.Reports))
	b.WriteString(timelineText(w.Timeline))
	for _, c := range w.Calls {
		b.WriteString(ladderText(c))
	}
	return b.String()
}

func worded(word, value string) string {
	if value == "" {
		return ""
	}
	return word + clean(value)
}

func callsText(calls []book.Call) string {
	var t table
	for _, c := range calls {
		lasted := "not answered"
		if c.Connected != nil && c.Ended != nil {
			lasted = c.Ended.Sub(*c.Connected).Round(1e9).String()
		}
		cells := []string{"    " + c.ID, c.Role, clean(c.Remote), lasted, clean(c.Reason), c.Codec, secrecyText(c)}
		var q agent.Quality
		if json.Unmarshal(c.Quality, &q) == nil && q.RXPackets > 0 {
			cells = append(cells, fmt.Sprintf("lost %d", q.Lost), fmt.Sprintf("jitter %.1f ms", q.JitterMS), q.Score())
			if q.DelayMS > 0 {
				cells = append(cells, fmt.Sprintf("delay %.0f ms", q.DelayMS))
			}
			if q.Trouble != "" {
				cells = append(cells, clean(q.Trouble))
			}
		}
		t.row(cells...)
	}
	return t.String()
}

// secrecyText says whether a call was encrypted, and how.
func secrecyText(c book.Call) string {
	switch {
	case c.Connected == nil:
		return ""
	case !c.Encrypted:
		return "not encrypted"
	}
	return "encrypted: " + clean(c.Suite) + " by " + strings.ToUpper(clean(c.Keying))
}

func timelineText(timeline []json.RawMessage) string {
	if len(timeline) == 0 {
		return ""
	}
	var t table
	for _, raw := range timeline {
		var e agent.Event
		if json.Unmarshal(raw, &e) != nil {
			continue
		}
		about := []string{}
		for _, s := range []string{string(e.Channel), e.State, e.Remote, e.Target, e.Digits, e.Device, e.File, lengthText(e.Duration)} {
			if s != "" {
				about = append(about, clean(s))
			}
		}
		if e.Code > 0 {
			about = append(about, fmt.Sprint(e.Code))
		}
		if strings.HasPrefix(string(e.Type), "message.") {
			e.Text = "" // --json has it
		}
		for _, s := range []string{e.Reason, e.Text} {
			if s != "" {
				about = append(about, clean(s))
			}
		}
		t.row("    "+e.Time.Local().Format("15:04:05.000"), string(e.Type), string(e.Call), strings.Join(about, "  "))
	}
	return "timeline\n" + t.String()
}

func ladderText(c book.Call) string {
	var records []agent.TraceRecord
	if json.Unmarshal(c.Messages, &records) != nil || len(records) == 0 {
		return ""
	}
	return c.ID + "\n" + ladder.Render(ladderOf(records), ladder.Options{}) + "\n"
}

// recordingsText are an interaction's recordings: file, length, and where they were
// paused.
func recordingsText(recordings []book.Recording) string {
	var t table
	for _, r := range recordings {
		cells := []string{"    recording", clean(r.File), roundText(r.Duration)}
		for _, p := range r.Pauses {
			cells = append(cells, "paused "+roundText(p.From)+" to "+roundText(p.Until))
		}
		if r.Reason != "stopped" && r.Reason != "call-ended" {
			cells = append(cells, clean(r.Reason))
		}
		if r.Missing {
			cells = append(cells, "the file is gone")
		}
		t.row(cells...)
	}
	return t.String()
}

// roundText is a length to the tenth of a second, as a person looks for it in a file.
func roundText(text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return clean(text)
	}
	return d.Round(100 * time.Millisecond).String()
}
