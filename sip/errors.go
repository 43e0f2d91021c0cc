package sip

import (
	"errors"

	"ringback/sip/transaction"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrCancelled: the far end's CANCEL came before our answer.
	ErrCancelled = errors.New("answer call: the caller has cancelled it")
	// ErrEnded: the session is over, or on its way there.
	ErrEnded = errors.New("use session: it has ended")
	// ErrState: the action has no meaning in the session's state.
	ErrState = errors.New("use session: not possible in this state")
	// ErrOfferPending: an offer is open in either direction; try again when it
	// has been answered.
	ErrOfferPending = errors.New("offer media: another offer is open")
	// ErrNoOffer: there is no offer to be answered.
	ErrNoOffer = errors.New("answer offer: none is open")
	// ErrNotSupported: the peer's Allow does not have the method.
	ErrNotSupported = errors.New("send request: the peer does not support it")
	// ErrClosed: the user agent is closed.
	ErrClosed = errors.New("use user agent: it is closed")
	// ErrLimit: as many sessions or subscriptions are open as Config.Limits allows.
	ErrLimit = errors.New("begin: as many are open as the limits allow")
	// ErrOwnAddress: the target is the account's own address of record.
	ErrOwnAddress = errors.New("call target: it is our own address")
	// ErrTimeout: no final response came in time.
	ErrTimeout = transaction.ErrTimeout
	// ErrFinal: a final response was sent already.
	ErrFinal = errors.New("send response: a final one was sent already")
)
