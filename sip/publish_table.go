package sip

import "fmt"

// pubState is where a publication of ours stands.
type pubState uint8

const (
	pubIdle    pubState = iota + 1 // nothing to be published yet
	pubTrying                      // an initial PUBLISH is out
	pubHeld                        // the server has it
	pubSending                     // the server has it, a refresh or a change is out
	pubHolding                     // the server has it, the refresh or change failed, waits for the next try
	pubWaiting                     // the server does not have it, waits for the next try
	pubStopped                     // the server does not have it, no further try unless asked: the password is wrong
	pubLeaving                     // it is being removed
	pubGone                        // over
)

var pubStateNames = [...]string{pubIdle: "idle", pubTrying: "trying", pubHeld: "held", pubSending: "sending", pubHolding: "holding",
	pubWaiting: "waiting", pubStopped: "stopped", pubLeaving: "leaving", pubGone: "gone"}

func (s pubState) String() string {
	if int(s) < len(pubStateNames) && pubStateNames[s] != "" {
		return pubStateNames[s]
	}
	return fmt.Sprintf("pubState(%d)", uint8(s))
}

// pubEvent is what can happen to a publication of ours.
type pubEvent uint8

const (
	pubSet      pubEvent = iota + 1 // the state is another one
	pubAccepted                     // a 2xx
	pubUnknown                      // 412: the server does not know the entity-tag (RFC 3903 5)
	pubAgain                        // 423 with a Min-Expires: another PUBLISH at once
	pubFailed                       // an answer that may be better next time, or none
	pubRefused                      // an answer that will hardly change: 403, 404, 415, 489, ...
	pubDenied                       // fresh credentials were refused
	pubDue                          // the timer of the next refresh or try
	pubExpired                      // it has run out
	pubAsked                        // the account registered anew: the server may have forgotten it
	pubLeave                        // Remove was called
	pubLeft                         // the answer to Expires: 0, or nothing in time
)

var pubEventNames = [...]string{pubSet: "set", pubAccepted: "accepted", pubUnknown: "unknown", pubAgain: "again", pubFailed: "failed",
	pubRefused: "refused", pubDenied: "denied", pubDue: "due", pubExpired: "expired", pubAsked: "asked", pubLeave: "leave", pubLeft: "left"}

func (e pubEvent) String() string {
	if int(e) < len(pubEventNames) && pubEventNames[e] != "" {
		return pubEventNames[e]
	}
	return fmt.Sprintf("pubEvent(%d)", uint8(e))
}

// pubAction is what a row asks the publication to do, in the row's order.
type pubAction uint8

const (
	pubSend    pubAction = iota + 1 // send a PUBLISH: of the whole state, or a refresh where the server has it
	pubKeep                         // set the timers of what was granted
	pubLose                         // forget the entity-tag, and what is under way
	pubBackOff                      // wait for the next try: 1 s, doubling to 24 s, jittered, or what the server said
	pubSlowly                       // wait for the next try: minutes
	pubTell                         // tell the user how it stands
	pubGoodbye                      // send the PUBLISH with Expires: 0, once nothing else is under way
	pubFinish                       // stop everything
)

// pubRow is one arrow of the table.
type pubRow struct {
	from pubState
	on   pubEvent
	to   pubState
	do   []pubAction
}

func pubDo(actions ...pubAction) []pubAction { return actions }

// publicationRows is the life of a publication (RFC 3903 4). It has no clock and no
// socket. What has no row is ignored: the generic test names each with its reason.
func publicationRows() []pubRow {
	return []pubRow{
		{pubIdle, pubSet, pubTrying, pubDo(pubSend)},
		{pubIdle, pubLeave, pubGone, pubDo(pubFinish, pubTell)},

		{pubTrying, pubAccepted, pubHeld, pubDo(pubKeep, pubTell)},
		{pubTrying, pubAgain, pubTrying, pubDo(pubSend)},
		{pubTrying, pubUnknown, pubWaiting, pubDo(pubSlowly, pubTell)},
		{pubTrying, pubFailed, pubWaiting, pubDo(pubBackOff, pubTell)},
		{pubTrying, pubRefused, pubWaiting, pubDo(pubSlowly, pubTell)},
		{pubTrying, pubDenied, pubStopped, pubDo(pubTell)},
		{pubTrying, pubLeave, pubLeaving, pubDo(pubGoodbye)},

		{pubHeld, pubSet, pubSending, pubDo(pubSend)},
		{pubHeld, pubDue, pubSending, pubDo(pubSend)},
		{pubHeld, pubAsked, pubSending, pubDo(pubSend)},
		{pubHeld, pubExpired, pubTrying, pubDo(pubLose, pubTell, pubSend)},
		{pubHeld, pubLeave, pubLeaving, pubDo(pubGoodbye)},

		{pubSending, pubAccepted, pubHeld, pubDo(pubKeep, pubTell)},
		{pubSending, pubAgain, pubSending, pubDo(pubSend)},
		{pubSending, pubUnknown, pubTrying, pubDo(pubLose, pubTell, pubSend)},
		{pubSending, pubFailed, pubHolding, pubDo(pubBackOff, pubTell)},
		{pubSending, pubRefused, pubWaiting, pubDo(pubLose, pubSlowly, pubTell)},
		{pubSending, pubDenied, pubStopped, pubDo(pubLose, pubTell)},
		{pubSending, pubExpired, pubWaiting, pubDo(pubLose, pubBackOff, pubTell)},
		{pubSending, pubLeave, pubLeaving, pubDo(pubGoodbye)},

		{pubHolding, pubSet, pubSending, pubDo(pubSend)},
		{pubHolding, pubDue, pubSending, pubDo(pubSend)},
		{pubHolding, pubAsked, pubSending, pubDo(pubSend)},
		{pubHolding, pubExpired, pubTrying, pubDo(pubLose, pubTell, pubSend)},
		{pubHolding, pubLeave, pubLeaving, pubDo(pubGoodbye)},

		{pubWaiting, pubSet, pubTrying, pubDo(pubSend)},
		{pubWaiting, pubDue, pubTrying, pubDo(pubSend)},
		{pubWaiting, pubAsked, pubTrying, pubDo(pubSend)},
		{pubWaiting, pubLeave, pubGone, pubDo(pubFinish, pubTell)},

		{pubStopped, pubAsked, pubTrying, pubDo(pubSend)},
		{pubStopped, pubLeave, pubGone, pubDo(pubFinish, pubTell)},

		{pubLeaving, pubAccepted, pubLeaving, pubDo(pubGoodbye)},
		{pubLeaving, pubUnknown, pubGone, pubDo(pubFinish, pubTell)},
		{pubLeaving, pubAgain, pubGone, pubDo(pubFinish, pubTell)},
		{pubLeaving, pubFailed, pubGone, pubDo(pubFinish, pubTell)},
		{pubLeaving, pubRefused, pubGone, pubDo(pubFinish, pubTell)},
		{pubLeaving, pubDenied, pubGone, pubDo(pubFinish, pubTell)},
		{pubLeaving, pubLeft, pubGone, pubDo(pubFinish, pubTell)},
	}
}
