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

// pubRow is a row of a publication's table.
type pubRow = row[pubState, pubEvent, []pubAction]

// publicationRows is the life of a publication (RFC 3903 4). It has no clock and no
// socket. What has no row is ignored: the generic test names each with its reason.
func publicationRows() []pubRow {
	return []pubRow{
		{pubIdle, pubSet, pubTrying, do(pubSend)},
		{pubIdle, pubLeave, pubGone, do(pubFinish, pubTell)},

		{pubTrying, pubAccepted, pubHeld, do(pubKeep, pubTell)},
		{pubTrying, pubAgain, pubTrying, do(pubSend)},
		{pubTrying, pubUnknown, pubWaiting, do(pubSlowly, pubTell)},
		{pubTrying, pubFailed, pubWaiting, do(pubBackOff, pubTell)},
		{pubTrying, pubRefused, pubWaiting, do(pubSlowly, pubTell)},
		{pubTrying, pubDenied, pubStopped, do(pubTell)},
		{pubTrying, pubLeave, pubLeaving, do(pubGoodbye)},

		{pubHeld, pubSet, pubSending, do(pubSend)},
		{pubHeld, pubDue, pubSending, do(pubSend)},
		{pubHeld, pubAsked, pubSending, do(pubSend)},
		{pubHeld, pubExpired, pubTrying, do(pubLose, pubTell, pubSend)},
		{pubHeld, pubLeave, pubLeaving, do(pubGoodbye)},

		{pubSending, pubAccepted, pubHeld, do(pubKeep, pubTell)},
		{pubSending, pubAgain, pubSending, do(pubSend)},
		{pubSending, pubUnknown, pubTrying, do(pubLose, pubTell, pubSend)},
		{pubSending, pubFailed, pubHolding, do(pubBackOff, pubTell)},
		{pubSending, pubRefused, pubWaiting, do(pubLose, pubSlowly, pubTell)},
		{pubSending, pubDenied, pubStopped, do(pubLose, pubTell)},
		{pubSending, pubExpired, pubWaiting, do(pubLose, pubBackOff, pubTell)},
		{pubSending, pubLeave, pubLeaving, do(pubGoodbye)},

		{pubHolding, pubSet, pubSending, do(pubSend)},
		{pubHolding, pubDue, pubSending, do(pubSend)},
		{pubHolding, pubAsked, pubSending, do(pubSend)},
		{pubHolding, pubExpired, pubTrying, do(pubLose, pubTell, pubSend)},
		{pubHolding, pubLeave, pubLeaving, do(pubGoodbye)},

		{pubWaiting, pubSet, pubTrying, do(pubSend)},
		{pubWaiting, pubDue, pubTrying, do(pubSend)},
		{pubWaiting, pubAsked, pubTrying, do(pubSend)},
		{pubWaiting, pubLeave, pubGone, do(pubFinish, pubTell)},

		{pubStopped, pubAsked, pubTrying, do(pubSend)},
		{pubStopped, pubLeave, pubGone, do(pubFinish, pubTell)},

		{pubLeaving, pubAccepted, pubLeaving, do(pubGoodbye)},
		{pubLeaving, pubUnknown, pubGone, do(pubFinish, pubTell)},
		{pubLeaving, pubAgain, pubGone, do(pubFinish, pubTell)},
		{pubLeaving, pubFailed, pubGone, do(pubFinish, pubTell)},
		{pubLeaving, pubRefused, pubGone, do(pubFinish, pubTell)},
		{pubLeaving, pubDenied, pubGone, do(pubFinish, pubTell)},
		{pubLeaving, pubLeft, pubGone, do(pubFinish, pubTell)},
	}
}
