package sip

// phase is where an INVITE session stands (RFC 3261 12 to 15).
type phase int

const (
	phaseNone       phase = iota
	phaseCalling          // our INVITE is out, nothing came
	phaseProceeding       // 100, or a 1xx without tag
	phaseEarly            // a 1xx with a tag: an early dialog
	phaseCancelling       // hung up before the final response
	phaseIncoming         // their INVITE, nothing sent but 100
	phaseRinging          // a 1xx of ours is out
	phaseAnswering        // answered by the handler; the 2xx waits for a PRACK (RFC 3262 3)
	phaseAnswered         // 2xx is out, no ACK yet
	phaseLeaving          // hung up before that ACK: the BYE waits (RFC 3261 15)
	phaseConfirmed        // both have it
	phaseEnding           // our BYE is out
	phaseEnded
	phaseCount
)

var phaseNames = [phaseCount]string{"none", "calling", "proceeding", "early", "cancelling", "incoming",
	"ringing", "answering", "answered", "leaving", "confirmed", "ending", "ended"}

var phaseStates = [phaseCount]SessionState{
	phaseNone: StateTrying, phaseCalling: StateTrying, phaseProceeding: StateTrying, phaseEarly: StateEarly,
	phaseCancelling: StateTerminating, phaseIncoming: StateTrying, phaseRinging: StateEarly,
	phaseAnswering: StateEarly, phaseAnswered: StateConfirmed, phaseLeaving: StateTerminating,
	phaseConfirmed: StateConfirmed, phaseEnding: StateTerminating, phaseEnded: StateTerminated,
}

func (p phase) String() string { return phaseNames[p] }

// stimulus is what happens to a session.
type stimulus int

const (
	onSend      stimulus = iota // our INVITE goes out
	onReceive                   // their INVITE came in
	onTrying                    // 1xx without a tag
	onEarly                     // 1xx with a tag
	onAccept                    // 2xx, first, repeated or forked
	onRefuse                    // 3xx to 6xx
	onFailure                   // time-out or transport error of our INVITE
	askHangup                   // the handler hangs up
	askProgress                 // the handler rings or sends early media
	askHold                     // the handler answers, an unacknowledged reliable 1xx is open
	askAnswer                   // the handler answers (or its answer's turn has come)
	askReject                   // the handler refuses
	onCancel                    // their CANCEL
	onAck                       // the ACK of our 2xx
	onNoAck                     // 64*T1 without it
	onBye                       // their BYE
	onByeDone                   // our BYE was answered or timed out
	onGone                      // the dialog is gone: 481, 408, refresh failed, server transaction dead
	stimulusCount
)

var stimulusNames = [stimulusCount]string{"send", "receive", "trying", "early", "accept", "refuse", "failure",
	"hangup", "progress", "hold-answer", "answer", "reject", "cancel", "ack", "no-ack", "bye", "bye-done", "gone"}

func (s stimulus) String() string { return stimulusNames[s] }

// sessionRow is a row of a session's table. What is not in the table is refused, and
// nothing changes.
type (
	sessionRow = row[phase, stimulus, sessionDo]
	sessionDo  = func(*Session, *happening)
)

// sessionRows is the life of an INVITE session.
func sessionRows() []sessionRow {
	return append(append(clientRows(), serverRows()...), dialogRows()...)
}

// clientRows: our INVITE (RFC 3261 13.2, 9.1).
func clientRows() []sessionRow {
	return []sessionRow{
		{phaseNone, onSend, phaseCalling, nil},

		{phaseCalling, onTrying, phaseProceeding, (*Session).tellProgress},
		{phaseCalling, onEarly, phaseEarly, (*Session).tellProgress},
		{phaseCalling, onAccept, phaseConfirmed, (*Session).takeAnswer},
		{phaseCalling, onRefuse, phaseEnded, (*Session).endRefused},
		{phaseCalling, onFailure, phaseEnded, (*Session).endFailed},
		{phaseCalling, askHangup, phaseCancelling, (*Session).sendCancel},

		{phaseProceeding, onTrying, phaseProceeding, (*Session).tellProgress},
		{phaseProceeding, onEarly, phaseEarly, (*Session).tellProgress},
		{phaseProceeding, onAccept, phaseConfirmed, (*Session).takeAnswer},
		{phaseProceeding, onRefuse, phaseEnded, (*Session).endRefused},
		{phaseProceeding, onFailure, phaseEnded, (*Session).endFailed},
		{phaseProceeding, askHangup, phaseCancelling, (*Session).sendCancel},

		{phaseEarly, onTrying, phaseEarly, (*Session).tellProgress},
		{phaseEarly, onEarly, phaseEarly, (*Session).tellProgress},
		{phaseEarly, onAccept, phaseConfirmed, (*Session).takeAnswer},
		{phaseEarly, onRefuse, phaseEnded, (*Session).endRefused},
		{phaseEarly, onFailure, phaseEnded, (*Session).endFailed},
		{phaseEarly, askHangup, phaseCancelling, (*Session).sendCancel},
		// RFC 3261 15: a callee must not send BYE in an early dialog; one that does is
		// believed for that fork only.
		{phaseEarly, onBye, phaseEarly, (*Session).dropFork},

		{phaseCancelling, onTrying, phaseCancelling, nil},
		{phaseCancelling, onEarly, phaseCancelling, nil},
		// RFC 3261 9.1, 15: the CANCEL crossed the 200: acknowledge, then BYE.
		{phaseCancelling, onAccept, phaseEnding, (*Session).leaveAnswered},
		{phaseCancelling, onRefuse, phaseEnded, (*Session).endCancelled},
		{phaseCancelling, onFailure, phaseEnded, (*Session).endCancelled},
		{phaseCancelling, askHangup, phaseCancelling, nil},
		{phaseCancelling, onBye, phaseCancelling, (*Session).dropFork},
	}
}

// serverRows: their INVITE (RFC 3261 13.3, 9.2).
func serverRows() []sessionRow {
	return []sessionRow{
		{phaseNone, onReceive, phaseIncoming, nil},

		{phaseIncoming, askProgress, phaseRinging, (*Session).sendProgress},
		{phaseIncoming, askAnswer, phaseAnswered, (*Session).sendAnswer},
		{phaseIncoming, askReject, phaseEnded, (*Session).sendReject},
		{phaseIncoming, askHangup, phaseEnded, (*Session).sendReject},
		{phaseIncoming, onCancel, phaseEnded, (*Session).endByCancel},
		{phaseIncoming, onGone, phaseEnded, (*Session).endGone},

		{phaseRinging, askProgress, phaseRinging, (*Session).sendProgress},
		{phaseRinging, askHold, phaseAnswering, (*Session).keepAnswer},
		{phaseRinging, askAnswer, phaseAnswered, (*Session).sendAnswer},
		{phaseRinging, askReject, phaseEnded, (*Session).sendReject},
		{phaseRinging, askHangup, phaseEnded, (*Session).sendReject},
		{phaseRinging, onCancel, phaseEnded, (*Session).endByCancel},
		{phaseRinging, onBye, phaseEnded, (*Session).endByEarlyBye},
		{phaseRinging, onGone, phaseEnded, (*Session).endGone},

		{phaseAnswering, askAnswer, phaseAnswered, (*Session).sendAnswer},
		{phaseAnswering, askReject, phaseEnded, (*Session).sendReject},
		{phaseAnswering, askHangup, phaseEnded, (*Session).sendReject},
		{phaseAnswering, onCancel, phaseEnded, (*Session).endByCancel},
		{phaseAnswering, onBye, phaseEnded, (*Session).endByEarlyBye},
		{phaseAnswering, onGone, phaseEnded, (*Session).endGone},

		{phaseAnswered, onAck, phaseConfirmed, (*Session).takeAck},
		{phaseAnswered, onNoAck, phaseEnding, (*Session).endNoAck},
		{phaseAnswered, askHangup, phaseLeaving, (*Session).endBeforeAck},
		{phaseAnswered, onBye, phaseEnded, (*Session).endByBye},
		{phaseAnswered, onCancel, phaseAnswered, nil}, // T23: too late, the call stands
		{phaseAnswered, onGone, phaseEnded, (*Session).endGone},

		{phaseLeaving, onAck, phaseEnding, (*Session).sendBye},
		{phaseLeaving, onNoAck, phaseEnding, (*Session).sendBye},
		{phaseLeaving, askHangup, phaseLeaving, nil},
		{phaseLeaving, onBye, phaseEnded, (*Session).endByBye},
		{phaseLeaving, onCancel, phaseLeaving, nil},
		{phaseLeaving, onGone, phaseEnded, (*Session).endGone},
	}
}

// dialogRows: the confirmed dialog, either side (RFC 3261 15, 5407 3).
func dialogRows() []sessionRow {
	return []sessionRow{
		{phaseConfirmed, onAccept, phaseConfirmed, (*Session).acceptAgain},
		{phaseConfirmed, onAck, phaseConfirmed, nil},
		{phaseConfirmed, onCancel, phaseConfirmed, nil},
		{phaseConfirmed, askHangup, phaseEnding, (*Session).hangUp},
		{phaseConfirmed, onBye, phaseEnded, (*Session).endByBye},
		{phaseConfirmed, onGone, phaseEnding, (*Session).endDialog},

		{phaseEnding, onAccept, phaseEnding, (*Session).acceptAgain},
		{phaseEnding, onAck, phaseEnding, nil}, // RFC 5407 3.1.3: an ACK behind our BYE
		{phaseEnding, askHangup, phaseEnding, nil},
		{phaseEnding, onBye, phaseEnding, (*Session).answerBye}, // both hang up at once
		{phaseEnding, onByeDone, phaseEnded, (*Session).close},
		{phaseEnding, onGone, phaseEnding, nil},

		{phaseEnded, onAccept, phaseEnded, (*Session).acceptAgain},
		{phaseEnded, askHangup, phaseEnded, nil},
		{phaseEnded, onAck, phaseEnded, nil},
		{phaseEnded, onCancel, phaseEnded, nil},
		{phaseEnded, onByeDone, phaseEnded, nil},
		{phaseEnded, onGone, phaseEnded, nil},
	}
}
