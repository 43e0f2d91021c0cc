package media

import "errors"

// Errors that callers tell apart.
var (
	ErrClosed       = errors.New("it is closed")
	ErrNoPorts      = errors.New("no free pair of ports in the range: end calls or widen media.ports")
	ErrOfferPending = errors.New("an offer of ours is not answered yet")
	ErrNoOffer      = errors.New("no offer of ours is open")
	ErrNoEvents     = errors.New("the peer takes no telephone-event: send digits by INFO or in-band")
	ErrNotSending   = errors.New("nothing may be sent now: the call is on hold")
	ErrUnheard      = errors.New("it was opened as one whose peer nobody hears")
	ErrInUse        = errors.New("it is in another bridge")
	ErrDisk         = errors.New("the disk does not answer")
)
