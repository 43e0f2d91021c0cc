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
	// ErrDNSSilent: no DNS server has answered; ErrDNS: one says that it failed.
	ErrDNSSilent = errors.New("no answer")
	ErrDNS       = errors.New("the server failed")
	// ErrNoWay: no address of this machine leads to the server.
	ErrNoWay = errors.New("reach server: this machine has no network that leads there")
	// ErrConnectionLost: the connection that the binding hung on has ended.
	ErrConnectionLost = errors.New("the connection has ended")
	// ErrForgotten: the registrar does not have the binding any more.
	ErrForgotten = errors.New("the registrar does not know the binding any more")
	// ErrNoCall: the far end does not know the call any more (481, RFC 3261 12.2.1.2).
	ErrNoCall = errors.New("the far end does not know the call any more")
	// ErrMoved: our own address has changed, and the answer to a call out would go to the old one.
	ErrMoved = errors.New("our own address has changed before the answer")
	// ErrUnconfirmed: our answer was never acknowledged (RFC 3261 13.3.1.4, RFC 3262 3).
	ErrUnconfirmed = errors.New("our answer was never acknowledged")
	// ErrUnrefreshed: nobody renewed the session in the time agreed (RFC 4028 10).
	ErrUnrefreshed = errors.New("the session was not refreshed")
	// ErrClockJumped: the machine slept, or its clock was set.
	ErrClockJumped = errors.New("the machine slept, or its clock was set")
	// ErrFinal: a final response was sent already.
	ErrFinal = errors.New("send response: a final one was sent already")
)
