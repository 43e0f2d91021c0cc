package message

import (
	"bytes"

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
func Bytes(m Message) []byte {
	var b bytes.Buffer
	b.Grow(1024 + len(m.Body()))
	m.StringWrite(&b)
	return b.Bytes()
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
		c := sip.NewRequest(m.Method, m.Recipient)
		c.SipVersion = m.SipVersion
		cloneInto(m, c)
		return any(c).(M)
	case *Response:
		c := sip.NewResponse(m.StatusCode, m.Reason)
		c.SipVersion = m.SipVersion
		cloneInto(m, c)
		return any(c).(M)
	}
	return nil
}

func cloneInto(from, to Message) {
	for _, h := range raw(from).Headers() {
		to.AppendHeader(sip.NewHeader(h.Name(), h.Value()))
	}
	if body := from.Body(); body != nil {
		to.SetBody(body)
	}
}
