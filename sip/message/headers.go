package message

import (
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Header is one header line: a name and its unfolded value.
type Header struct {
	Name  string
	Value string
}

// remover is what requests and responses of sipgo have in common beyond Message.
type remover interface{ RemoveHeader(name string) bool }

// linesOf are the header lines of a message, in its own list.
func linesOf(m Message) []sip.Header {
	switch m := m.(type) {
	case *Request:
		return m.Headers()
	case *Response:
		return m.Headers()
	}
	return nil
}

// sameHeader compares the names of headers; most are as they should be written.
func sameHeader(a, b string) bool {
	return a == b || len(a) == len(b) && strings.EqualFold(a, b)
}

// Headers lists the header lines of a message in their order.
func Headers(m Message) []Header {
	hs := linesOf(m)
	out := make([]Header, len(hs))
	for i, h := range hs {
		out[i] = Header{h.Name(), h.Value()}
	}
	return out
}

// Values are the values of all lines with that name, in order. The name's case
// does not matter, and a compact form counts as its long name.
func Values(m Message, name string) []string {
	var out []string
	EachValue(m, name, func(v string) { out = append(out, v) })
	return out
}

// EachValue is Values without a list.
func EachValue(m Message, name string, each func(string)) {
	name = CanonicalName(name)
	for _, h := range linesOf(m) {
		if sameHeader(h.Name(), name) {
			each(h.Value())
		}
	}
}

// Value is the value of the first line with that name, or "".
func Value(m Message, name string) string {
	name = CanonicalName(name)
	for _, h := range linesOf(m) {
		if sameHeader(h.Name(), name) {
			return h.Value()
		}
	}
	return ""
}

// Has reports whether there is a line with that name, be its value empty.
func Has(m Message, name string) bool {
	name = CanonicalName(name)
	for _, h := range linesOf(m) {
		if sameHeader(h.Name(), name) {
			return true
		}
	}
	return false
}

// Elements are the comma-separated elements of all lines with that name, in
// order, trimmed; commas inside quotes and <> do not separate. Empty elements
// are left out. Elements of an unbalanced value are not split.
func Elements(m Message, name string) []string {
	var out []string
	eachElement(m, name, func(e string) { out = append(out, e) })
	return out
}

// eachElement is Elements without a list.
func eachElement(m Message, name string, each func(string)) {
	name = CanonicalName(name)
	for _, h := range linesOf(m) {
		if !sameHeader(h.Name(), name) {
			continue
		}
		v := h.Value()
		if eachTop(v, ',', func(string) {}) != nil {
			if v != "" {
				each(v)
			}
			continue
		}
		_ = eachTop(v, ',', func(e string) { // read without an error above
			if e != "" {
				each(e)
			}
		})
	}
}

// HasToken reports whether an element of that header is the token, without
// regard to case: HasToken(m, "Supported", "100rel").
func HasToken(m Message, name, token string) bool {
	found := false
	eachElement(m, name, func(e string) { found = found || strings.EqualFold(e, token) })
	return found
}

// Add appends a line at the end.
func Add(m Message, name, value string) {
	m.AppendHeader(sip.NewHeader(CanonicalName(name), value))
}

// Line is a header line that stands in many messages, made once: nothing changes a line in
// its place.
type Line struct{ header sip.Header }

// NewLine makes a line to be shared.
func NewLine(name, value string) Line { return Line{sip.NewHeader(CanonicalName(name), value)} }

// AddLine is Add of a line that is shared.
func AddLine(m Message, l Line) { m.AppendHeader(l.header) }

// PutVia gives a request of ours its Via: in the place of one that stands first, be it empty
// or the one that the request was sent with before, else before all other lines.
func PutVia(req *Request, value string) {
	if lines := linesOf(req); len(lines) > 0 && sameHeader(lines[0].Name(), "Via") {
		lines[0] = sip.NewHeader("Via", value)
		return
	}
	Prepend(req, "Via", value)
}

// Prepend puts a line before all others, as a new top Via needs it.
func Prepend(m Message, name, value string) {
	m.PrependHeader(sip.NewHeader(CanonicalName(name), value))
}

// Set gives the first line with that name a new value, takes the others away,
// and appends a line when there was none.
func Set(m Message, name, value string) {
	name = CanonicalName(name)
	if SetFirst(m, name, value) {
		removeAfterFirst(m, name)
		return
	}
	Add(m, name, value)
}

// SetFirst gives the first line with that name a new value and leaves the
// others, and reports whether there was one.
func SetFirst(m Message, name, value string) bool {
	name = CanonicalName(name)
	hs := linesOf(m)
	for i, h := range hs {
		if sameHeader(h.Name(), name) {
			hs[i] = sip.NewHeader(name, value)
			return true
		}
	}
	return false
}

func removeAfterFirst(m Message, name string) {
	hs := linesOf(m)
	n, seen := 0, false
	var surplus []int
	for i, h := range hs {
		if !sameHeader(h.Name(), name) {
			continue
		}
		if seen {
			surplus = append(surplus, i)
		}
		seen = true
		n++
	}
	if len(surplus) == 0 {
		return
	}
	// sipgo removes by name only, so the surplus lines get a name of their own.
	const doomed = "-"
	for _, i := range surplus {
		hs[i] = sip.NewHeader(doomed, "")
	}
	for m.(remover).RemoveHeader(doomed) {
	}
}

// Remove takes away all lines with that name and reports whether there were any.
func Remove(m Message, name string) bool {
	name = CanonicalName(name)
	removed := false
	for {
		exact := ""
		for _, h := range linesOf(m) {
			if sameHeader(h.Name(), name) {
				exact = h.Name()
				break
			}
		}
		if exact == "" {
			return removed
		}
		m.(remover).RemoveHeader(exact)
		removed = true
	}
}

// Copy appends to one message all lines with that name of another, as they are.
func Copy(from, to Message, name string) {
	name = CanonicalName(name)
	for _, h := range linesOf(from) {
		if sameHeader(h.Name(), name) {
			share(h, to, name)
		}
	}
}

// share appends a line of another message: nothing changes a line in its place.
func share(h sip.Header, to Message, name string) {
	if h.Name() != name {
		h = sip.NewHeader(name, h.Value())
	}
	to.AppendHeader(h)
}

// CanonicalName is the usual spelling of a header's name; compact forms
// (RFC 3261 7.3.3 and later RFCs) become long. Unknown names stay as they are.
func CanonicalName(name string) string {
	if isCanonical(name) {
		return name
	}
	if known := knownName(strings.ToLower(name)); known != "" {
		return known
	}
	return name
}

// isCanonical knows the names that nearly all messages have, and those that are often asked
// for, so that they cost nothing.
func isCanonical(name string) bool {
	switch name {
	case "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Content-Length", "Content-Type",
		"Route", "Record-Route", "Allow", "Supported", "Require", "User-Agent", "Server", "Expires", "Authorization",
		"Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "Session-Expires", "Min-SE", "Accept", "Reason",
		"Content-Encoding", "Content-Disposition", "Content-ID", "P-Asserted-Identity", "Remote-Party-ID", "Event", "Subject", "RSeq",
		"RAck", "Refer-To", "Referred-By", "Replaces", "Timestamp", "Subscription-State", "Retry-After", "Join",
		"Authentication-Info", "Proxy-Authentication-Info", "Service-Route", "Min-Expires", "Info-Package", "Flow-Timer",
		"Allow-Events", "Accept-Encoding", "Accept-Language", "Refer-Sub", "SIP-ETag", "SIP-If-Match":
		return true
	}
	return false
}

func knownName(lower string) string {
	if len(lower) == 1 {
		return compactName(lower[0])
	}
	switch lower {
	case "accept", "allow", "authorization", "contact", "date", "event", "expires", "from", "organization",
		"path", "priority", "reason", "replaces", "require", "route", "server", "subject", "supported",
		"timestamp", "to", "unsupported", "via", "warning", "privacy", "identity", "identity-info":
		return titled(lower)
	case "call-id", "call-info", "alert-info", "error-info", "accept-encoding", "accept-language", "allow-events",
		"content-disposition", "content-encoding", "content-language", "content-length", "content-type",
		"in-reply-to", "max-forwards", "min-expires", "proxy-authenticate", "proxy-authorization",
		"proxy-require", "record-route", "refer-to", "referred-by", "reply-to", "retry-after",
		"service-route", "session-expires", "subscription-state", "user-agent", "history-info", "diversion",
		"p-asserted-identity", "p-preferred-identity", "remote-party-id", "authentication-info",
		"target-dialog", "refer-sub", "answer-mode", "info-package", "recv-info", "security-verify":
		return strings.Replace(titled(lower), "Call-Id", "Call-ID", 1)
	case "cseq":
		return "CSeq"
	case "rack":
		return "RAck"
	case "rseq":
		return "RSeq"
	case "min-se":
		return "Min-SE"
	case "www-authenticate":
		return "WWW-Authenticate"
	case "mime-version":
		return "MIME-Version"
	case "user-to-user":
		return "User-to-User"
	}
	return ""
}

func titled(lower string) string {
	if lower == "remote-party-id" {
		return "Remote-Party-ID"
	}
	b := []byte(lower)
	up := true
	for i, c := range b {
		if up && c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
		up = c == '-'
	}
	return string(b)
}

func compactName(c byte) string {
	switch c {
	case 'b':
		return "Referred-By"
	case 'c':
		return "Content-Type"
	case 'e':
		return "Content-Encoding"
	case 'f':
		return "From"
	case 'i':
		return "Call-ID"
	case 'k':
		return "Supported"
	case 'l':
		return "Content-Length"
	case 'm':
		return "Contact"
	case 'n':
		return "Identity-Info"
	case 'o':
		return "Event"
	case 'r':
		return "Refer-To"
	case 's':
		return "Subject"
	case 't':
		return "To"
	case 'u':
		return "Allow-Events"
	case 'v':
		return "Via"
	case 'x':
		return "Session-Expires"
	case 'y':
		return "Identity"
	}
	return ""
}
