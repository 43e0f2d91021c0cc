package message

import "fmt"

// Reject says why a message was not admitted or is not served, and holds what
// is needed to answer it.
type Reject struct {
	Code    int      // status to answer with, 400 to 699
	Reason  string   // reason phrase of the answer; "" for the usual one
	Cause   string   // for the log; names the fault, never a secret
	Headers []Header // to be added to the answer (Allow, Accept, Unsupported)
	// Head is the request as far as it could be read: method and raw Via, From,
	// To, Call-ID and CSeq. nil when no answer is due or possible: a response,
	// an ACK, a message without a start line or a Via.
	Head *Request
	// Unframed says that the end of the message is unknown: on a stream the
	// connection must be closed after the answer (RFC 3261 18.3).
	Unframed bool
}

// Error says code and cause.
func (r *Reject) Error() string {
	return fmt.Sprintf("admit message: %d %s", r.Code, r.Cause)
}

// Response builds the answer, or returns nil when none is due.
func (r *Reject) Response(toTag string) *Response {
	if r.Head == nil || r.Head.Method == ACK {
		return nil
	}
	res := NewResponse(r.Head, r.Code, r.Reason, toTag)
	for _, h := range r.Headers {
		Add(res, h.Name, h.Value)
	}
	return res
}

func refuse(code int, format string, args ...any) *Reject {
	return &Reject{Code: code, Cause: fmt.Sprintf(format, args...)}
}
