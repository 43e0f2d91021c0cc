package sip

import "fmt"

// regState is where a registration stands.
type regState uint8

const (
	regIdle       regState = iota + 1 // not begun
	regTrying                         // a REGISTER is out, no binding
	regBound                          // the binding holds
	regRefreshing                     // a REGISTER is out, the binding holds
	regHolding                        // a refresh failed, the binding still holds, waits for the next try
	regWaiting                        // no binding, waits for the next try
	regStopped                        // no binding, no further try unless asked: the password is wrong
	regLeaving                        // the REGISTER with expires=0 is out
	regGone                           // over
)

var regStateNames = [...]string{regIdle: "idle", regTrying: "trying", regBound: "bound", regRefreshing: "refreshing",
	regHolding: "holding", regWaiting: "waiting", regStopped: "stopped", regLeaving: "leaving", regGone: "gone"}

func (s regState) String() string {
	if int(s) < len(regStateNames) && regStateNames[s] != "" {
		return regStateNames[s]
	}
	return fmt.Sprintf("regState(%d)", uint8(s))
}

// regEvent is what can happen to a registration.
type regEvent uint8

const (
	regStart     regEvent = iota + 1 // Register was called
	regAccepted                      // 200, and our binding is in it
	regAgain                         // 423 with a Min-Expires, or a 3xx that is followed: another REGISTER at once
	regFailed                        // an answer that may be better next time: 408, 480, 5xx
	regRefused                       // an answer that will hardly change: 403, 404, other 4xx and 6xx
	regDenied                        // fresh credentials were refused
	regSilent                        // no answer, or no way to the registrar
	regSlow                          // no answer yet for a while
	regDue                           // the timer of the next refresh or try
	regExpired                       // the binding has run out
	regFlowLost                      // the connection of the binding has ended
	regDead                          // a keepalive was not answered
	regForgotten                     // the registrar does not list our binding any more
	regDoubt                         // the clock jumped, or the registrar was away for a moment
	regMoved                         // our own address has changed
	regAsked                         // Refresh was called
	regLeave                         // Unregister was called
	regLeft                          // the answer to expires=0, or nothing in time
)

var regEventNames = [...]string{regStart: "start", regAccepted: "accepted", regAgain: "again", regFailed: "failed",
	regRefused: "refused", regDenied: "denied", regSilent: "silent", regSlow: "slow", regDue: "due", regExpired: "expired",
	regFlowLost: "flow-lost", regDead: "dead", regForgotten: "forgotten", regDoubt: "doubt", regMoved: "moved",
	regAsked: "asked", regLeave: "leave", regLeft: "left"}

func (e regEvent) String() string {
	if int(e) < len(regEventNames) && regEventNames[e] != "" {
		return regEventNames[e]
	}
	return fmt.Sprintf("regEvent(%d)", uint8(e))
}

// regAction is what a row asks the registration to do, in the row's order.
type regAction uint8

const (
	regSend    regAction = iota + 1 // send a REGISTER
	regKeep                         // note what the registrar granted and set the timers
	regLose                         // forget the binding; the next telling says Lost
	regBackOff                      // wait for the next try: 1 s, doubling to 24 s, jittered
	regSlowly                       // wait for the next try: the longest pause
	regPatient                      // start the back-off anew
	regTell                         // tell the user how it stands
	regGoodbye                      // send the REGISTER with expires=0
	regFinish                       // stop everything
)

// regRow is one arrow of the table.
type regRow struct {
	from regState
	on   regEvent
	to   regState
	do   []regAction
}

func regDo(actions ...regAction) []regAction { return actions }

// registrationRows is the life of a registration (RFC 3261 10.2). It has no
// clock and no socket. What has no row is ignored: the generic test names each
// with its reason.
func registrationRows() []regRow {
	return append(append(boundRows(), unboundRows()...), leavingRows()...)
}

// boundRows are the rows of the states in which the registrar knows us.
func boundRows() []regRow {
	return []regRow{
		{regBound, regDue, regRefreshing, regDo(regSend)},
		{regBound, regAsked, regRefreshing, regDo(regSend)},
		{regBound, regDoubt, regRefreshing, regDo(regSend)},
		{regBound, regMoved, regRefreshing, regDo(regSend)},
		{regBound, regExpired, regTrying, regDo(regLose, regTell, regSend)},
		{regBound, regFlowLost, regWaiting, regDo(regLose, regBackOff, regTell)},
		{regBound, regDead, regTrying, regDo(regLose, regTell, regSend)},
		{regBound, regForgotten, regTrying, regDo(regLose, regTell, regSend)},

		{regRefreshing, regMoved, regRefreshing, regDo(regSend)},
		{regRefreshing, regAccepted, regBound, regDo(regPatient, regKeep, regTell)},
		{regRefreshing, regAgain, regRefreshing, regDo(regSend)},
		{regRefreshing, regFailed, regHolding, regDo(regBackOff, regTell)},
		{regRefreshing, regRefused, regWaiting, regDo(regLose, regSlowly, regTell)},
		{regRefreshing, regDenied, regStopped, regDo(regLose, regTell)},
		{regRefreshing, regSilent, regWaiting, regDo(regLose, regBackOff, regTell)},
		{regRefreshing, regExpired, regTrying, regDo(regLose, regTell)},

		{regHolding, regDue, regRefreshing, regDo(regSend)},
		{regHolding, regAsked, regRefreshing, regDo(regSend)},
		{regHolding, regDoubt, regRefreshing, regDo(regSend)},
		{regHolding, regMoved, regRefreshing, regDo(regSend)},
		{regHolding, regExpired, regWaiting, regDo(regLose, regBackOff, regTell)},
		{regHolding, regFlowLost, regWaiting, regDo(regLose, regBackOff, regTell)},
		{regHolding, regDead, regWaiting, regDo(regLose, regBackOff, regTell)},
		{regHolding, regForgotten, regWaiting, regDo(regLose, regBackOff, regTell)},
	}
}

// unboundRows are the rows of the states in which it does not.
func unboundRows() []regRow {
	return []regRow{
		{regIdle, regStart, regTrying, regDo(regTell, regSend)},

		{regTrying, regMoved, regTrying, regDo(regSend)},
		{regTrying, regAccepted, regBound, regDo(regPatient, regKeep, regTell)},
		{regTrying, regAgain, regTrying, regDo(regSend)},
		{regTrying, regFailed, regWaiting, regDo(regBackOff, regTell)},
		{regTrying, regRefused, regWaiting, regDo(regSlowly, regTell)},
		{regTrying, regDenied, regStopped, regDo(regTell)},
		{regTrying, regSilent, regWaiting, regDo(regBackOff, regTell)},
		{regTrying, regSlow, regTrying, regDo(regTell)},

		{regWaiting, regDue, regTrying, regDo(regTell, regSend)},
		{regWaiting, regAsked, regTrying, regDo(regPatient, regTell, regSend)},
		{regWaiting, regDoubt, regTrying, regDo(regPatient, regTell, regSend)},
		{regWaiting, regMoved, regTrying, regDo(regPatient, regTell, regSend)},

		{regStopped, regAsked, regTrying, regDo(regPatient, regTell, regSend)},
	}
}

// leavingRows are the rows that end it.
func leavingRows() []regRow {
	return []regRow{
		{regIdle, regLeave, regGone, regDo(regFinish, regTell)},
		{regStopped, regLeave, regGone, regDo(regFinish, regTell)},
		{regTrying, regLeave, regLeaving, regDo(regGoodbye)},
		{regBound, regLeave, regLeaving, regDo(regGoodbye)},
		{regRefreshing, regLeave, regLeaving, regDo(regGoodbye)},
		{regHolding, regLeave, regLeaving, regDo(regGoodbye)},
		{regWaiting, regLeave, regLeaving, regDo(regGoodbye)},
		{regLeaving, regLeft, regGone, regDo(regFinish, regTell)},
	}
}
