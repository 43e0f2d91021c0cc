package sip

import (
	"ringback/sip/message"
)

// takeMessage serves a MESSAGE inside a dialog (RFC 3428).
func (s *Session) takeMessage(r *inDialog) {
	if s.phase == phaseEnded || s.phase == phaseEnding {
		r.respond(481)
		return
	}
	r.respond(200)
	s.emit(MessageReceived{ContentType: message.Value(r.req, "Content-Type"), Body: r.req.Body()})
}

// Message sends a MESSAGE inside the dialog; done gets the final code, 0 when
// none came.
func (s *Session) Message(contentType string, body []byte, done func(code int)) error {
	return s.carry("MESSAGE", contentType, body, done)
}

// carry sends a request with a body inside the dialog.
func (s *Session) carry(method, contentType string, body []byte, done func(code int)) error {
	switch {
	case s.ended:
		return ErrEnded
	case s.dialog == nil || s.phase != phaseConfirmed && s.phase != phaseEarly && s.phase != phaseRinging:
		return ErrState
	}
	if err := message.CheckValue("Content-Type", contentType); err != nil {
		return err
	}
	req := s.dialog.request(method, 0)
	message.SetBody(req, contentType, body)
	tell := func(code int) {
		if done != nil {
			done(code)
		}
	}
	s.inside(s.dialog, req, &replyTo{
		response: func(res *message.Response, _ Flow) {
			if res.StatusCode >= 200 {
				tell(res.StatusCode)
				s.goneBy(res.StatusCode, res.Reason)
			}
		},
		failed: func(error) { tell(0) },
	})
	return nil
}

// goneBy ends the session when the far end does not know the dialog (RFC 5057 5:
// a 481 to any request destroys it).
func (s *Session) goneBy(code int, reason string) {
	if code == 481 {
		s.happen(onGone, &happening{cause: new(causeOfGone(code, reason))})
	}
}
