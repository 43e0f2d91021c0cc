package sip

import "sync"

// row is one arrow of a state machine: in from, when on happens, be in to and do what
// is said.
type row[S, E comparable, D any] struct {
	from S
	on   E
	to   S
	do   D
}

// arrow is where a row begins: a table has at most one for each.
type arrow[S, E comparable] struct {
	from S
	on   E
}

// table is a state machine. It has no clock and no socket, and nothing changes it:
// all who live by it share it.
type table[S, E comparable, D any] map[arrow[S, E]]row[S, E, D]

func newTable[S, E comparable, D any](rows []row[S, E, D]) table[S, E, D] {
	t := make(table[S, E, D], len(rows))
	for _, r := range rows {
		t[arrow[S, E]{r.from, r.on}] = r
	}
	return t
}

// next is the row for an event; there is none for what cannot happen or changes
// nothing.
func (t table[S, E, D]) next(from S, on E) (row[S, E, D], bool) {
	r, ok := t[arrow[S, E]{from, on}]
	return r, ok
}

// do lists the actions of a row.
func do[A any](actions ...A) []A { return actions }

// machines are the tables of every user agent.
var machines = sync.OnceValue(newTables)

// tables are the machines that user agents live by.
type tables struct {
	session      table[phase, stimulus, sessionDo]
	offer        table[offerPhase, offerStep, offerDo]
	referral     table[referPhase, referStep, referDo]
	registration table[regState, regEvent, []regAction]
	subscription table[subState, subEvent, []subAction]
	fork         table[subState, subEvent, []subAction]
	publication  table[pubState, pubEvent, []pubAction]
}

func newTables() tables {
	return tables{
		session: newTable(sessionRows()), offer: newTable(offerRows()), referral: newTable(referRows()),
		registration: newTable(registrationRows()), subscription: newTable(subscriptionRows()),
		fork: newTable(forkRows()), publication: newTable(publicationRows()),
	}
}
