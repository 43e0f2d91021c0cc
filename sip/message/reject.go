package message

import "fmt"

// Reject says why a message was not admitted or is not served, and holds what
// is needed to answer it.
type Reject struct {
	Code    int      // status to answer with, 400 to 699
	Reason  string   // reason phrase of the answer; "" for the usual one
	Fault   Fault    // what is wrong, in one word, to be counted
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

func refuse(code int, what Fault, format string, args ...any) *Reject {
	return &Reject{Code: code, Fault: what, Cause: fmt.Sprintf(format, args...)}
}

// Fault is what is wrong with a message, in one word.
type Fault uint8

// The faults of messages that are not admitted, and FaultUnserved for what Check
// refuses.
const (
	FaultLine       Fault = iota // no start line, no colon, no end of the headers
	FaultVersion                 // not SIP/2.0
	FaultURI                     // Request-URI
	FaultMissing                 // a header that each message has
	FaultRepeated                // a header that stands once
	FaultAddress                 // From, To, Contact, Route, Record-Route, Refer-To, Replaces
	FaultVia                     // Via, or too many
	FaultCSeq                    // CSeq, or of another method
	FaultValue                   // another value
	FaultLength                  // Content-Length
	FaultSize                    // larger than is taken
	FaultHeaders                 // more header lines than are taken
	FaultParameters              // more parameters than are taken
	FaultControls                // CR, LF, NUL and the like
	FaultUnserved                // well-formed, and not served
	Faults                       // how many there are
)

// String is the word.
func (f Fault) String() string {
	if f >= Faults {
		return "unknown"
	}
	return [Faults]string{"line", "version", "uri", "missing", "repeated", "address", "via", "cseq", "value", "length", "size",
		"headers", "parameters", "controls", "unserved"}[f]
}
