package fleet

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"

	"ringback/agent/load"
)

// The worst calls of all generators come with their messages, the worst of each over all.
func TestFleet_WorstCalls(t *testing.T) {
	b := newBed(t)
	far, err := load.StartResponder(load.ResponderPlan{Listen: []string{"127.0.0.1:0"}, Media: load.MediaNone, Busy: 0.3}, load.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Close)
	p := plan(t, far.Addresses()[0], "calls: {to: ['FAR'], rate: 60, for: 1s, talk: {mean: 100ms}}\n")
	for i := range 3 {
		b.generate(t.Context(), p, load.Part{Index: i, Of: 3})
	}
	r, err := Coordinate(t.Context(), p, Coordination{Config: b.config, Generators: 3, Ladders: true})
	if err != nil || b.ended() != nil {
		t.Fatal(err, b.ended())
	}
	of, slow, busy := map[string]bool{}, 0.0, 0
	for _, c := range r.Worst {
		of[c.Generator] = true
		text := ""
		for _, m := range c.Messages() {
			text += m.Text
		}
		want := "SIP/2.0 200"
		if c.Outcome == load.CallFailed {
			want = "SIP/2.0 486"
			busy++
		} else {
			slow = max(slow, *c.AnswerMS)
		}
		if !strings.Contains(text, "INVITE sip:601@") || !strings.Contains(text, want) || c.Missing() != 0 {
			t.Errorf("%s of %s: %s", c.Why, c.Generator, text)
		}
	}
	if p := r.Report(); len(of) < 2 || busy != 2 || math.Abs(slow-p.Answer.Max) > 0.01*slow+1 {
		t.Errorf("of %v, %d busy, the slowest took %.1f ms, and %.1f ms by the histogram", of, busy, slow, p.Answer.Max)
	}
}

// What the server has no room for is left out, and said to be.
func TestGenerator_Fit(t *testing.T) {
	var w load.Worst
	for i := range 40 {
		var c load.BadCall
		text, err := json.Marshal(map[string]any{"outcome": load.CallDone, "sip_call_id": fmt.Sprint(i), "answer_ms": i, "messages": []map[string]any{{"Text": rand.Text() + strings.Repeat("x", 20<<10) + rand.Text()}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &c); err != nil {
			t.Fatal(err)
		}
		w.Add(c.CallResult)
	}
	r := load.NoResult(&load.Plan{}, load.Part{Of: 1})
	r.Worst = w.Calls()
	all, err := pack(r)
	if err != nil || len(r.Worst) < 4 {
		t.Fatal(err, len(r.Worst))
	}
	g := &generator{c: Config{Log: slog.New(slog.DiscardHandler)}}
	if packed, err := g.fit(r, len(all)); err != nil || len(packed) != len(all) {
		t.Errorf("%d of %d bytes: %v", len(packed), len(all), err)
	}
	packed, err := g.fit(r, len(all)-1)
	if err != nil || len(packed) >= len(all) {
		t.Fatalf("%d of %d bytes: %v", len(packed), len(all), err)
	}
	got, err := unpack(packed)
	if err != nil || len(got.Worst) != len(r.Worst) || got.Worst[0].Missing() != 0 || got.Worst[len(got.Worst)-1].Missing() != 1 || len(r.Worst[len(r.Worst)-1].Messages()) != 1 {
		t.Errorf("%v: %+v", err, got.Worst)
	}
}
