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

// causeOfGone is the cause of a call whose dialog is gone: 481 to a request inside of
// it, or 408, by which somebody between says that nobody answers there.
func causeOfGone(code int, reason string) Cause {
	c := Cause{Kind: CauseNetwork, Code: code, Reason: reason, ByRemote: true, Err: ErrNoCall}
	if code == 408 {
		c.Err = ErrTimeout
	}
	return c
}

// causeOfError is the cause of a call that failed without an answer: a time-out
// counts as 408, a transport error as 503 (RFC 3261 8.1.3.1).
func causeOfError(err error) Cause {
	switch {
	case errors.Is(err, transaction.ErrTimeout), errors.Is(err, transaction.ErrNoAnswer):
		return Cause{Kind: CauseTimedOut, Code: 408, Reason: "nothing was answered", Err: ErrTimeout}
	case errors.Is(err, transaction.ErrCancelled):
		return Cause{Kind: CauseCancelled}
	case err == nil:
		return Cause{Kind: CauseFailed}
	}
	return Cause{Kind: CauseNetwork, Code: 503, Reason: err.Error(), Err: err}
}
