package sip

import (
	"fmt"
	"testing"
)

// walk checks a table: nothing decided twice, every state reached from the first
// and able to come to the last.
func walk[S, E ~int, D any](t *testing.T, rows []row[S, E, D], states, first, last S, name func(S) string) {
	t.Helper()
	if got := len(newTable(rows)); got != len(rows) {
		t.Errorf("%d rows decide %d pairs: something is decided twice", len(rows), got)
	}
	forth, back := map[S][]S{}, map[S][]S{}
	for _, r := range rows {
		forth[r.from] = append(forth[r.from], r.to)
		back[r.to] = append(back[r.to], r.from)
	}
	from, to := reach(forth, first), reach(back, last)
	for s := range states {
		if !from[s] {
			t.Errorf("never reached: %s", name(s))
		}
		if !to[s] {
			t.Errorf("cannot end: %s", name(s))
		}
	}
}

func TestTables(t *testing.T) {
	t.Run("session", func(t *testing.T) {
		walk(t, sessionRows(), phaseCount, phaseNone, phaseEnded, phase.String)
		have := newTable(sessionRows())
		for p := phaseNone + 1; p < phaseCount; p++ {
			if _, ok := have[arrow[phase, stimulus]{p, askHangup}]; !ok {
				t.Errorf("%s cannot be hung up", p)
			}
			if phaseStates[p] == "" {
				t.Errorf("%s has no state that a person sees", p)
			}
		}
		for s := range stimulusCount {
			if s.String() == "" {
				t.Errorf("stimulus %d has no name", s)
			}
		}
	})
	t.Run("offer", func(t *testing.T) {
		walk(t, offerRows(), offerPhaseCount, offerNone, offerNone, offerPhase.String)
		allowed := map[string]bool{
			"stable/send-offer": true, "stable/receive-offer": true, "have-local/receive-answer": true,
			"have-local/offer-refused": true, "have-remote/send-answer": true, "have-remote/refuse-offer": true,
		}
		rules := newTable(offerRows())
		for p := range offerPhaseCount {
			for s := range offerStepCount {
				o := offerAnswer{phase: p}
				if got, want := o.step(rules, s, nil), allowed[fmt.Sprint(p, "/", s)]; got != want {
					t.Errorf("%s on %s: %v", p, s, got)
				}
			}
		}
	})
	t.Run("refer", func(t *testing.T) {
		walk(t, referRows(), referPhaseCount, referSent, referEnded, referPhase.String)
		for s := range referStepCount {
			if s.String() == "" {
				t.Errorf("step %d has no name", s)
			}
		}
	})
}

// What is refused in a phase is refused on purpose: this is the list.
func TestSessionTableRefuses(t *testing.T) {
	have := newTable(sessionRows())
	refused := 0
	for p := range phaseCount {
		for s := range stimulusCount {
			if _, ok := have[arrow[phase, stimulus]{p, s}]; !ok {
				refused++
			}
		}
	}
	for _, c := range []arrow[phase, stimulus]{
		{phaseCancelling, askAnswer}, {phaseEnded, askAnswer}, {phaseEnded, askProgress}, {phaseEnded, onBye},
		{phaseConfirmed, askReject}, {phaseConfirmed, askAnswer}, {phaseAnswered, askReject}, {phaseAnswered, askProgress},
		{phaseEnded, onCancel + 100},
	} {
		if _, ok := have[c]; ok {
			t.Errorf("taken: %v on %v", c.from, c.on)
		}
	}
	if refused+len(have) != int(phaseCount)*int(stimulusCount) {
		t.Errorf("%d refused and %d taken are not all", refused, len(have))
	}
}
