package message

import (
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// The message model is sipgo's. Headers are held as text; read and write them
// with the functions of this package, never with sipgo's typed accessors.
type (
	// Message is a *Request or a *Response.
	Message = sip.Message
	// Request is a SIP request; Method is case-sensitive as on the wire.
	Request = sip.Request
	// Response is a SIP response.
	Response = sip.Response
	// Method is the name of a request's method, case-sensitive.
	Method = sip.RequestMethod
)

// The methods that this program knows by name.
const (
	INVITE    = sip.INVITE
	ACK       = sip.ACK
	CANCEL    = sip.CANCEL
	BYE       = sip.BYE
	REGISTER  = sip.REGISTER
	OPTIONS   = sip.OPTIONS
	SUBSCRIBE = sip.SUBSCRIBE
	NOTIFY    = sip.NOTIFY
	REFER     = sip.REFER
	INFO      = sip.INFO
	MESSAGE   = sip.MESSAGE
	PRACK     = sip.PRACK
	UPDATE    = sip.UPDATE
	PUBLISH   = sip.PUBLISH
)

// Bytes serialises a message as it goes on the wire.
func Bytes(m Message) []byte { return Append(make([]byte, 0, Size(m)), m) }

// Size is how many bytes a message takes on the wire.
func Size(m Message) int {
	var room [textRoom]byte
	size := len(appendStart(room[:0], m)) + len("\r\n\r\n") + len(m.Body())
	for _, h := range linesOf(m) {
		size += len("\r\n: ") + len(h.Name())
		if length, ok := h.(*sip.ContentLengthHeader); ok {
			var digits [20]byte
			size += len(strconv.AppendUint(digits[:0], uint64(*length), 10))
			continue
		}
		size += len(h.Value())
	}
	return size
}

// Append is Bytes into a buffer of the caller's.
func Append(b []byte, m Message) []byte {
	b = appendStart(b, m)
	for _, h := range linesOf(m) {
		b = append(b, "\r\n"...)
		if length, ok := h.(*sip.ContentLengthHeader); ok {
			b = strconv.AppendUint(append(b, "Content-Length: "...), uint64(*length), 10)
			continue
		}
		b = append(append(append(b, h.Name()...), ": "...), h.Value()...)
	}
	return append(append(b, "\r\n\r\n"...), m.Body()...)
}

// appendStart appends the first line without its end.
func appendStart(b []byte, m Message) []byte {
	switch m := m.(type) {
	case *Request:
		b = append(append(b, m.Method...), ' ')
		if uri, plain := plainURI(m); plain {
			b = uri.appendTo(b)
		} else {
			b = append(b, m.Recipient.String()...)
		}
		b = append(append(b, ' '), m.SipVersion...)
	case *Response:
		b = strconv.AppendInt(append(append(b, m.SipVersion...), ' '), int64(m.StatusCode), 10)
		b = append(append(b, ' '), m.Reason...)
	}
	return b
}

// MethodOf is the method of a request, or the method in a response's CSeq.
func MethodOf(m Message) Method {
	if req, ok := m.(*Request); ok {
		return req.Method
	}
	cseq, err := CSeqOf(m)
	if err != nil {
		return ""
	}
	return cseq.Method
}

// Clone copies a message and its headers; the body is shared.
func Clone[M *Request | *Response](m M) M {
	switch m := any(m).(type) {
	case *Request:
		c := newRequest(m.Method, m.Recipient) // whose lists nothing changes in their place
		c.SipVersion = m.SipVersion
		cloneInto(m, c)
		return any(c).(M)
	case *Response:
		c := newResponse(m.StatusCode, m.Reason)
		c.SipVersion = m.SipVersion
		cloneInto(m, c)
		return any(c).(M)
	}
	return nil
}

// cloneInto shares the lines: nothing changes one in its place, Set puts another there.
func cloneInto(from, to Message) {
	putLines(to, linesOf(from)) // which copies the list
	if body := from.Body(); body != nil {
		to.SetBody(body)
	}
}

// newRequest is NewRequest of the model without its list of headers, for putLines.
func newRequest(method Method, uri sip.Uri) *Request {
	req := &Request{Method: method, Recipient: uri}
	req.SipVersion = version
	return req
}

// newResponse is NewResponse of the model without its list of headers, for putLines.
func newResponse(code int, reason string) *Response {
	res := &Response{StatusCode: code, Reason: reason}
	res.SipVersion = version
	return res
}

const version = "SIP/2.0"

// usualLines are more header lines than nearly all messages have.
const usualLines = 32

// putLines gives a new message its lines: the model has one room made for all of them.
func putLines(m Message, lines []sip.Header) {
	switch m := m.(type) {
	case *Request:
		m.PrependHeader(lines...)
	case *Response:
		m.PrependHeader(lines...)
	}
}
