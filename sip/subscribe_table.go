package sip

import "fmt"

// subState is where a subscription of ours stands.
type subState uint8

const (
	subIdle       subState = iota + 1 // not begun
	subTrying                         // a SUBSCRIBE is out, nothing came yet
	subAwaiting                       // a 2xx came, the first NOTIFY not yet
	subTold                           // the first NOTIFY came, the answer to the SUBSCRIBE not yet
	subActive                         // it holds
	subRefreshing                     // it holds, a SUBSCRIBE is out
	subHolding                        // it holds, a refresh failed, waits for the next try
	subWaiting                        // there is none, waits for the next try
	subStopped                        // there is none, no further try unless asked
	subLeaving                        // the SUBSCRIBE with Expires: 0 is out
	subGone                           // over
)

var subStateNames = [...]string{subIdle: "idle", subTrying: "trying", subAwaiting: "awaiting", subTold: "told", subActive: "active",
	subRefreshing: "refreshing", subHolding: "holding", subWaiting: "waiting", subStopped: "stopped", subLeaving: "leaving", subGone: "gone"}

func (s subState) String() string {
	if int(s) < len(subStateNames) && subStateNames[s] != "" {
		return subStateNames[s]
	}
	return fmt.Sprintf("subState(%d)", uint8(s))
}

// subEvent is what can happen to a subscription of ours.
type subEvent uint8

const (
	subStart     subEvent = iota + 1 // Subscribe was called
	subAccepted                      // a 2xx
	subAgain                         // 423 with a Min-Expires: another SUBSCRIBE at once
	subFailed                        // an answer that may be better next time, and leaves what holds (RFC 6665 4.1.2.2)
	subRefused                       // an answer that will hardly change: 404, 489, ...
	subDenied                        // fresh credentials were refused
	subSilent                        // no answer, no way to the notifier, 408 or 480: nobody is there
	subForgotten                     // 481: the notifier does not know it any more
	subNotified                      // a NOTIFY that is active or pending
	subOver                          // a NOTIFY that is terminated: deactivated, timeout, probation, giveup or unsaid
	subRejected                      // a NOTIFY that is terminated for good: rejected, noresource, invariant
	subBroken                        // a NOTIFY came out of order and was refused: the notifier ends it for that (RFC 6665 4.2.2)
	subMissed                        // timer N: no NOTIFY followed a SUBSCRIBE
	subDue                           // the timer of the next refresh or try
	subExpired                       // it has run out
	subAsked                         // Refresh was called, or the account registered anew
	subLeave                         // Unsubscribe was called
	subLeft                          // the answer to Expires: 0, or nothing in time
)

var subEventNames = [...]string{subStart: "start", subAccepted: "accepted", subAgain: "again", subFailed: "failed", subRefused: "refused",
	subDenied: "denied", subSilent: "silent", subForgotten: "forgotten", subNotified: "notified", subOver: "over", subRejected: "rejected",
	subBroken: "broken", subMissed: "missed", subDue: "due", subExpired: "expired", subAsked: "asked", subLeave: "leave", subLeft: "left"}

func (e subEvent) String() string {
	if int(e) < len(subEventNames) && subEventNames[e] != "" {
		return subEventNames[e]
	}
	return fmt.Sprintf("subEvent(%d)", uint8(e))
}

// subAction is what a row asks the subscription to do, in the row's order.
type subAction uint8

const (
	subSend    subAction = iota + 1 // send a SUBSCRIBE: in the dialog where there is one
	subKeep                         // set the timers of what was granted
	subLose                         // forget the dialog, and what is under way
	subBackOff                      // wait for the next try: 1 s, doubling to 24 s, jittered, or what the notifier said
	subSlowly                       // wait for the next try: minutes
	subPatient                      // start the back-off anew
	subTell                         // tell the user how it stands
	subGoodbye                      // send the SUBSCRIBE with Expires: 0
	subFinish                       // stop everything
)

// subRow is a row of a subscription's table.
type subRow = row[subState, subEvent, []subAction]

// subscriptionRows is the life of a subscription (RFC 6665 4.1.2, its figure 1).
// It has no clock and no socket. What has no row is ignored: the generic test
// names each with its reason.
func subscriptionRows() []subRow {
	rows := append(beginningRows(), holdingRows()...)
	return append(append(rows, refreshingRows()...), partingRows()...)
}

// beginningRows lead to a subscription.
func beginningRows() []subRow {
	return []subRow{
		{subIdle, subStart, subTrying, do(subTell, subSend)},

		{subTrying, subAccepted, subAwaiting, nil},
		{subTrying, subNotified, subTold, do(subKeep, subTell)},
		{subTrying, subAgain, subTrying, do(subSend)},
		{subTrying, subFailed, subWaiting, do(subLose, subBackOff, subTell)},
		{subTrying, subRefused, subWaiting, do(subLose, subSlowly, subTell)},
		{subTrying, subDenied, subStopped, do(subLose, subTell)},
		{subTrying, subSilent, subWaiting, do(subLose, subBackOff, subTell)},
		{subTrying, subForgotten, subWaiting, do(subLose, subBackOff, subTell)},
		{subTrying, subMissed, subWaiting, do(subLose, subBackOff, subTell)},
		{subTrying, subOver, subWaiting, do(subLose, subBackOff, subTell)},
		{subTrying, subRejected, subStopped, do(subLose, subTell)},

		{subAwaiting, subNotified, subActive, do(subKeep, subTell)},
		{subAwaiting, subMissed, subWaiting, do(subLose, subBackOff, subTell)},
		{subAwaiting, subOver, subWaiting, do(subLose, subBackOff, subTell)},
		{subAwaiting, subRejected, subStopped, do(subLose, subTell)},

		{subWaiting, subDue, subTrying, do(subTell, subSend)},
		{subWaiting, subAsked, subTrying, do(subPatient, subTell, subSend)},

		{subStopped, subAsked, subTrying, do(subPatient, subTell, subSend)},
	}
}

// holdingRows are those of a subscription that holds, without a refresh under way.
func holdingRows() []subRow {
	return []subRow{
		// The dialog is made by the NOTIFY (4.4.1): whatever the answer then says, only
		// another NOTIFY, the time or a refresh ends it.
		{subTold, subAccepted, subActive, do(subKeep)},
		{subTold, subAgain, subActive, do(subKeep)},
		{subTold, subFailed, subActive, do(subKeep)},
		{subTold, subRefused, subActive, do(subKeep)},
		{subTold, subDenied, subActive, do(subKeep)},
		{subTold, subSilent, subActive, do(subKeep)},
		{subTold, subForgotten, subActive, do(subKeep)},
		{subTold, subNotified, subTold, do(subKeep, subTell)},
		{subTold, subExpired, subWaiting, do(subLose, subBackOff, subTell)},
		{subTold, subOver, subWaiting, do(subLose, subBackOff, subTell)},
		{subTold, subBroken, subWaiting, do(subLose, subBackOff, subTell)},
		{subTold, subRejected, subStopped, do(subLose, subTell)},

		{subActive, subNotified, subActive, do(subKeep, subTell)},
		{subActive, subDue, subRefreshing, do(subSend)},
		{subActive, subAsked, subRefreshing, do(subSend)},
		{subActive, subMissed, subWaiting, do(subLose, subBackOff, subTell)},
		{subActive, subExpired, subTrying, do(subLose, subTell, subSend)},
		{subActive, subOver, subWaiting, do(subLose, subBackOff, subTell)},
		{subActive, subBroken, subWaiting, do(subLose, subBackOff, subTell)},
		{subActive, subRejected, subStopped, do(subLose, subTell)},

		{subHolding, subNotified, subHolding, do(subTell)},
		{subHolding, subDue, subRefreshing, do(subSend)},
		{subHolding, subAsked, subRefreshing, do(subSend)},
		{subHolding, subExpired, subTrying, do(subLose, subTell, subSend)},
		{subHolding, subOver, subWaiting, do(subLose, subBackOff, subTell)},
		{subHolding, subBroken, subWaiting, do(subLose, subBackOff, subTell)},
		{subHolding, subRejected, subStopped, do(subLose, subTell)},
	}
}

// refreshingRows are those of a refresh.
func refreshingRows() []subRow {
	return []subRow{
		{subRefreshing, subAccepted, subActive, do(subKeep)},
		{subRefreshing, subAgain, subRefreshing, do(subSend)},
		{subRefreshing, subFailed, subHolding, do(subBackOff, subTell)},
		{subRefreshing, subRefused, subWaiting, do(subLose, subSlowly, subTell)},
		{subRefreshing, subDenied, subStopped, do(subLose, subTell)},
		{subRefreshing, subSilent, subWaiting, do(subLose, subBackOff, subTell)},
		{subRefreshing, subForgotten, subTrying, do(subLose, subTell, subSend)},
		{subRefreshing, subNotified, subRefreshing, do(subTell)},
		{subRefreshing, subMissed, subWaiting, do(subLose, subBackOff, subTell)},
		{subRefreshing, subExpired, subWaiting, do(subLose, subBackOff, subTell)},
		{subRefreshing, subOver, subWaiting, do(subLose, subBackOff, subTell)},
		{subRefreshing, subBroken, subWaiting, do(subLose, subBackOff, subTell)},
		{subRefreshing, subRejected, subStopped, do(subLose, subTell)},
	}
}

// partingRows are the rows that end it. Before the first NOTIFY there is no dialog
// to unsubscribe in: a NOTIFY that comes later gets 481, which ends it too.
func partingRows() []subRow {
	return []subRow{
		{subIdle, subLeave, subGone, do(subFinish, subTell)},
		{subTrying, subLeave, subGone, do(subFinish, subTell)},
		{subAwaiting, subLeave, subGone, do(subFinish, subTell)},
		{subWaiting, subLeave, subGone, do(subFinish, subTell)},
		{subStopped, subLeave, subGone, do(subFinish, subTell)},
		{subTold, subLeave, subLeaving, do(subGoodbye)},
		{subActive, subLeave, subLeaving, do(subGoodbye)},
		{subRefreshing, subLeave, subLeaving, do(subGoodbye)},
		{subHolding, subLeave, subLeaving, do(subGoodbye)},
		{subLeaving, subOver, subGone, do(subFinish, subTell)},
		{subLeaving, subRejected, subGone, do(subFinish, subTell)},
		{subLeaving, subLeft, subGone, do(subFinish, subTell)},
	}
}

// forkRows is the life of another dialog of the same SUBSCRIBE (RFC 6665 5.4.9):
// the same, save that nothing begins it again.
func forkRows() []subRow {
	var rows []subRow
	for _, r := range subscriptionRows() {
		if r.to == subTrying || r.to == subWaiting || r.to == subStopped {
			r.to, r.do = subGone, do(subFinish, subTell)
		}
		switch r.from {
		case subActive, subRefreshing, subHolding, subLeaving:
			rows = append(rows, r)
		}
	}
	return rows
}
