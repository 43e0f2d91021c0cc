package transaction

import "testing"

// refused are the events that a machine's state has no row for, with the reason.
// Together with the rows they decide every pair of state and event.
var refused = map[string]map[state]map[event]string{
	"invite-client": {
		calling:    {evEnd: "D and M are not set", evCancelLimit: "no CANCEL went out"},
		proceeding: {evResend: "A stopped", evTimeout: "B stopped", evEnd: "D and M are not set"},
		accepted:   {evResend: "A stopped", evTimeout: "B stopped", evCancelLimit: "stopped with the final"},
		completed:  {evResend: "A stopped", evTimeout: "B stopped", evCancelLimit: "stopped with the final"},
	},
	"other-client": {
		trying:     {evEnd: "K is not set"},
		proceeding: {evEnd: "K is not set"},
		completed:  {evResend: "E stopped", evTimeout: "F stopped"},
	},
	"invite-server": {
		proceeding: {evResend: "G is not set", evTimeout: "H is not set", evEnd: "I and L are not set"},
		accepted: {evResend: "the user resends its 2xx", evTimeout: "H is not set", evTrying: "stopped with the final",
			ev1xx: "ErrFinal", ev3456: "ErrFinal"},
		completed: {evEnd: "I is not set", evTrying: "stopped with the final",
			ev1xx: "ErrFinal", ev2xx: "ErrFinal", ev3456: "ErrFinal"},
		confirmed: {evResend: "G stopped", evTimeout: "H stopped", evTrying: "stopped with the final",
			ev1xx: "ErrFinal", ev2xx: "ErrFinal", ev3456: "ErrFinal"},
	},
	"other-server": {
		trying:     {evEnd: "J is not set"},
		proceeding: {evEnd: "J is not set"},
		completed:  {evTimeout: "stopped with the final", ev1xx: "ErrFinal", ev2xx: "ErrFinal"},
	},
}

// alphabet is what can reach a machine at all.
var alphabet = map[string][]event{
	"invite-client": {evCancel, ev1xx, ev2xx, ev3456, evTransport, evResend, evTimeout, evEnd, evCancelLimit},
	"other-client":  {evCancel, ev1xx, ev2xx, evTransport, evResend, evTimeout, evEnd},
	"invite-server": {evRequest, evAck, evCancel, ev1xx, ev2xx, ev3456, evTransport, evResend, evTimeout, evEnd, evTrying},
	"other-server":  {evRequest, evCancel, ev1xx, ev2xx, evTransport, evTimeout, evEnd},
}

func TestTables(t *testing.T) {
	m := newMachines()
	for _, table := range []*table{m.inviteClient, m.otherClient, m.inviteServer, m.otherServer} {
		t.Run(table.name, func(t *testing.T) {
			t.Run("decides each pair of state and event once", func(t *testing.T) { checkDecided(t, table) })
			t.Run("reaches every state and can end from it", func(t *testing.T) { checkReach(t, table) })
		})
	}
}

func checkDecided(t *testing.T, table *table) {
	known := map[event]bool{}
	for _, e := range alphabet[table.name] {
		known[e] = true
	}
	count := map[[2]uint8]int{}
	states := map[state]bool{table.start: true}
	for _, r := range table.rows {
		count[[2]uint8{uint8(r.from), uint8(r.on)}]++
		states[r.from], states[r.to] = true, true
		if !known[r.on] {
			t.Errorf("%v on %v: the event is not in the machine's alphabet", r.from, r.on)
		}
		if r.from == terminated {
			t.Errorf("%v on %v: leaves the end", r.from, r.on)
		}
	}
	for s := range states {
		for _, e := range alphabet[table.name] {
			n := count[[2]uint8{uint8(s), uint8(e)}]
			why := refused[table.name][s][e]
			switch {
			case s == terminated:
			case n > 1:
				t.Errorf("%v on %v: decided %d times", s, e, n)
			case n == 0 && why == "":
				t.Errorf("%v on %v: not decided", s, e)
			case n == 1 && why != "":
				t.Errorf("%v on %v: decided and refused (%s)", s, e, why)
			}
		}
	}
}

func checkReach(t *testing.T, table *table) {
	forward, back := map[state][]state{}, map[state][]state{}
	for _, r := range table.rows {
		forward[r.from] = append(forward[r.from], r.to)
		back[r.to] = append(back[r.to], r.from)
	}
	reached, ends := closure(forward, table.start), closure(back, terminated)
	for _, r := range table.rows {
		for _, s := range []state{r.from, r.to} {
			if !reached[s] {
				t.Errorf("%v cannot be reached", s)
			}
			if !ends[s] {
				t.Errorf("%v cannot end", s)
			}
		}
	}
	if !reached[terminated] {
		t.Error("the end cannot be reached")
	}
}

func closure(edges map[state][]state, from state) map[state]bool {
	seen, queue := map[state]bool{from: true}, []state{from}
	for len(queue) > 0 {
		s := queue[0]
		queue = queue[1:]
		for _, next := range edges[s] {
			if !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return seen
}
