package sip

import "testing"

// ignored are the events that a state has no row for, with the reason. With the
// rows they decide every pair.
var ignored = map[regState]map[regEvent]string{
	regIdle: everyEvent("nothing is under way yet", regStart, regLeave),
	regTrying: {regStart: "begun", regDue: "the timer waits for the answer", regExpired: "nothing is bound", regFlowLost: "the request fails by itself",
		regDead: "no keepalive", regForgotten: "no keepalive", regDoubt: "a REGISTER is out", regAsked: "a REGISTER is out", regLeft: "not leaving"},
	regBound: {regStart: "begun", regAccepted: "no REGISTER is out", regAgain: "no REGISTER is out", regFailed: "no REGISTER is out", regRefused: "no REGISTER is out",
		regDenied: "no REGISTER is out", regSilent: "no REGISTER is out", regSlow: "no REGISTER is out", regLeft: "not leaving"},
	regRefreshing: {regStart: "begun", regSlow: "the binding holds", regDue: "the timer waits for the answer", regFlowLost: "the request fails by itself",
		regDead: "no keepalive", regForgotten: "no keepalive", regDoubt: "a REGISTER is out", regAsked: "a REGISTER is out", regLeft: "not leaving"},
	regHolding: {regStart: "begun", regAccepted: "no REGISTER is out", regAgain: "no REGISTER is out", regFailed: "no REGISTER is out", regRefused: "no REGISTER is out",
		regDenied: "no REGISTER is out", regSilent: "no REGISTER is out", regSlow: "no REGISTER is out", regLeft: "not leaving"},
	regWaiting: {regStart: "begun", regAccepted: "no REGISTER is out", regAgain: "no REGISTER is out", regFailed: "no REGISTER is out", regRefused: "no REGISTER is out",
		regDenied: "no REGISTER is out", regSilent: "no REGISTER is out", regSlow: "no REGISTER is out", regExpired: "nothing is bound", regFlowLost: "nothing is bound",
		regDead: "nothing is bound", regForgotten: "nothing is bound", regLeft: "not leaving"},
	regStopped: everyEvent("a person has to mend the password first", regAsked, regLeave),
	regLeaving: everyEvent("only the end counts", regLeft),
}

func everyEvent(why string, but ...regEvent) map[regEvent]string {
	out := map[regEvent]string{}
	for e := regStart; e <= regLeft; e++ {
		out[e] = why
	}
	for _, e := range but {
		delete(out, e)
	}
	return out
}

func TestRegistrationTable(t *testing.T) {
	rows := map[arrow[regState, regEvent]]int{}
	forward, back := map[regState][]regState{}, map[regState][]regState{}
	for _, r := range registrationRows() {
		rows[arrow[regState, regEvent]{r.from, r.on}]++
		forward[r.from] = append(forward[r.from], r.to)
		back[r.to] = append(back[r.to], r.from)
		if r.from == regGone {
			t.Errorf("%v on %v: leaves the end", r.from, r.on)
		}
	}
	reached, ends := reach(forward, regIdle), reach(back, regGone)
	for s := regIdle; s < regGone; s++ {
		if !reached[s] || !ends[s] {
			t.Errorf("%v: reached %v, can end %v", s, reached[s], ends[s])
		}
		for e := regStart; e <= regLeft; e++ {
			n, why := rows[arrow[regState, regEvent]{s, e}], ignored[s][e]
			switch {
			case n > 1:
				t.Errorf("%v on %v: decided %d times", s, e, n)
			case n == 0 && why == "":
				t.Errorf("%v on %v: not decided", s, e)
			case n == 1 && why != "":
				t.Errorf("%v on %v: decided and ignored (%s)", s, e, why)
			}
		}
	}
}

// Each way into a state that waits must set what it waits for, else it is for ever.
func TestRegistrationTableAlwaysGoesOn(t *testing.T) {
	for _, r := range registrationRows() {
		does := map[regAction]bool{}
		for _, a := range r.do {
			does[a] = true
		}
		switch {
		case r.to == regWaiting && !does[regBackOff] && !does[regSlowly]:
			t.Errorf("%v on %v: waits for a time that is not set", r.from, r.on)
		case r.to == regHolding && !does[regBackOff]:
			t.Errorf("%v on %v: waits for a time that is not set", r.from, r.on)
		case r.to == regBound && !does[regKeep]:
			t.Errorf("%v on %v: no refresh is set", r.from, r.on)
		case (r.to == regTrying || r.to == regRefreshing) && !does[regSend] && r.from != regRefreshing && r.on != regSlow:
			t.Errorf("%v on %v: nothing is sent", r.from, r.on)
		}
		held := r.from == regBound || r.from == regRefreshing || r.from == regHolding
		holds := r.to == regBound || r.to == regRefreshing || r.to == regHolding || r.to == regLeaving
		if held && !holds && (!does[regLose] || !does[regTell]) {
			t.Errorf("%v on %v: the loss is not told", r.from, r.on)
		}
	}
}

func reach[S comparable](edges map[S][]S, from S) map[S]bool {
	seen, queue := map[S]bool{from: true}, []S{from}
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
