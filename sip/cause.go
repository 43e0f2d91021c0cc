package sip

import (
	"errors"

	"ringback/sip/transaction"
)

// causeOf puts a final response in one word.
func causeOf(code int, reason string, byRemote bool) Cause {
	return Cause{Kind: kindOf(code), Code: code, Reason: reason, ByRemote: byRemote}
}

func kindOf(code int) CauseKind {
	switch code {
	case 401, 403, 407:
		return CauseForbidden
	case 404, 410, 484, 485, 604:
		return CauseNotFound
	case 408, 504:
		return CauseTimedOut
	case 415, 406, 488, 606:
		return CauseNotAcceptable
	case 480, 502, 503:
		return CauseUnavailable
	case 482, 483:
		return CauseLoop
	case 486, 600:
		return CauseBusy
	case 487:
		return CauseNoAnswer
	case 603:
		return CauseRejected
	}
	if code >= 300 && code < 400 {
		return CauseRejected
	}
	return CauseFailed
}

// causeOfError is the cause of a call that failed without an answer: a time-out
// counts as 408, a transport error as 503 (RFC 3261 8.1.3.1).
func causeOfError(err error) Cause {
	switch {
	case errors.Is(err, transaction.ErrTimeout), errors.Is(err, transaction.ErrNoAnswer):
		return Cause{Kind: CauseTimedOut, Code: 408, Reason: "nothing was answered"}
	case errors.Is(err, transaction.ErrCancelled):
		return Cause{Kind: CauseCancelled}
	case err == nil:
		return Cause{Kind: CauseFailed}
	}
	return Cause{Kind: CauseNetwork, Code: 503, Reason: err.Error()}
}
