package message

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// NewRequest makes a request with a start line only. Add the headers of
// RFC 3261 8.1.1; the transaction puts the Via in front.
func NewRequest(method Method, uri URI) *Request {
	req := sip.NewRequest(method, sip.Uri{})
	SetRequestURI(req, uri)
	return req
}

// NewResponse makes a response to a request as RFC 3261 8.2.6 says: Via, From,
// To, Call-ID and CSeq are copied as they stand. toTag is added to a To that has
// none, except in a 100. Record-Route goes along where a dialog can begin, the
// Timestamp with a 100. An empty reason is filled in.
func NewResponse(req *Request, code int, reason, toTag string) *Response {
	if reason == "" {
		reason = ReasonPhrase(code)
	}
	res := sip.NewResponse(code, reason)
	Copy(req, res, "Via")
	if code > 100 && code < 300 && req.Method != REGISTER {
		Copy(req, res, "Record-Route")
	}
	copyFirst(req, res, "From")
	if to := Value(req, "To"); to != "" {
		if code > 100 && toTag != "" && !hasTag(to) {
			to = strings.TrimRight(to, "; \t") + ";tag=" + toTag
		}
		Add(res, "To", to)
	}
	copyFirst(req, res, "Call-ID")
	copyFirst(req, res, "CSeq")
	if code == 100 {
		copyFirst(req, res, "Timestamp")
	}
	setBody(res, nil)
	return res
}

func copyFirst(from, to Message, name string) {
	for _, h := range linesOf(from) {
		if sameHeader(h.Name(), name) {
			if h.Value() != "" {
				share(h, to, name)
			}
			return
		}
	}
}

func hasTag(to string) bool {
	_, params, err := cutAddress(trimBlanks(to))
	if err != nil {
		return true
	}
	_, found, err := findParam(params, "tag")
	return found || err != nil
}

// setBody is SetBody of the model, which looks long for the Content-Length of a message
// that has none yet.
func setBody(m Message, body []byte) {
	for _, h := range linesOf(m) {
		if sameHeader(h.Name(), "Content-Length") {
			m.SetBody(body)
			return
		}
	}
	length := sip.ContentLengthHeader(len(body))
	m.AppendHeader(&length)
	m.SetBody(body)
}

// SetBody gives a message a body and its Content-Type; an empty body takes the
// Content-Type away. Content-Length follows.
func SetBody(m Message, contentType string, body []byte) {
	if len(body) == 0 {
		Remove(m, "Content-Type")
		setBody(m, nil)
		return
	}
	Set(m, "Content-Type", contentType)
	setBody(m, body)
}

// CheckValue refuses a header value that must not go out: CR, LF, NUL and other
// control characters but TAB (RFC 3261 25.1, CWE-93). Everything that a person
// or a CRM gave goes through here or Quote before it is put in a message.
func CheckValue(name, value string) error {
	if !isToken(name) {
		return fmt.Errorf("check header name %q: not a token; use letters, digits and -", clip(name))
	}
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return fmt.Errorf("check header %s: control character 0x%02x at byte %d; take it out", name, c, i)
		}
	}
	return nil
}

// NewBranch makes a Via branch with the magic cookie of RFC 3261 8.1.1.7.
func NewBranch() string { return randomText("z9hG4bK", randomChars) }

// NewTag makes a From or To tag.
func NewTag() string { return randomText("", 16) }

// StatelessTag is the To tag of an answer that nobody remembers: the same for the
// same request (RFC 3261 8.2.7), and not to be guessed without the key.
func StatelessTag(key []byte, req *Request) string {
	h := hmac.New(sha256.New, key)
	for _, name := range [...]string{"Via", "Call-ID", "CSeq", "From"} {
		_, _ = fmt.Fprintf(h, "%s\n", Value(req, name)) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// NewCallID makes a Call-ID.
func NewCallID() string { return randomText("", randomChars) }

// randomChars have 130 random bits.
const randomChars = 26

// randomText is n letters and digits, of five bits each, from the system's source; n is
// randomChars at most.
func randomText(prefix string, n int) string {
	var room [randomChars + 8]byte
	b := append(room[:0], prefix...)
	b = b[:len(b)+n]
	random := b[len(prefix):]
	_, _ = rand.Read(random) // never fails (crypto/rand)
	for i, c := range random {
		random[i] = "abcdefghijklmnopqrstuvwxyz234567"[c%32]
	}
	return string(b)
}

// ReasonPhrase is the usual text of a status code.
func ReasonPhrase(code int) string {
	switch code {
	case 100:
		return "Trying"
	case 180:
		return "Ringing"
	case 181:
		return "Call Is Being Forwarded"
	case 182:
		return "Queued"
	case 183:
		return "Session Progress"
	case 200:
		return "OK"
	case 202:
		return "Accepted"
	case 300:
		return "Multiple Choices"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Moved Temporarily"
	case 305:
		return "Use Proxy"
	}
	if code >= 400 {
		return failurePhrase(code)
	}
	return "Unspecified"
}

func failurePhrase(code int) string {
	phrases := [...]struct {
		code int
		text string
	}{
		{400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {406, "Not Acceptable"}, {407, "Proxy Authentication Required"},
		{408, "Request Timeout"}, {410, "Gone"}, {412, "Conditional Request Failed"},
		{413, "Request Entity Too Large"}, {414, "Request-URI Too Long"}, {415, "Unsupported Media Type"},
		{416, "Unsupported URI Scheme"}, {420, "Bad Extension"}, {421, "Extension Required"},
		{422, "Session Interval Too Small"}, {423, "Interval Too Brief"}, {429, "Provide Referrer Identity"},
		{469, "Bad Info Package"}, {480, "Temporarily Unavailable"},
		{481, "Call/Transaction Does Not Exist"}, {482, "Loop Detected"}, {483, "Too Many Hops"},
		{484, "Address Incomplete"}, {485, "Ambiguous"}, {486, "Busy Here"}, {487, "Request Terminated"},
		{488, "Not Acceptable Here"}, {489, "Bad Event"}, {491, "Request Pending"}, {493, "Undecipherable"},
		{500, "Server Internal Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
		{503, "Service Unavailable"}, {504, "Server Time-out"}, {505, "Version Not Supported"},
		{513, "Message Too Large"}, {600, "Busy Everywhere"}, {603, "Decline"},
		{604, "Does Not Exist Anywhere"}, {606, "Not Acceptable"},
	}
	for _, p := range phrases {
		if p.code == code {
			return p.text
		}
	}
	return "Failure"
}
