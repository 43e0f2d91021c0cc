package sip

import "ringback/sip/message"

// Probe asks the far end whether a call out that rings is still there, by an UPDATE
// without an offer in its early dialog (RFC 3311 5.1) or, where the far end does not know
// UPDATE, by OPTIONS there, which changes nothing (RFC 3261 11, 12.2.2): a PBX that was
// restarted answers 481, and the call ends as CauseNetwork, where it would ring for ever.
// Any other answer, or none, changes nothing. ErrNotSupported where the far end knows
// neither or several phones ring; ErrState where the call does not ring. A call that is
// answered is asked about by Reinvite. Loop goroutine.
func (s *Session) Probe() error {
	if s.phase != phaseEarly || s.dialog == nil || s.out == nil {
		return ErrState
	}
	method := "UPDATE"
	if allow := s.dialog.allow; !allow.offers("UPDATE") {
		if method = "OPTIONS"; !allow.serves(method) {
			return ErrNotSupported
		}
	}
	if len(s.out.forks) != 1 {
		return ErrNotSupported
	}
	req := s.dialog.request(method, 0)
	req.SetBody(nil)
	s.inside(s.dialog, req, &replyTo{
		sent: func(*message.Request) {},
		response: func(res *message.Response, _ Flow) {
			if res.StatusCode == 481 && s.phase == phaseEarly {
				s.cause = causeOfGone(481, res.Reason)
				_ = s.Hangup(ReasonHeader{Protocol: "SIP", Cause: 487, Text: "the dialog is gone"})
			}
		},
		failed: func(error) {},
	})
	return nil
}
