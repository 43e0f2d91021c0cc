package sip

import "slices"

// mostTurns bounds the SUBSCRIBEs that are under way at a time: a team of hundreds
// must not come over the PBX at once.
const mostTurns = 8

// turns lets so many through at a time, the others in the order in which they came.
// Loop goroutine.
type turns struct {
	inside  int
	waiting []*turn
}

// turn is one that wants through, or is inside.
type turn struct {
	run    func()
	inside bool
}

// enter runs the turn at once, or when it is its time.
func (q *turns) enter(t *turn) {
	q.waiting = append(q.waiting, t)
	q.next()
}

func (q *turns) next() {
	for q.inside < mostTurns && len(q.waiting) > 0 {
		t := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.inside++
		t.inside = true
		t.run()
	}
}

// leave gives a turn's place to the next; nil is no turn.
func (q *turns) leave(t *turn) {
	switch {
	case t == nil:
	case t.inside:
		t.inside = false
		q.inside--
		q.next()
	default:
		q.waiting = slices.DeleteFunc(q.waiting, func(other *turn) bool { return other == t })
	}
}
