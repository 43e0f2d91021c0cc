package sip

import (
	"fmt"
	"testing"
)

// walk checks a table: nothing decided twice, every state reached from the first
// and able to come to the last.
func walk(t *testing.T, states, first, last int, name func(int) string, rows [][3]int) {
	t.Helper()
	seen := map[[2]int]bool{}
	forth, back := map[int][]int{}, map[int][]int{}
	for _, r := range rows {
		key := [2]int{r[0], r[1]}
		if seen[key] {
			t.Errorf("decided twice: %s on %d", name(r[0]), r[1])
		}
		seen[key] = true
		forth[r[0]] = append(forth[r[0]], r[2])
		back[r[2]] = append(back[r[2]], r[0])
	}
	reach := func(from int, edges map[int][]int) map[int]bool {
		out, todo := map[int]bool{from: true}, []int{from}
		for len(todo) > 0 {
			s := todo[0]
			todo = todo[1:]
			for _, n := range edges[s] {
				if !out[n] {
					out[n] = true
					todo = append(todo, n)
				}
			}
		}
		return out
	}
	from, to := reach(first, forth), reach(last, back)
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
		var rows [][3]int
		for _, m := range sessionMoves() {
			rows = append(rows, [3]int{int(m.from), int(m.on), int(m.to)})
		}
		walk(t, int(phaseCount), int(phaseNone), int(phaseEnded), func(i int) string { return phase(i).String() }, rows)
		have := indexMoves(sessionMoves())
		for p := phaseNone + 1; p < phaseCount; p++ {
			if _, ok := have[moveKey{p, askHangup}]; !ok {
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
		var rows [][3]int
		for _, m := range offerMoves() {
			rows = append(rows, [3]int{int(m.from), int(m.on), int(m.to)})
		}
		walk(t, int(offerPhaseCount), int(offerNone), int(offerNone), func(i int) string { return offerPhase(i).String() }, rows)
		allowed := map[string]bool{
			"stable/send-offer": true, "stable/receive-offer": true, "have-local/receive-answer": true,
			"have-local/offer-refused": true, "have-remote/send-answer": true, "have-remote/refuse-offer": true,
		}
		for p := range offerPhaseCount {
			for s := range offerStepCount {
				o := offerAnswer{phase: p}
				if got, want := o.step(s, nil), allowed[fmt.Sprint(p, "/", s)]; got != want {
					t.Errorf("%s on %s: %v", p, s, got)
				}
			}
		}
	})
	t.Run("refer", func(t *testing.T) {
		var rows [][3]int
		for _, m := range referMoves() {
			rows = append(rows, [3]int{int(m.from), int(m.on), int(m.to)})
		}
		walk(t, int(referPhaseCount), int(referSent), int(referEnded), func(i int) string { return referPhase(i).String() }, rows)
		for s := range referStepCount {
			if s.String() == "" {
				t.Errorf("step %d has no name", s)
			}
		}
	})
}

// What is refused in a phase is refused on purpose: this is the list.
func TestSessionTableRefuses(t *testing.T) {
	have := indexMoves(sessionMoves())
	refused := 0
	for p := range phaseCount {
		for s := range stimulusCount {
			if _, ok := have[moveKey{p, s}]; !ok {
				refused++
			}
		}
	}
	for _, c := range []moveKey{
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
