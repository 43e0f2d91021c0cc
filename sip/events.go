package sip

import "net/netip"

// Event is something that happened to a session. The handler gets it on the
// loop and must not block; it may call any method of the session.
type Event interface{ sipEvent() }

// Progressed: a provisional response other than 100 came to our INVITE.
type Progressed struct {
	Code     int
	Reason   string
	SDP      []byte // early answer (or, on a late offer, the far end's offer); nil: none
	Reliable bool   // RFC 3262: SDP is final and was acknowledged
	Fork     string // the To tag: forks are kept apart by it
}

// Answered: the first 2xx came to our INVITE; the session is confirmed.
type Answered struct {
	SDP  []byte // the answer; with Late the far end's offer; nil: the earlier reliable answer stands
	Late bool   // SDP is an offer: call AnswerOffer, it goes in the ACK
	Fork string // the To tag of the fork that answered
}

// Confirmed: the ACK to our 2xx came.
type Confirmed struct {
	SDP []byte // the answer to our late offer, else nil
}

// OfferReceived: the far end offers anew. Answer with AnswerOffer or RefuseOffer,
// in the handler or later.
type OfferReceived struct {
	SDP    []byte // nil with Late
	Method string // INVITE, UPDATE or PRACK
	Late   bool   // no SDP came: AnswerOffer carries our full offer, AnswerReceived follows with the ACK
}

// AnswerReceived: the answer to our Reinvite, Update or late offer in a
// re-INVITE's 200.
type AnswerReceived struct{ SDP []byte }

// OfferRefused: our offer was refused; the session is as before (RFC 3261 14.1).
// Glare was retried already, ten times at most, unless Overtaken: then an offer of the far end's
// comes next (OfferReceived), or our own address has changed, and whoever still
// wants the change offers it again when that is done.
type OfferRefused struct {
	Code      int
	Reason    string
	Overtaken bool
}

// AddressChanged: our own address towards the far end is another one, since the
// machine moved to another network. Until a Reinvite tells it the new Contact, and
// with its offer where the media come in now, the far end looks for us where we
// were (RFC 3261 12.2.1.1).
type AddressChanged struct{ Local netip.Addr }

// IdentityChanged: the trusted proxy names another connected party.
type IdentityChanged struct{ Identity Address }

// ReferReceived: the dialog's peer asks us to call somebody (RFC 3515). Nothing
// is dialled: Accept or Refuse it.
type ReferReceived struct{ Refer *IncomingRefer }

// ReferWithdrawn: a REFER that nobody accepted was refused, because its time was over
// or its call has ended.
type ReferWithdrawn struct{ Refer *IncomingRefer }

// ReplacedBy: an accepted INVITE with Replaces takes this dialog over; this
// session ends by itself.
type ReplacedBy struct{ New *Session }

// TransferProgressed: a NOTIFY told how the call to the target goes.
type TransferProgressed struct {
	Referral *Referral
	Code     int
	Reason   string
}

// TransferEnded: the outcome of our REFER. The session itself goes on; hang it up
// when OK.
type TransferEnded struct {
	Referral *Referral
	OK       bool
	Code     int  // of the target's final answer, or of the REFER's refusal; 0 when unknown
	Refused  bool // the far end did not take the REFER: nothing has happened
	Reason   string
	TimedOut bool // no answer to the REFER, or no NOTIFY, for 32 s
}

// InfoReceived: a SIP INFO with a body that the session does not serve itself.
type InfoReceived struct {
	ContentType string
	Body        []byte
}

// MessageReceived: a MESSAGE inside the dialog; it was answered with 200.
type MessageReceived struct {
	ContentType string
	Body        []byte
}

// Redirected: the target sends us elsewhere and the account's policy is to ask.
// Call Follow in the handler, or the session ends as rejected when it returns.
type Redirected struct {
	Code     int
	Contacts []URI
}

// Ended: the last event of a session, but for TransferProgressed and TransferEnded:
// a far end may hang up once it took a REFER, and tell later how it went.
type Ended struct{ Cause Cause }

func (Progressed) sipEvent()         {}
func (Answered) sipEvent()           {}
func (Confirmed) sipEvent()          {}
func (OfferReceived) sipEvent()      {}
func (AnswerReceived) sipEvent()     {}
func (OfferRefused) sipEvent()       {}
func (AddressChanged) sipEvent()     {}
func (IdentityChanged) sipEvent()    {}
func (ReferReceived) sipEvent()      {}
func (ReferWithdrawn) sipEvent()     {}
func (ReplacedBy) sipEvent()         {}
func (TransferProgressed) sipEvent() {}
func (TransferEnded) sipEvent()      {}
func (InfoReceived) sipEvent()       {}
func (MessageReceived) sipEvent()    {}
func (Redirected) sipEvent()         {}
func (Ended) sipEvent()              {}

// CauseKind is why a session ended, in one word.
type CauseKind string

// The ways in which a session ends.
const (
	CauseCompleted         CauseKind = "completed"          // BYE after an answer
	CauseCancelled         CauseKind = "cancelled"          // CANCEL, by either side
	CauseAnsweredElsewhere CauseKind = "answered-elsewhere" // CANCEL with Reason: SIP;cause=200
	CauseRejected          CauseKind = "rejected"           // 603, 3xx by policy, other refusals
	CauseBusy              CauseKind = "busy"               // 486, 600
	CauseNoAnswer          CauseKind = "no-answer"          // our own ring time, Expires, 480 after ringing, 487
	CauseTimedOut          CauseKind = "timed-out"          // 408, or nothing came for 64*T1
	CauseNotFound          CauseKind = "not-found"          // 404, 410, 484, 604
	CauseUnavailable       CauseKind = "unavailable"        // 480, 5xx
	CauseForbidden         CauseKind = "forbidden"          // 401, 403, 407
	CauseNotAcceptable     CauseKind = "not-acceptable"     // 415, 488, 606: no common media
	CauseLoop              CauseKind = "routing-loop"       // 482, 483
	CauseFailed            CauseKind = "failed"             // anything else, or a broken answer
	CauseLostACK           CauseKind = "lost-ack"           // our 2xx was never acknowledged
	CauseReplaced          CauseKind = "replaced"           // taken over by Replaces
	CauseTransferred       CauseKind = "transferred"        // ended after a transfer that worked
	CauseRefreshFailed     CauseKind = "refresh-failed"     // RFC 4028 10
	CauseNetwork           CauseKind = "network"            // nothing can be sent
)

// Cause is why a session ended.
type Cause struct {
	Kind     CauseKind
	Code     int    // SIP status code; 0: none
	Reason   string // its reason phrase
	Text     string // the Reason header as it came, RFC 3326; empty: none
	Err      error  // what kept us from the far end, such as ErrNoCall or ErrTimeout; nil: nothing did
	ByRemote bool   // the far end decided
}
