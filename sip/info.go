package sip

import "ringback/sip/message"

// takeInfo serves an INFO (RFC 6086): packages are none of ours (469), an empty
// one is an old keepalive, digits go up, another type is 415.
func (s *Session) takeInfo(r *inDialog) {
	kind := bareType(r.req)
	switch {
	case s.phase == phaseEnded || s.phase == phaseEnding:
		r.respond(481)
	case message.Has(r.req, "Info-Package"):
		r.respond(469, Header{Name: "Recv-Info", Value: ""})
	case len(r.req.Body()) == 0:
		r.respond(200)
	case oneOf(kind, "application/dtmf-relay", "application/dtmf", "text/plain", "application/json"):
		r.respond(200)
		s.emit(InfoReceived{ContentType: message.Value(r.req, "Content-Type"), Body: r.req.Body()})
	default:
		r.respond(415, Header{Name: "Accept", Value: "application/dtmf-relay, application/dtmf"})
	}
}

// Info sends a SIP INFO inside the dialog; done gets the final code, 0 when none
// came.
func (s *Session) Info(contentType string, body []byte, done func(code int)) error {
	return s.carry("INFO", contentType, body, done)
}
