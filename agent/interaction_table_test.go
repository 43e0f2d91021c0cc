package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ringback/sip"
)

// specTable is callbacks.md section 5.
const specTable = `
| state | accept | reject | call | end | hold | resume | mute | transfer | conference | dtmf | consult | reschedule | disposition | note | case data | done |
| offered | x | x | | | | | | | | | | | | | | |
| preview | | | x | | | | | | | | | x | x | x | x | x |
| dialling | | | | x | | | | | | | | | x | x | x | |
| connected | | | | x | x | | x | x | x | x | x | x | x | x | x | |
| on hold | | | | x | | x | x | x | x | | x | x | x | x | x | |
| consulting | | | | x | x | x | x | x | x | x | | | x | x | x | |
| conference | | | | x | x | x | x | x | x | x | | x | x | x | x | |
| ready to call | | | x | | | | | | | | | x | x | x | x | x |
| done | | | | | | | | | | | | | | | | |
`

// columnActions are the actions that a column of the specification stands for.
func columnActions(column string) []string {
	switch column {
	case "mute":
		return []string{"mute", "unmute"}
	case "disposition":
		return []string{"dispose"}
	case "case data":
		return []string{"case"}
	}
	return []string{column}
}

func cells(line string) []string {
	var out []string
	for _, cell := range strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|") {
		out = append(out, strings.TrimSpace(cell))
	}
	return out
}

// testConfig is a valid configuration without devices.
func testConfig() Config {
	c := DefaultConfig()
	c.Account.AOR, c.Account.Bind = "sip:1001@10.0.0.1", "10.0.0.2"
	c.Account.Password = "secret"
	c.Audio.Headset = []string{"null"}
	return c
}

func newTestAgent(t *testing.T, cfg Config) *Agent {
	t.Helper()
	a, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fixture puts an interaction into a phase, without a network.
func fixture(a *Agent, p Phase) *interaction {
	in := a.newInteraction(KindVoiceCallback, Contact{Number: "2000"})
	up := func(role Role) *leg {
		l := a.newLeg(in, role, false)
		l.phase, l.remote = CallPhaseConnected, sip.Address{URI: sip.URI{Scheme: "sip", User: "2000", Host: "10.0.0.1"}}
		return l
	}
	switch p {
	case PhaseOffered:
		in.offer = &offer{state: offerOpen, means: meansAnswer}
	case PhasePreview:
		in.previewing = true
	case PhaseDialling:
		up(RoleMain).phase = CallPhaseDialling
	case PhaseConnected:
		up(RoleMain)
	case PhaseOnHold:
		l := up(RoleMain)
		l.held, l.wantHold = true, true
	case PhaseConsulting:
		l := up(RoleMain)
		l.held, l.wantHold = true, true
		up(RoleConsultation)
	case PhaseConference:
		up(RoleMain).joined = true
		up(RoleParty).joined = true
		in.conference = true
	case PhaseReadyToCall:
		up(RoleMain).phase = CallPhaseEnded
	case PhaseDone:
		in.closed = true
	}
	return in
}

func argsFor(name string, id InteractionID) json.RawMessage {
	all := map[string]any{"interaction": id}
	for _, spec := range Actions() {
		if spec.Name != name {
			continue
		}
		for _, arg := range spec.Args {
			if !arg.Required {
				continue
			}
			all[arg.Name] = map[string]any{"bool": true, "object": map[string]string{"k": "v"}}[arg.Type]
			if all[arg.Name] == nil {
				all[arg.Name] = "123"
			}
		}
	}
	text, _ := json.Marshal(all)
	return text
}

// refusedOf performs an action that must be refused, without a loop.
func refusedOf(t *testing.T, a *Agent, name string, raw json.RawMessage) *ActionError {
	t.Helper()
	r, err := a.parse(name, raw)
	if err != nil {
		t.Fatalf("%s %s: %v", name, raw, err)
	}
	a.perform(r)
	a.sendAnswers()
	select {
	case o := <-r.answer:
		return o.err
	default:
		t.Fatalf("%s %s: not answered", name, raw)
		return nil
	}
}

func TestInteractionTable(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(specTable), "\n")
	columns := cells(lines[0])
	for _, line := range lines[1:] {
		row := cells(line)
		phase := Phase(strings.ReplaceAll(row[0], " ", "-"))
		for i, column := range columns[1:] {
			allowed := row[i+1] == "x"
			for _, action := range columnActions(column) {
				t.Run(fmt.Sprintf("%s/%s is %s", phase, action, map[bool]string{true: "allowed", false: "refused"}[allowed]), func(t *testing.T) {
					checkCell(t, phase, action, allowed)
				})
			}
		}
	}
}

func checkCell(t *testing.T, phase Phase, action string, allowed bool) {
	a := newTestAgent(t, testConfig())
	in := fixture(a, phase)
	if got := in.phase(); got != phase {
		t.Fatalf("fixture is %s", got)
	}
	published := in.view(a.table).Allowed
	if slices.Contains(published, action) != allowed {
		t.Fatalf("published %v", published)
	}
	if allowed {
		return
	}
	a.publishRest()
	before := a.snapshot()
	err := refusedOf(t, a, action, argsFor(action, in.id))
	if err == nil || err.Code != CodeNotAllowed || !strings.Contains(err.Message, string(phase)) {
		t.Fatalf("refused with %+v", err)
	}
	if !slices.Equal(err.Allowed, published) {
		t.Errorf("the error allows %v, the state %v", err.Allowed, published)
	}
	if after := a.snapshot(); !reflect.DeepEqual(before, after) {
		t.Errorf("a refused action changed something: %+v", after)
	}
	if len(a.waiters) != 0 {
		t.Error("a refused action left a waiter")
	}
}

func TestInteractionTable_SubActionsOnlyWhereTheyMakeSense(t *testing.T) {
	want := map[string][]Phase{
		"consult-swap": {PhaseConsulting}, "consult-transfer": {PhaseConsulting}, "consult-conference": {PhaseConsulting},
		"consult-end": {PhaseConsulting}, "conference-drop": {PhaseConference}, "conference-mute": {PhaseConference},
		"conference-unmute": {PhaseConference}, "conference-suspend": {PhaseConference}, "conference-reinstate": {PhaseConference},
	}
	for action, phases := range want {
		for _, p := range []Phase{PhaseOffered, PhasePreview, PhaseDialling, PhaseConnected, PhaseOnHold, PhaseConsulting,
			PhaseConference, PhaseReadyToCall, PhaseDone} {
			a := newTestAgent(t, testConfig())
			in := fixture(a, p)
			if got := slices.Contains(in.view(a.table).Allowed, action); got != slices.Contains(phases, p) {
				t.Errorf("%s in %s: %v", action, p, got)
			}
		}
	}
}

func TestInteractionTable_GuardsSayWhy(t *testing.T) {
	a := newTestAgent(t, testConfig())
	in := fixture(a, PhaseConsulting)
	in.consult.phase = CallPhaseRinging
	err := refusedOf(t, a, "consult-transfer", nil)
	if err == nil || err.Code != CodeNotAllowed || err.Message != "consult-transfer is not allowed: i1 is consulting, and contact and target must both be connected" {
		t.Errorf("%+v", err)
	}
	in.main.transfer = &transfer{}
	if err := refusedOf(t, a, "transfer", json.RawMessage(`{"target":"9"}`)); err == nil || err.Code != CodeNotAllowed {
		t.Errorf("second transfer: %+v", err)
	}
}

func TestEveryTableActionIsAnAction(t *testing.T) {
	a := newTestAgent(t, testConfig())
	for action := range a.table {
		if spec, known := a.actions[action]; !known || spec.Targets != OnInteraction {
			t.Errorf("%s is in the table and no action", action)
		}
	}
	for name, spec := range a.actions {
		if _, known := a.table[name]; spec.Targets == OnInteraction && !known {
			t.Errorf("%s is an action without a row", name)
		}
		if (spec.do == nil) == (spec.ask == nil) || spec.Help == "" || !json.Valid([]byte(spec.Example)) {
			t.Errorf("%s: do, help and example are needed", name)
		}
		if _, err := a.parse(name, json.RawMessage(spec.Example)); err != nil {
			t.Errorf("%s: its example is refused: %v", name, err)
		}
	}
}

func TestDo_BadArguments(t *testing.T) {
	a := newTestAgent(t, testConfig())
	for _, c := range []struct{ name, args, code, says string }{
		{"fly", `{}`, CodeNotFound, "fly"},
		{"dial", `{}`, CodeInvalid, "target"},
		{"dial", `{"target":""}`, CodeInvalid, "target"},
		{"dial", `{"target":null}`, CodeInvalid, "target"},
		{"dial", `{"target":7}`, CodeInvalid, "target"},
		{"dial", `{"target":"7","color":"red"}`, CodeInvalid, "color"},
		{"dial", `[]`, CodeInvalid, "object"},
		{"dial", `{`, CodeInvalid, "object"},
		{"hold", `{"interaction":""}`, CodeInvalid, "interaction"},
		{"dnd", `{}`, CodeInvalid, "on"},
	} {
		_, err := a.Do(context.Background(), c.name, json.RawMessage(c.args))
		if err == nil || err.Code != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %+v", c.name, c.args, err)
		}
	}
}

func TestFind_TheOnlyOneThatCanBeMeant(t *testing.T) {
	a := newTestAgent(t, testConfig())
	if _, err := a.find("hold", ""); err == nil || err.Code != CodeNotFound {
		t.Errorf("none open: %+v", err)
	}
	held := fixture(a, PhaseOnHold)
	if in, err := a.find("hold", ""); err != nil || in != held {
		t.Errorf("the only open one is meant, whether it allows it or not: %v", err)
	}
	talk := fixture(a, PhaseConnected)
	if in, err := a.find("hold", ""); err != nil || in != talk {
		t.Errorf("the only one that allows it is meant: %v", err)
	}
	if in, err := a.find("hold", InteractionID(talk.main.id)); err != nil || in != talk {
		t.Errorf("by the id of its call: %v", err)
	}
	_, err := a.find("mute", "")
	if err == nil || err.Code != CodeNotFound || !slices.Equal(err.Candidates, []string{string(held.id), string(talk.id)}) {
		t.Errorf("two could be meant: %+v", err)
	}
	if _, err := a.find("hold", "i99"); err == nil || err.Code != CodeNotFound || len(err.Candidates) != 2 {
		t.Errorf("unknown id: %+v", err)
	}
}
