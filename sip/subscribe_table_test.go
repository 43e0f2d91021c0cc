package sip

import "testing"

// subIgnored are the events that a state has no row for, with the reason. With the
// rows they decide every pair.
func subIgnored() map[subState]map[subEvent]string {
	answers := []subEvent{subAccepted, subAgain, subFailed, subRefused, subDenied, subSilent, subForgotten}
	ignored := map[subState]map[subEvent]string{
		subIdle:    everySubEvent("nothing is under way yet", subStart, subLeave),
		subStopped: everySubEvent("it was refused for good", subAsked, subLeave),
		subLeaving: everySubEvent("only the end counts", subOver, subRejected, subLeft),
	}
	for s := subTrying; s <= subWaiting; s++ {
		ignored[s] = map[subEvent]string{subStart: "begun", subLeft: "not leaving"}
	}
	for _, s := range []subState{subAwaiting, subActive, subHolding, subWaiting} {
		for _, e := range answers {
			ignored[s][e] = "no SUBSCRIBE is out"
		}
	}
	for s, list := range map[subState]map[subEvent]string{
		subAwaiting:   {subDue: "the timer waits for the NOTIFY", subExpired: "nothing holds", subAsked: "its NOTIFY is due", subBroken: "there is no dialog"},
		subTold:       {subDue: "the timer waits for the answer", subAsked: "a SUBSCRIBE is out", subMissed: "the NOTIFY came"},
		subRefreshing: {subDue: "the timer waits for the answer", subAsked: "a SUBSCRIBE is out"},
		subHolding:    {subMissed: "the SUBSCRIBE was refused"},
		subTrying:     {subDue: "the timer waits for the answer", subExpired: "nothing holds", subAsked: "a SUBSCRIBE is out", subBroken: "there is no dialog"},
		subWaiting: {subBroken: "there is no dialog", subExpired: "nothing holds", subMissed: "no SUBSCRIBE is out", subNotified: "there is no dialog",
			subOver: "there is no dialog", subRejected: "there is no dialog"},
	} {
		for e, why := range list {
			ignored[s][e] = why
		}
	}
	return ignored
}

func everySubEvent(why string, but ...subEvent) map[subEvent]string {
	out := map[subEvent]string{}
	for e := subStart; e <= subLeft; e++ {
		out[e] = why
	}
	for _, e := range but {
		delete(out, e)
	}
	return out
}

func TestSubscriptionTable(t *testing.T) {
	ignored := subIgnored()
	rows := map[arrow[subState, subEvent]]int{}
	forward, back := map[subState][]subState{}, map[subState][]subState{}
	for _, r := range subscriptionRows() {
		rows[arrow[subState, subEvent]{r.from, r.on}]++
		forward[r.from] = append(forward[r.from], r.to)
		back[r.to] = append(back[r.to], r.from)
		if r.from == subGone {
			t.Errorf("%v on %v: leaves the end", r.from, r.on)
		}
	}
	reached, ends := reach(forward, subIdle), reach(back, subGone)
	for s := subIdle; s < subGone; s++ {
		if !reached[s] || !ends[s] {
			t.Errorf("%v: reached %v, can end %v", s, reached[s], ends[s])
		}
		for e := subStart; e <= subLeft; e++ {
			n, why := rows[arrow[subState, subEvent]{s, e}], ignored[s][e]
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

// Each way into a state that waits must set what it waits for, each way out of a
// subscription that holds must forget its dialog and tell.
func TestSubscriptionTableAlwaysGoesOn(t *testing.T) {
	holds := func(s subState) bool { return s >= subTold && s <= subHolding }
	for _, r := range subscriptionRows() {
		does := map[subAction]bool{}
		for _, a := range r.do {
			does[a] = true
		}
		switch {
		case r.to == subWaiting && !does[subBackOff] && !does[subSlowly]:
			t.Errorf("%v on %v: waits for a time that is not set", r.from, r.on)
		case r.to == subHolding && r.from != subHolding && !does[subBackOff]:
			t.Errorf("%v on %v: waits for a time that is not set", r.from, r.on)
		case (r.to == subActive || r.to == subTold) && !does[subKeep]:
			t.Errorf("%v on %v: no refresh is set", r.from, r.on)
		case r.to == subTrying && !does[subSend], r.to == subRefreshing && r.from != subRefreshing && !does[subSend]:
			t.Errorf("%v on %v: nothing is sent", r.from, r.on)
		case holds(r.from) && !holds(r.to) && r.to != subLeaving && (!does[subLose] || !does[subTell]):
			t.Errorf("%v on %v: the loss is not told", r.from, r.on)
		case r.to == subGone && (!does[subFinish] || !does[subTell]):
			t.Errorf("%v on %v: ends without an end", r.from, r.on)
		}
	}
}

// A fork begins nothing by itself, and ends whenever its parent would begin anew.
func TestForkTable(t *testing.T) {
	forward := map[subState][]subState{}
	for _, r := range forkRows() {
		forward[r.from] = append(forward[r.from], r.to)
	}
	for s := range reach(forward, subActive) {
		switch s {
		case subActive, subRefreshing, subHolding, subLeaving, subGone:
		default:
			t.Errorf("a fork reaches %v", s)
		}
	}
}
