package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"ringback/agent/store"
	"ringback/internal/lab"
)

// move is one step of a random day: something that the PBX, the agent or time
// does. n chooses among what there is.
type move struct {
	what string
	n    int
}

func (m move) String() string { return fmt.Sprintf("%s(%d)", m.what, m.n) }

// moves are all steps; those that lead somewhere stand there more often.
func moves() []string {
	return []string{
		"order", "order", "order", "order", "accept", "accept", "accept", "reschedule-me", "reschedule-me", "done", "done", "order-again", "offer", "give-up", "contact-ends", "second", "half-minute", "ten-minutes", "restart",
		"ready", "not-ready", "accept", "accept", "reject", "call", "call", "end", "hold", "resume", "mute", "dispose", "note", "case",
		"reschedule-team", "reschedule-me", "reschedule-drop", "result", "do-not-call", "done", "done", "claim", "call-now", "dial", "consult", "consult-end",
	}
}

// TestModel drives the whole agent at the lab with random commands and PBX events,
// and holds what callbacks.md promises after each.
func TestModel(t *testing.T) {
	dirs := t.TempDir()
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		day := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) move {
			return move{rapid.SampledFrom(moves()).Draw(rt, "what"), rapid.IntRange(0, 5).Draw(rt, "n")}
		}), 5, 25).Draw(rt, "day")
		round++
		broken := ""
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, fmt.Sprintf("%s/%d", dirs, round))
			defer w.close()
			for i, m := range day {
				w.make(m)
				if broken = w.broken(); broken != "" {
					broken = fmt.Sprintf("after move %d, %s: %s", i, m, broken)
					return
				}
			}
		})
		if broken != "" {
			rt.Fatal(broken)
		}
	})
}

// world is a bed whose agent may be restarted.
type world struct {
	*bed
	cfg   Config
	stop  func()
	said  map[string]string // notes that were acknowledged, by interaction
	fault string
}

func newWorld(t *testing.T, dir string) *world {
	cfg := testConfig()
	cfg.Account.Expires = time.Hour
	cfg.Channels.StartWeb, cfg.Callbacks.Retries = "ready", 1
	w := &world{bed: newLabBed(t, dir, lab.Config{Queue: lab.QueuePolicy{GiveUp: 2 * time.Minute}}), cfg: cfg, said: map[string]string{}}
	w.start()
	return w
}

func (w *world) start() {
	w.agent = w.bed.make(w.cfg, "1001", agentIP)
	w.seen = 0
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	a := w.agent
	go func() { ended <- a.Run(ctx) }()
	w.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.fault = "run: " + err.Error()
		}
	}
	w.wait(RegistrationRegistered)
}

func (w *world) close() {
	w.stop()
	w.bed.close()
}

// ask has the agent do something that may be refused. A refusal changes nothing.
func (w *world) ask(name string, args map[string]any) bool {
	synctest.Wait()
	before := w.agent.State()
	_, err := w.try(name, args)
	if err == nil {
		return true
	}
	if after := w.agent.State(); err.Code == CodeNotAllowed && before.Seq == after.Seq && !reflect.DeepEqual(before.Interactions, after.Interactions) {
		w.fault = fmt.Sprintf("%s was refused (%s) and changed something", name, err.Message)
	}
	if err.Code == CodeFailed || err.Code == CodeTimeout {
		w.fault = fmt.Sprintf("%s: %s", name, err.Message)
	}
	return false
}

// on names the interaction that a command is for: one of the open ones.
func (w *world) on(n int, args map[string]any) map[string]any {
	if args == nil {
		args = map[string]any{}
	}
	open := slices.DeleteFunc(slices.Clone(w.agent.State().Interactions), func(i InteractionState) bool { return i.State == PhaseDone })
	if len(open) > 0 {
		args["interaction"] = open[n%len(open)].ID
	}
	return args
}

func (w *world) make(m move) {
	key := fmt.Sprintf("w-%d", m.n)
	number := []string{"+81312345678", "600", "610", "611", "614", "+81312345679"}[m.n%6]
	switch m.what {
	case "order", "order-again":
		body := fmt.Sprintf(`{"id":%q,"number":%q,"name":"山田"}`, key, number)
		if m.what == "order-again" {
			body = strings.Replace(body, "}", `,"attempt":2}`, 1)
		}
		_, _ = w.lab.Send(context.Background(), "1001", "application/json", body)
	case "offer":
		_, _ = w.lab.Offer(lab.Callback{ID: fmt.Sprintf("v-%d", m.n), Number: "600", FirstLeg: []string{"", "agent"}[m.n%2]})
	case "give-up":
		_ = w.lab.GiveUp(fmt.Sprintf("v-%d", m.n))
	case "contact-ends":
		_ = w.lab.HangUp(number)
	case "second", "half-minute", "ten-minutes":
		<-time.After(map[string]time.Duration{"second": time.Second, "half-minute": 30 * time.Second, "ten-minutes": 10 * time.Minute}[m.what])
	case "restart":
		w.stop()
		w.start()
	case "ready", "not-ready":
		w.ask(m.what, map[string]any{"channel": []string{"voice", "webcallback", "all"}[m.n%3]})
	case "reschedule-team", "reschedule-me":
		w.ask("reschedule", w.on(m.n, map[string]any{"at": "+5m", "personal": m.what == "reschedule-me"}))
	case "reschedule-drop":
		w.ask("reschedule", w.on(m.n, map[string]any{"drop": true}))
	case "result":
		w.ask("result", w.on(m.n, map[string]any{"result": CallResults()[m.n%6]}))
	case "do-not-call":
		if m.n == 5 { // else there is soon nobody left to call
			w.ask("result", w.on(m.n, map[string]any{"result": "do-not-call"}))
		}
	case "dispose":
		w.ask("dispose", w.on(m.n, map[string]any{"code": "sold"}))
	case "note":
		text := fmt.Sprintf("note %d", w.agent.Events().Last())
		if args := w.on(m.n, map[string]any{"text": text}); w.ask("note", args) && args["interaction"] != nil {
			w.said[string(args["interaction"].(InteractionID))] = text
		}
	case "case":
		w.ask("case", w.on(m.n, map[string]any{"values": map[string]string{"k": fmt.Sprint(m.n)}}))
	case "done":
		w.finish(w.on(m.n, nil))
	case "claim", "call-now":
		w.ask(map[string]string{"claim": "callbacks-claim", "call-now": "callbacks-call"}[m.what], map[string]any{"callback": key})
	case "dial", "consult":
		args := map[string]any{"target": "601"}
		if m.what == "consult" {
			args = w.on(m.n, args)
		}
		w.ask(m.what, args)
	default:
		w.ask(m.what, w.on(m.n, nil))
	}
	synctest.Wait()
}

// finish marks an interaction done. Its callback must be where the agent said.
func (w *world) finish(args map[string]any) {
	id, _ := args["interaction"].(InteractionID)
	synctest.Wait()
	in, _ := w.agent.State().Interaction(id)
	if !w.ask("done", args) || in.Callback == nil {
		return
	}
	want := store.CallbackDone
	if in.Reschedule != nil {
		want = store.CallbackHanded
		if in.Reschedule.Scope == ScopePersonal {
			want = store.CallbackScheduled
		}
	}
	if row, _, err := w.agent.store.Callback(in.Callback.ID); err != nil || row.State != want {
		w.fault = fmt.Sprintf("after done the callback %s is %s, not %s (%v)", in.Callback.ID, row.State, want, err)
	}
}

// broken says which promise does not hold; empty when all do.
func (w *world) broken() string {
	if w.fault != "" {
		return w.fault
	}
	said := ""
	err := w.agent.loop.Do(context.Background(), func() { said = w.inPlace() })
	if err != nil {
		return err.Error()
	}
	if said != "" {
		return said
	}
	var model State
	_ = w.agent.loop.Do(context.Background(), func() { model = w.agent.snapshot() })
	if model, published := inOrder(w.t, model), inOrder(w.t, w.agent.State()); model != published {
		return "the state is not what the model says:\n" + model + "\n" + published
	}
	return ""
}

// inOrder is a state as text, with its calls by their ids: events tell them as they
// came, the model by interaction.
func inOrder(t *testing.T, s State) string {
	s.Calls = slices.SortedFunc(slices.Values(s.Calls), func(x, y CallState) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return toJSON(t, s)
}

// inPlace holds that each callback is in exactly one place, the same in the store
// and in memory. It runs on the loop.
func (w *world) inPlace() string {
	a := w.agent
	rows, err := a.store.Callbacks(store.CallbackFilter{})
	if err != nil {
		return err.Error()
	}
	held := map[string]int{}
	for _, in := range a.interactions {
		if !in.closed && in.recorded && in.key != "" {
			held[in.key]++
		}
	}
	listed := map[string]int{}
	for _, e := range a.agenda.entries {
		listed[e.row.Key]++
	}
	for _, row := range rows {
		open, waits := held[row.Key], listed[row.Key]
		wantOpen, wantWaits := 0, 0
		switch row.State {
		case store.CallbackOpen:
			wantOpen = 1
		case store.CallbackWaiting, store.CallbackScheduled:
			wantWaits = 1
		}
		if open != wantOpen || waits != wantWaits {
			return fmt.Sprintf("callback %s is %s in the store, held by %d interactions and %d times on the agenda", row.Key, row.State, open, waits)
		}
		if row.State == store.CallbackScheduled && row.Due.IsZero() {
			return "callback " + row.Key + " is scheduled for no time"
		}
	}
	return w.interactionsKept()
}

func (w *world) interactionsKept() string {
	for _, in := range w.agent.interactions {
		if !in.recorded {
			continue
		}
		row, have, err := w.agent.store.Interaction(string(in.id))
		if err != nil || !have {
			return fmt.Sprintf("%s is not in the store: %v", in.id, err)
		}
		var armed *Reschedule
		if err := json.Unmarshal(row.Armed, &armed); err != nil {
			return err.Error()
		}
		if row.Note != in.note || row.Disposition != in.disposition || row.Closed.IsZero() == in.closed || !reflect.DeepEqual(armed, in.armed) || row.Attempts != in.attempts {
			return fmt.Sprintf("%s differs from the store: %+v", in.id, row)
		}
		if text, said := w.said[string(in.id)]; said && in.note != text {
			return fmt.Sprintf("the note of %s is %q, acknowledged was %q", in.id, in.note, text)
		}
		answered := 0
		for _, l := range in.legs {
			if l.role == RoleMain && l.live() {
				answered++
			}
		}
		if answered > 1 {
			return fmt.Sprintf("the contact of %s is called twice at a time", in.id)
		}
	}
	return ""
}
