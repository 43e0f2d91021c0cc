package rude

import (
	"fmt"
	"strings"
)

// Request is the text of a request. What is left empty is filled in soundly, so
// that a test spoils one thing at a time.
type Request struct {
	Method  string
	URI     string // the phone
	Via     string // whole value; empty: SIP/2.0/UDP, the peer's address, rport and a new branch
	From    string
	To      string
	CallID  string
	CSeq    string   // whole value; empty: 1 and the method
	Headers []string // whole lines, put before Content-Length
	Type    string   // of Body
	Body    string
	Length  string // of Content-Length; empty: the right one
}

// String is the text on the wire.
func (r Request) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: %s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n",
		r.Method, r.URI, r.Via, r.From, r.To, r.CallID, r.CSeq)
	for _, line := range r.Headers {
		b.WriteString(line + "\r\n")
	}
	if r.Type != "" {
		b.WriteString("Content-Type: " + r.Type + "\r\n")
	}
	length := r.Length
	if length == "" {
		length = fmt.Sprint(len(r.Body))
	}
	fmt.Fprintf(&b, "Content-Length: %s\r\n\r\n%s", length, r.Body)
	return b.String()
}

// Message is what came, as text.
type Message struct{ Text string }

// Start is the first line.
func (m Message) Start() string {
	line, _, _ := strings.Cut(m.Text, "\r\n")
	return line
}

// Code is the status code of a response; zero for a request.
func (m Message) Code() int {
	var code int
	if _, err := fmt.Sscanf(m.Start(), "SIP/2.0 %d", &code); err != nil {
		return 0
	}
	return code
}

// Method is the method of a request, or of what a response answers.
func (m Message) Method() string {
	if m.Code() != 0 {
		_, method, _ := strings.Cut(m.Header("CSeq"), " ")
		return method
	}
	method, _, _ := strings.Cut(m.Start(), " ")
	return method
}

// Header is the value of the first header of that name, in its long form; empty when
// there is none.
func (m Message) Header(name string) string {
	head, _, _ := strings.Cut(m.Text, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if have, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(have), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Body is what stands behind the empty line.
func (m Message) Body() string {
	_, body, _ := strings.Cut(m.Text, "\r\n\r\n")
	return body
}

// Tag is the tag of a From or To value.
func Tag(value string) string {
	_, rest, _ := strings.Cut(value, ";tag=")
	tag, _, _ := strings.Cut(rest, ";")
	return tag
}
