package sip

import "ringback/sip/message"

// matchReplaces finds the dialog that an INVITE with Replaces wants to take over
// (RFC 3891 3) and returns the code to refuse it with, or 0.
func (s *Session) matchReplaces() int {
	if message.Has(s.invite, "Join") && message.Has(s.invite, "Replaces") || len(message.Values(s.invite, "Replaces")) > 1 {
		return 400
	}
	r, err := message.ReplacesOf(s.invite)
	switch {
	case err != nil:
		return 400
	case r == nil:
		return 0
	case s.account != nil && s.account.AcceptReplaces == Refuse:
		return 403
	}
	d := s.ua.dialogs[dialogKey{CallID(r.CallID), LocalTag(r.ToTag), RemoteTag(r.FromTag)}]
	if d == nil || d.session == nil {
		return 481
	}
	old := d.session
	switch {
	case old.phase == phaseEnded || old.phase == phaseEnding || old.phase == phaseLeaving || old.phase == phaseCancelling:
		return 603 // "if the dialog has terminated: decline"
	case !s.mayReplace(old):
		return 403
	case d.confirmed && r.EarlyOnly:
		return 486
	case !d.confirmed && old.incoming:
		// "If the Replaces header field matches an early dialog that was not initiated
		// by this UA, it returns a 481".
		return 481
	}
	s.replaces = old
	return 0
}

// mayReplace: only the dialog's own peer, or the trusted PBX that it came by, may
// take it over (RFC 3891 8).
func (s *Session) mayReplace(old *Session) bool {
	if s.account != old.account {
		return false
	}
	if s.ua.trusts(s.account, s.in.flow) {
		return true
	}
	return old.dialog != nil && old.dialog.flow != nil && old.dialog.flow.Remote().Addr() == s.in.flow.Remote().Addr()
}

// replacedBy ends this session because another took it over: BYE when it was
// answered, CANCEL when it was ours and early.
func (s *Session) replacedBy(by *Session) {
	if s.ended {
		return
	}
	s.emit(ReplacedBy{New: by})
	s.cause = Cause{Kind: CauseReplaced}
	_ = s.Hangup(ReasonHeader{})
}
