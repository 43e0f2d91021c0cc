package agent

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
)

func TestEventLog_DenseAndBounded(t *testing.T) {
	l := newEventLog(4, 1<<20)
	from := l.Since(0)
	for range 3 {
		l.append(Event{Type: DTMFSent})
	}
	for want := uint64(1); want <= 3; want++ {
		if e, err := from.Next(t.Context()); err != nil || e.Seq != want {
			t.Fatalf("want %d, got %d %v", want, e.Seq, err)
		}
	}
	slow := l.Since(0)
	for range 3 {
		l.append(Event{})
	}
	if _, err := slow.Next(t.Context()); !errors.Is(err, ErrFellBehind) {
		t.Fatalf("1 and 2 are forgotten: %v", err)
	}
	if e, err := l.Since(2).Next(t.Context()); err != nil || e.Seq != 3 {
		t.Fatalf("3 is the oldest: %d %v", e.Seq, err)
	}
	if l.Last() != 6 {
		t.Fatal(l.Last())
	}
}

// There is room for few at first; as it grows, each event stays in its place.
func TestEventLog_GrowsToItsSize(t *testing.T) {
	const size = 3*eventLogFirst + 5
	l := newEventLog(size, 1<<30)
	if len(l.ring) > eventLogFirst {
		t.Errorf("it begins with room for %d", len(l.ring))
	}
	for n := range uint64(2 * size) {
		l.append(Event{})
		first := max(1, int64(n)+2-size)
		if got := l.first(); got != uint64(first) {
			t.Fatalf("after %d events the oldest is %d, want %d", n+1, got, first)
		}
		for seq := l.first(); seq <= n+1; seq++ {
			if e := l.place(seq); e.Seq != seq {
				t.Fatalf("after %d events %d is in the place of %d", n+1, e.Seq, seq)
			}
		}
	}
}

// Large events are forgotten sooner, the newest never.
func TestEventLog_IsBoundedByBytes(t *testing.T) {
	l := newEventLog(1000, 100<<10)
	for i := range 50 {
		e := Event{Type: MessageReceived, Text: strings.Repeat("x", 20<<10)}
		if i%2 == 0 {
			e = Event{Change: &Change{Interactions: []InteractionState{{ID: "i1", Case: map[string]any{"k": map[string]any{"deep": []any{strings.Repeat("x", 20<<10)}}}}}}}
		}
		l.append(e)
		if l.bytes > 100<<10 {
			t.Fatalf("it holds %d bytes", l.bytes)
		}
	}
	if n := l.last - l.gone; n < 3 || n > 5 {
		t.Errorf("%d events of 20 kB within 100 kB", n)
	}
	if _, err := l.Since(l.gone - 1).Next(t.Context()); !errors.Is(err, ErrFellBehind) {
		t.Errorf("what is forgotten: %v", err)
	}
	if e, err := l.Since(l.gone).Next(t.Context()); err != nil || e.Seq != l.gone+1 {
		t.Errorf("the oldest: %+v, %v", e.Seq, err)
	}
	l.append(Event{Text: strings.Repeat("x", 1<<20)})
	if e, err := l.Since(l.last - 1).Next(t.Context()); err != nil || len(e.Text) != 1<<20 {
		t.Errorf("one that is larger than all: %v", err)
	}
}

func TestEventLog_NextWaitsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newEventLog(4, 1<<20)
		got := make(chan Event)
		go func() {
			c := l.Since(0)
			e, _ := c.Next(t.Context())
			got <- e
			_, err := c.Next(t.Context())
			if !errors.Is(err, io.EOF) {
				t.Errorf("after the end: %v", err)
			}
			close(got)
		}()
		synctest.Wait()
		l.append(Event{Type: DTMFSent})
		if e := <-got; e.Seq != 1 {
			t.Error(e.Seq)
		}
		l.close()
		<-got
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := newEventLog(1, 1<<20).Since(0).Next(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// sameAsFolded holds that folding the events gives what the agent publishes, and
// that the model says the same; through JSON too.
func sameAsFolded(t *testing.T, a *Agent, events []Event) {
	t.Helper()
	published := a.State()
	if folded := Fold(events); !reflect.DeepEqual(folded, published) {
		differ(t, "folded", toJSON(t, folded), toJSON(t, published))
	}
	var through []Event
	for _, e := range events {
		var back Event
		if err := json.Unmarshal([]byte(toJSON(t, e)), &back); err != nil {
			t.Fatal(err)
		}
		through = append(through, back)
	}
	if folded, published := toJSON(t, Fold(through)), toJSON(t, published); folded != published {
		differ(t, "folded from JSON", folded, published)
	}
}

// differ shows where two texts part.
func differ(t *testing.T, what, got, want string) {
	t.Helper()
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-200)
	t.Errorf("%s and published differ:\n%s\n%s", what, got[from:min(len(got), at+300)], want[from:min(len(want), at+300)])
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func eventsOf(t *testing.T, a *Agent) []Event {
	t.Helper()
	var all []Event
	c := a.Since(0)
	for last := a.Events().Last(); uint64(len(all)) < last; {
		e, err := c.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestState_IsAFoldOfTheEvents(t *testing.T) {
	a := newTestAgent(t, testConfig())
	for _, p := range []Phase{PhaseOffered, PhaseConnected, PhaseConference, PhaseReadyToCall, PhaseDone} {
		in := fixture(a, p)
		in.callback = &Callback{ID: string(in.id), Data: map[string]any{"n": 1.5}}
		a.emit(Event{Type: InteractionCreated, Interaction: in.id})
	}
	a.interactions[1].muted = true
	a.interactions[1].recordDigits(caseSent, "12")
	a.registered.State = "registered"
	a.voice.input(askReady, "", a.now(), 0)
	a.publishRest()
	for range maxDone + 3 {
		a.input(func() { fixture(a, PhaseDone) })()
	}
	if got := len(a.State().Interactions); got != 4+maxDone {
		t.Errorf("%d interactions are remembered", got)
	}
	if model, published := toJSON(t, a.snapshot()), toJSON(t, a.State()); model != published {
		differ(t, "model", model, published)
	}
	sameAsFolded(t, a, eventsOf(t, a))
}

func TestState_ShapeOfTheSpecification(t *testing.T) {
	a := newTestAgent(t, testConfig())
	fixture(a, PhaseConnected)
	a.publishRest()
	var got map[string]any
	if err := json.Unmarshal([]byte(toJSON(t, a.State())), &got); err != nil {
		t.Fatal(err)
	}
	dig := func(path ...any) any {
		var at any = got
		for _, p := range path {
			switch p := p.(type) {
			case string:
				value, have := at.(map[string]any)[p]
				if !have {
					t.Errorf("%v is missing", path)
					return nil
				}
				at = value
			case int:
				at = at.([]any)[p]
			}
		}
		return at
	}
	if dig("schema") != "ringback.state/1" || dig("seq") == nil {
		t.Error("schema or seq")
	}
	for _, f := range []string{"state", "aor", "expires", "reason", "next_try"} {
		dig("registration", f)
	}
	for _, f := range []string{"state", "reason", "since", "pending"} {
		dig("channels", "voice", f)
		dig("channels", "webcallback", f)
	}
	for _, f := range []string{"id", "kind", "state", "allowed", "contact", "callback", "case", "disposition", "note", "attempts", "offer_expires", "calls"} {
		dig("interactions", 0, f)
	}
	for _, f := range []string{"id", "interaction", "role", "state", "held_by_me", "held_by_remote", "muted", "remote", "sip_call_id", "codec", "encrypted", "quality"} {
		dig("calls", 0, f)
	}
	for _, f := range []string{"rx_packets", "tx_packets", "lost", "jitter_ms", "mos"} {
		dig("calls", 0, "quality", f)
	}
	dig("outbox", "waiting")
	dig("outbox", "failed")
}
