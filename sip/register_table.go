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

// regRow is a row of a registration's table.
type regRow = row[regState, regEvent, []regAction]

// registrationRows is the life of a registration (RFC 3261 10.2). It has no
// clock and no socket. What has no row is ignored: the generic test names each
// with its reason.
func registrationRows() []regRow {
	return append(append(boundRows(), unboundRows()...), leavingRows()...)
}

// boundRows are the rows of the states in which the registrar knows us.
func boundRows() []regRow {
	return []regRow{
		{regBound, regDue, regRefreshing, do(regSend)},
		{regBound, regAsked, regRefreshing, do(regSend)},
		{regBound, regDoubt, regRefreshing, do(regSend)},
		{regBound, regMoved, regRefreshing, do(regSend)},
		{regBound, regExpired, regTrying, do(regLose, regTell, regSend)},
		{regBound, regFlowLost, regWaiting, do(regLose, regBackOff, regTell)},
		{regBound, regDead, regTrying, do(regLose, regTell, regSend)},
		{regBound, regForgotten, regTrying, do(regLose, regTell, regSend)},

		{regRefreshing, regMoved, regRefreshing, do(regSend)},
		{regRefreshing, regAccepted, regBound, do(regPatient, regKeep, regTell)},
		{regRefreshing, regAgain, regRefreshing, do(regSend)},
		{regRefreshing, regFailed, regHolding, do(regBackOff, regTell)},
		{regRefreshing, regRefused, regWaiting, do(regLose, regSlowly, regTell)},
		{regRefreshing, regDenied, regStopped, do(regLose, regTell)},
		{regRefreshing, regSilent, regWaiting, do(regLose, regBackOff, regTell)},
		{regRefreshing, regExpired, regTrying, do(regLose, regTell)},

		{regHolding, regDue, regRefreshing, do(regSend)},
		{regHolding, regAsked, regRefreshing, do(regSend)},
		{regHolding, regDoubt, regRefreshing, do(regSend)},
		{regHolding, regMoved, regRefreshing, do(regSend)},
		{regHolding, regExpired, regWaiting, do(regLose, regBackOff, regTell)},
		{regHolding, regFlowLost, regWaiting, do(regLose, regBackOff, regTell)},
		{regHolding, regDead, regWaiting, do(regLose, regBackOff, regTell)},
		{regHolding, regForgotten, regWaiting, do(regLose, regBackOff, regTell)},
	}
}

// unboundRows are the rows of the states in which it does not.
func unboundRows() []regRow {
	return []regRow{
		{regIdle, regStart, regTrying, do(regTell, regSend)},

		{regTrying, regMoved, regTrying, do(regSend)},
		{regTrying, regAccepted, regBound, do(regPatient, regKeep, regTell)},
		{regTrying, regAgain, regTrying, do(regSend)},
		{regTrying, regFailed, regWaiting, do(regBackOff, regTell)},
		{regTrying, regRefused, regWaiting, do(regSlowly, regTell)},
		{regTrying, regDenied, regStopped, do(regTell)},
		{regTrying, regSilent, regWaiting, do(regBackOff, regTell)},
		{regTrying, regSlow, regTrying, do(regTell)},

		{regWaiting, regDue, regTrying, do(regTell, regSend)},
		{regWaiting, regAsked, regTrying, do(regPatient, regTell, regSend)},
		{regWaiting, regDoubt, regTrying, do(regPatient, regTell, regSend)},
		{regWaiting, regMoved, regTrying, do(regPatient, regTell, regSend)},

		{regStopped, regAsked, regTrying, do(regPatient, regTell, regSend)},
	}
}

// leavingRows are the rows that end it.
func leavingRows() []regRow {
	return []regRow{
		{regIdle, regLeave, regGone, do(regFinish, regTell)},
		{regStopped, regLeave, regGone, do(regFinish, regTell)},
		{regTrying, regLeave, regLeaving, do(regGoodbye)},
		{regBound, regLeave, regLeaving, do(regGoodbye)},
		{regRefreshing, regLeave, regLeaving, do(regGoodbye)},
		{regHolding, regLeave, regLeaving, do(regGoodbye)},
		{regWaiting, regLeave, regLeaving, do(regGoodbye)},
		{regLeaving, regLeft, regGone, do(regFinish, regTell)},
	}
}
