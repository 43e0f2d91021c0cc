package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ringback/agent"
	"ringback/internal/lab"
)

// day is the world outside of the agent's process: the PBX, the agent's hands, and
// a witness of what was acknowledged.
type day struct {
	*testing.T
	lab    *lab.Lab
	life   life
	child  *child
	chance *rand.Rand
	made   int // callbacks so far
	known  map[string]*witness
	notes  map[string][]string // by interaction: what its note may be, the acknowledged one first
}

// witness is what is known of one callback.
type witness struct {
	number string
	taken  bool // the order was acknowledged
	calls  int  // times that the agent asked to call the contact, acknowledged or not
}

func newDay(t *testing.T, seed uint64) *day {
	t.Helper()
	l, err := lab.Start(t.Context(), lab.Config{Extensions: contacts(), Queue: lab.QueuePolicy{RingTime: 5 * time.Second, Pause: time.Second, GiveUp: 10 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Stop(false) })
	dir := t.TempDir()
	at := l.Addr("udp")
	d := &day{T: t, lab: l, chance: rand.New(rand.NewPCG(seed, 4711)), known: map[string]*witness{}, notes: map[string][]string{},
		life: life{Dir: filepath.Join(dir, "state"), Socket: filepath.Join(dir, "a.sock"), Seen: filepath.Join(dir, "points"),
			AOR: "sip:1001@" + at.String(), Registrar: "sip:" + at.String()}}
	return d
}

const leaves = "3999"

// contacts are the far ends of web callbacks: every second one is busy.
func contacts() []lab.Extension {
	all := append(lab.DefaultExtensions(), lab.Extension{Number: leaves, Behaviour: lab.Behaviour{Say: lab.Tone(520), HangUpAfter: 8 * time.Second}})
	for n := range 2000 {
		all = append(all, lab.Extension{Number: contact(n), Behaviour: lab.Behaviour{Refuse: 486 * ((n + 1) % 2)}})
	}
	return all
}

func contact(n int) string { return fmt.Sprintf("+8131000%04d", n) }

// order sends a web callback of a contact of its own.
func (d *day) order() string {
	d.made++
	key, number := fmt.Sprintf("w-%d", d.made), contact(d.made)
	w := &witness{number: number}
	d.known[key] = w
	body, _ := json.Marshal(map[string]any{"id": key, "number": number, "name": "山田 太郎"})
	ctx, cancel := d.child.patience()
	defer cancel()
	code, err := d.lab.Send(ctx, "1001", "application/json", string(body))
	w.taken = err == nil && code == 200
	return key
}

// offer puts a callback into the queue; the PBX keeps it until somebody takes it.
func (d *day) offer(kind string) string {
	d.made++
	key := fmt.Sprintf("v-%d", d.made)
	cb := lab.Callback{ID: key, Number: fmt.Sprintf("+8132000%04d", d.made), Type: "immediate", Name: "佐藤", Contact: &lab.Behaviour{}}
	if kind == "agent" {
		cb.FirstLeg = "agent"
	}
	d.known[key] = &witness{number: cb.Number}
	if _, err := d.lab.Offer(cb); err != nil {
		d.Fatal(err)
	}
	return key
}

// do has the agent do something; false when it was refused or the child died.
func (d *day) do(action string, args map[string]any) bool {
	done, _ := d.ask(action, args)
	return done
}

// ask is do, and tells a refusal, after which nothing has changed, from a child that died
// before it answered: then it may be done all the same.
func (d *day) ask(action string, args map[string]any) (done, refused bool) {
	if action == "call" || action == "callbacks-call" || action == "accept" {
		d.countCall(action, args)
	}
	ctx, cancel := d.child.patience()
	defer cancel()
	_, err := d.child.Do(ctx, action, args)
	var answer *agent.ActionError
	refused = errors.As(err, &answer) && answer.Code != agent.CodeTimeout
	if refused && answer.Code == agent.CodeFailed && d.child.alive() {
		d.Errorf("%s: %v", action, err)
	}
	return err == nil, refused
}

// countCall notes that the agent asks for a call to a contact: that of the callback or the
// interaction that is named, else of the newest one.
func (d *day) countCall(action string, args map[string]any) {
	key, _ := args["callback"].(string)
	if key == "" {
		id, _ := args["interaction"].(string)
		if in, found := d.find(agent.InteractionID(id)); found && in.Callback != nil && (action == "call" || in.AcceptMeans != "preview") {
			key = in.Callback.ID
		}
	}
	if w := d.known[key]; w != nil {
		w.calls++
	}
}

// open is the newest interaction that is not done.
func (d *day) open() (agent.InteractionState, bool) { return d.find("") }

// find is the interaction of that id; for none, the newest that is not done.
func (d *day) find(id agent.InteractionID) (agent.InteractionState, bool) {
	return d.newest(func(in agent.InteractionState) bool { return in.ID == id || id == "" && in.State != agent.PhaseDone })
}

// newest is the newest interaction that is wanted.
func (d *day) newest(wanted func(agent.InteractionState) bool) (agent.InteractionState, bool) {
	ctx, cancel := d.child.patience()
	defer cancel()
	s, err := d.child.State(ctx)
	for i := len(s.Interactions) - 1; err == nil && i >= 0; i-- {
		if in := s.Interactions[i]; wanted(in) {
			return in, true
		}
	}
	return agent.InteractionState{}, false
}

// now is the child's state at this moment, for what a failure says.
func (d *day) now() agent.State {
	ctx, cancel := d.child.patience()
	defer cancel()
	s, _ := d.child.State(ctx)
	return s
}

// phase waits until some interaction is in a phase.
func (d *day) phase(want agent.Phase) bool {
	return d.child.until(func(s agent.State) bool {
		for _, in := range s.Interactions {
			if in.State == want {
				return true
			}
		}
		return false
	})
}

func (d *day) offered() bool { return d.phase(agent.PhaseOffered) }

// note writes a note into the newest interaction that takes one, which an offer that has come
// meanwhile does not: it is kept nowhere before it is accepted. It remembers that it was
// acknowledged.
func (d *day) note() bool {
	in, found := d.newest(func(in agent.InteractionState) bool { return slices.Contains(in.Allowed, "note") })
	if !found {
		return false
	}
	text := fmt.Sprintf("覚え書き %d", d.chance.IntN(1e6))
	id := string(in.ID)
	done, refused := d.ask("note", map[string]any{"interaction": id, "text": text})
	switch {
	case done:
		d.notes[id] = []string{text}
		return true
	case refused:
		return false
	}
	if d.notes[id] == nil {
		d.notes[id] = []string{""}
	}
	d.notes[id] = append(d.notes[id], text)
	return false
}

// preview brings a web callback as far as its preview, whatever else is offered meanwhile.
func (d *day) preview() bool {
	key := d.order()
	if !d.known[key].taken {
		return false
	}
	id, offered := d.offeredAs(key)
	return offered && d.do("accept", map[string]any{"interaction": string(id)})
}

// called brings it as far as after a call to a busy contact.
func (d *day) called() bool {
	d.made |= 1 // the next one is busy
	return d.preview() && d.do("call", nil) && d.phase(agent.PhaseReadyToCall)
}

// talks dials somebody who hangs up by himself, since the PBX does not learn that the agent has
// died, and waits until he is heard.
func (d *day) talks() bool {
	return d.do("dial", map[string]any{"target": leaves}) && d.child.until(func(s agent.State) bool {
		for _, c := range s.Calls {
			if c.Heard.Sound {
				return true
			}
		}
		return false
	})
}

// scheduled makes it a personal callback that is due in a moment.
func (d *day) scheduled() bool {
	return d.preview() && d.do("reschedule", map[string]any{"at": "+1s", "personal": true}) && d.do("done", nil)
}

// round is one life of the agent in which steps are done until it dies.
func (d *day) round(l life, steps func(*day) bool) {
	d.Helper()
	d.child = start(d.T, l)
	if d.child.alive() {
		steps(d)
	}
	d.child.kill()
	d.check()
}

// finish lets the last child tell the PBX everything, and checks the whole day.
func (d *day) finish() {
	d.Helper()
	d.life.Point = ""
	d.child = start(d.T, d.life)
	if !d.child.until(func(s agent.State) bool { return s.Outbox.Waiting == 0 }) {
		d.Fatal("the outbox does not get empty")
	}
	d.child.leave()
	d.check()
	d.checkReports()
	d.checkCalls()
}

// randomDay does things in the order of chance until the child dies or steps are
// over.
func (d *day) randomDay(steps int) func(*day) bool {
	return func(*day) bool {
		for range steps {
			if !d.child.alive() {
				return false
			}
			d.step()
		}
		return true
	}
}

func (d *day) step() {
	in, found := d.open()
	if !found {
		switch d.chance.IntN(3) {
		case 0:
			d.offer([]string{"", "agent"}[d.chance.IntN(2)])
		default:
			d.order()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if s, err := d.child.State(ctx); err == nil && len(s.Interactions) == 0 {
			d.offered()
		}
		return
	}
	actions := in.Allowed
	if len(actions) == 0 {
		return
	}
	args := map[string]any{"interaction": string(in.ID)}
	action := actions[d.chance.IntN(len(actions))]
	switch action {
	case "note":
		d.note()
		return
	case "case":
		args["values"] = map[string]string{"k": fmt.Sprint(d.chance.IntN(100))}
	case "dispose":
		args["code"] = "sold"
	case "result":
		args["result"] = []string{"busy", "machine", "no answer", "answered"}[d.chance.IntN(4)]
	case "reschedule":
		args["at"], args["personal"] = "+1s", d.chance.IntN(2) == 0
	case "accept", "reject", "call", "end", "hold", "resume", "mute", "unmute", "done", "record-start", "record-pause", "record-stop":
	default: // conferences and transfers are not this test's
		return
	}
	d.do(action, args)
}
