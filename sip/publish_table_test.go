package sip

import "testing"

// pubIgnored are the events that a state has no row for, with the reason. With the
// rows they decide every pair.
func pubIgnored() map[pubState]map[pubEvent]string {
	answers := []pubEvent{pubAccepted, pubUnknown, pubAgain, pubFailed, pubRefused, pubDenied}
	ignored := map[pubState]map[pubEvent]string{}
	for s := pubIdle; s < pubGone; s++ {
		ignored[s] = map[pubEvent]string{pubLeft: "not leaving"}
	}
	for _, s := range []pubState{pubIdle, pubHeld, pubHolding, pubWaiting, pubStopped} {
		for _, e := range answers {
			ignored[s][e] = "no PUBLISH is out"
		}
	}
	for s, list := range map[pubState]map[pubEvent]string{
		pubIdle:    {pubDue: "no timer runs", pubExpired: "nothing holds", pubAsked: "there is nothing to be published"},
		pubTrying:  {pubSet: "it is sent after the answer", pubDue: "the timer waits for the answer", pubExpired: "nothing holds", pubAsked: "a PUBLISH is out"},
		pubSending: {pubSet: "it is sent after the answer", pubDue: "the timer waits for the answer", pubAsked: "a PUBLISH is out"},
		pubWaiting: {pubExpired: "nothing holds"},
		pubStopped: {pubSet: "the password is wrong", pubDue: "no timer runs", pubExpired: "nothing holds"},
		pubLeaving: {pubSet: "it is over", pubDue: "no timer runs", pubExpired: "no timer runs", pubAsked: "it is over", pubLeave: "it is under way", pubLeft: ""},
	} {
		for e, why := range list {
			if ignored[s][e] = why; why == "" {
				delete(ignored[s], e)
			}
		}
	}
	return ignored
}

func TestPublicationTable(t *testing.T) {
	ignored := pubIgnored()
	rows := map[arrow[pubState, pubEvent]]int{}
	forward, back := map[pubState][]pubState{}, map[pubState][]pubState{}
	for _, r := range publicationRows() {
		rows[arrow[pubState, pubEvent]{r.from, r.on}]++
		forward[r.from] = append(forward[r.from], r.to)
		back[r.to] = append(back[r.to], r.from)
		does := map[pubAction]bool{}
		for _, a := range r.do {
			does[a] = true
		}
		has := func(s pubState) bool { return s == pubHeld || s == pubSending || s == pubHolding }
		switch {
		case r.from == pubGone:
			t.Errorf("%v on %v: leaves the end", r.from, r.on)
		case (r.to == pubWaiting || r.to == pubHolding) && !does[pubBackOff] && !does[pubSlowly]:
			t.Errorf("%v on %v: waits for a time that is not set", r.from, r.on)
		case r.to == pubHeld && !does[pubKeep]:
			t.Errorf("%v on %v: no refresh is set", r.from, r.on)
		case (r.to == pubTrying || r.to == pubSending) && !does[pubSend]:
			t.Errorf("%v on %v: nothing is sent", r.from, r.on)
		case has(r.from) && !has(r.to) && r.to != pubLeaving && (!does[pubLose] || !does[pubTell]):
			t.Errorf("%v on %v: the loss is not told", r.from, r.on)
		case r.to == pubGone && (!does[pubFinish] || !does[pubTell]):
			t.Errorf("%v on %v: ends without an end", r.from, r.on)
		}
	}
	reached, ends := reach(forward, pubIdle), reach(back, pubGone)
	for s := pubIdle; s < pubGone; s++ {
		if !reached[s] || !ends[s] {
			t.Errorf("%v: reached %v, can end %v", s, reached[s], ends[s])
		}
		for e := pubSet; e <= pubLeft; e++ {
			n, why := rows[arrow[pubState, pubEvent]{s, e}], ignored[s][e]
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
