package sip

import (
	"net/netip"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transport"
)

// CallID is a SIP Call-ID.
type CallID string

// LocalTag is the tag that we gave in a dialog.
type LocalTag string

// RemoteTag is the tag that the far end gave in a dialog.
type RemoteTag string

// Flow is the connection or the UDP peer that a message came by.
type Flow = transport.Flow

// SessionState is what a person would call the state of a call's signalling. It
// is computed from the phase in the table.
type SessionState string

// The states of a session.
const (
	StateTrying      SessionState = "trying"      // asked or being asked, nothing rings yet
	StateEarly       SessionState = "early"       // rings or has early media
	StateConfirmed   SessionState = "confirmed"   // answered
	StateTerminating SessionState = "terminating" // CANCEL or BYE is on its way
	StateTerminated  SessionState = "terminated"
)

// SessionHandler gets what happens to a session, on the loop. A panic in it ends
// this session only.
type SessionHandler interface {
	SessionEvent(s *Session, e Event)
}

// SessionHandlerFunc is a function that serves as a SessionHandler.
type SessionHandlerFunc func(s *Session, e Event)

// SessionEvent calls f.
func (f SessionHandlerFunc) SessionEvent(s *Session, e Event) { f(s, e) }

// Part is one part of a body, with its own type.
type Part = message.Part

// ReasonHeader is one element of a Reason header (RFC 3326): Protocol (SIP or
// Q.850), Cause, Text. The zero value sends none.
type ReasonHeader = message.Reason

// Replaces names a dialog in RFC 3891's terms: ToTag is the tag of whoever
// receives the header.
type Replaces = message.Replaces

// Session is one INVITE session (RFC 3261 13 to 15) on its dialog. All methods
// are called on the loop.
type Session struct {
	ua       *UA
	account  *Account // nil for a call that came to a UA without accounts
	handler  SessionHandler
	incoming bool
	phase    phase
	callID   CallID
	localTag LocalTag
	local    Address
	told     netip.Addr // our address, as the far end was told it
	remote   Address
	identity *Address // as a trusted peer says; nil: none did
	dialog   *dialog  // the session's one dialog; for ours out, the latest fork until one answers
	ended    bool     // Ended was raised
	cause    Cause    // why it ends, from the first that decided

	invite *message.Request // the INVITE as it came; ours as it was last sent, nil once it is answered
	parts  []Part

	out      *outCall // our INVITE; nil for a call that came
	in       *inCall  // their INVITE; nil for ours
	oa       offerAnswer
	re       reinvite
	timers   sessionTimers
	refers   []*Referral
	inRefers []*IncomingRefer
	replaces *Session // the session that the INVITE named in Replaces
	linger   *loop.Timer
}

// ID is the SIP Call-ID.
func (s *Session) ID() CallID { return s.callID }

// LocalTag is our tag.
func (s *Session) LocalTag() LocalTag { return s.localTag }

// RemoteTag is the far end's tag; empty until it gave one.
func (s *Session) RemoteTag() RemoteTag {
	if s.dialog == nil {
		return ""
	}
	return s.dialog.remoteTag
}

// Local is our address in the dialog.
func (s *Session) Local() Address { return s.local }

// Remote is the far end's From or To.
func (s *Session) Remote() Address { return s.remote }

// Identity is who the far end is: P-Asserted-Identity or Remote-Party-ID where
// the trusted proxy gave it (RFC 3325), else Remote.
func (s *Session) Identity() Address {
	if id := s.identity; id != nil && (id.URI.Host != "" || id.URI.User != "") {
		return *id
	}
	return s.remote
}

// State is computed from the session's phase.
func (s *Session) State() SessionState { return phaseStates[s.phase] }

// Incoming reports whether the far end called us.
func (s *Session) Incoming() bool { return s.incoming }

// Account is the identity that the session belongs to; nil when none does.
func (s *Session) Account() *Account { return s.account }

// Handle sets who gets the session's events, from now on.
func (s *Session) Handle(h SessionHandler) { s.handler = h }

// Header is the raw value of the INVITE's first header of that name, any case,
// compact or not; empty when there is none, and of a call of ours once it is answered. The
// Via of a call of ours is empty until it is on its way.
func (s *Session) Header(name string) string {
	if s.invite == nil {
		return ""
	}
	return message.Value(s.invite, name)
}

// Headers are all headers of the INVITE in their order, as raw as they came; nil of a
// call of ours once it is answered.
func (s *Session) Headers() []Header {
	if s.invite == nil {
		return nil
	}
	return message.Headers(s.invite)
}

// Parts are the bodies of the INVITE: one, or those of its multipart.
func (s *Session) Parts() []Part { return s.parts }

// Offer is the SDP of the INVITE that came; nil for a late offer.
func (s *Session) Offer() []byte {
	if s.in == nil {
		return nil
	}
	return s.in.offer
}

// ReplacesSession is the session that this INVITE asks to take over; nil when it
// names none.
func (s *Session) ReplacesSession() *Session { return s.replaces }

// Source is the flow that the dialog was set up by; nil before anything came.
func (s *Session) Source() Flow {
	if s.dialog == nil {
		return nil
	}
	return s.dialog.flow
}

// happening is what comes with a stimulus; nobody changes it.
type happening struct {
	res     *message.Response
	req     *message.Request
	flow    Flow
	dialog  *dialog
	bye     *inDialog
	code    int
	reason  string
	sdp     []byte
	headers []Header
	because ReasonHeader
	cause   *Cause // nil: err says it
	err     error
}

// happen takes one row of the session's table and reports whether it has it.
// What is not in the table changes nothing and is counted.
func (s *Session) happen(on stimulus, h *happening) bool {
	if h == nil {
		h = &s.ua.nothing
	}
	m, ok := s.ua.tables.session.next(s.phase, on)
	if !ok {
		s.ua.count.add("refused." + s.phase.String() + "." + on.String())
		return false
	}
	s.phase = m.to
	if m.do != nil {
		m.do(s, h)
	}
	return true
}

// emit tells the handler, unless the session's end was told already.
func (s *Session) emit(e Event) {
	if !s.ended {
		s.tell(e)
	}
}

// tell is emit also after the end, for the outcome of a transfer: its NOTIFYs may
// come after the BYE (RFC 5057 4).
func (s *Session) tell(e Event) {
	if s.handler == nil {
		return
	}
	s.ua.guard("session event", func() { s.handler.SessionEvent(s, e) }, s.breakOff)
}

// guarded runs the handling of a message; a panic in it ends this session only.
func (s *Session) guarded(what string, fn func()) { s.ua.guard(what, fn, s.breakOff) }

// breakOff ends a session whose handling panicked (D14): what waits for an answer
// gets 500, the far end a BYE or CANCEL, the handler the end.
func (s *Session) breakOff() {
	if s.phase == phaseEnded || s.cause.Kind == CauseFailed {
		return
	}
	s.cause = Cause{Kind: CauseFailed, Code: 500, Reason: "internal error"}
	s.refuseOpen(500)
	if s.in != nil && s.in.final == nil {
		s.happen(askReject, &happening{code: 500})
		return
	}
	_ = s.Hangup(ReasonHeader{Protocol: "SIP", Cause: 500, Text: "internal error"})
}

// finish tells the end, once.
func (s *Session) finish(c Cause) {
	if s.ended {
		return
	}
	if s.cause.Kind == "" {
		s.cause = c
	}
	s.stopTimers()
	s.emit(Ended{Cause: s.cause})
	s.ended = true
}

// close is the end of the signalling: the dialogs leave the table, save one that
// a subscription still needs (RFC 5057 4: it outlives the INVITE's usage).
func (s *Session) close(*happening) {
	s.phase = phaseEnded
	s.finish(Cause{Kind: CauseFailed})
	delete(s.ua.sessions, s)
	if s.out != nil {
		delete(s.ua.outgoing, s.callID)
		s.linger.Stop()
		s.handEpilogue()
		for _, f := range s.out.forks {
			if f != s.out.kept && !f.leaving {
				s.ua.leave(f.dialog)
			}
		}
	}
	if s.in != nil { // this transaction outlives us too
		s.in.server.OnCancel(nil)
		s.in.server.OnEnd(nil)
	}
	s.release()
}

// release lets the dialog go when neither the session nor a subscription is on it.
func (s *Session) release() {
	if s.phase == phaseEnded && !s.subscribed() {
		s.ua.leave(s.dialog)
	}
}

// abandon ends a call whose answer cannot be used: the ACK is out, BYE follows.
func (s *Session) abandon(kind CauseKind, reason string) {
	s.cause = Cause{Kind: kind, Reason: reason}
	_ = s.Hangup(ReasonHeader{Protocol: "SIP", Cause: 488, Text: reason})
}

func (s *Session) stopTimers() {
	s.timers.stop()
	s.re.retry.Stop()
	if s.out != nil {
		s.out.timeout.Stop()
		s.out.impatience.Stop()
	}
	if s.in != nil {
		s.in.stopTimers()
	}
}

// Hangup ends the session as its state asks: CANCEL before an answer, a refusal
// of a call that came, BYE in a confirmed dialog. Ended follows, at once for a
// BYE (RFC 3261 15.1.1: the session counts as terminated when the BYE is out), on
// the final response or after T2 for a CANCEL. Hanging up again does nothing.
func (s *Session) Hangup(reason ReasonHeader) error {
	code := 603
	if s.cause.Kind == CauseFailed {
		code = 500
	}
	if !s.happen(askHangup, &happening{because: reason, code: code, headers: reasonHeaders(reason)}) {
		return ErrState
	}
	return nil
}

// Replaces names this dialog for the Replaces of somebody else's INVITE: the tags
// stand as the far end sees them (RFC 3891 6.1).
func (s *Session) Replaces() Replaces {
	return Replaces{CallID: string(s.callID), ToTag: string(s.RemoteTag()), FromTag: string(s.localTag)}
}
