package ladder

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// head is what the ladder reads of a message.
type head struct {
	first  string
	fields []field
	body   string
	broken bool
}

type field struct{ name, value string }

// compact are the short names of header fields (RFC 3261 7.3.3 and later).
func longName(short string) string {
	switch strings.ToLower(short) {
	case "i":
		return "Call-ID"
	case "f":
		return "From"
	case "t":
		return "To"
	case "v":
		return "Via"
	case "m":
		return "Contact"
	case "c":
		return "Content-Type"
	case "l":
		return "Content-Length"
	case "r":
		return "Refer-To"
	case "b":
		return "Referred-By"
	case "x":
		return "Session-Expires"
	case "o":
		return "Event"
	case "k":
		return "Supported"
	}
	return short
}

func read(raw []byte) head {
	text := strings.ReplaceAll(strings.TrimLeft(string(raw), "\r\n"), "\r\n", "\n")
	top, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(top, "\n")
	h := head{first: lines[0], body: body}
	h.broken = !strings.HasPrefix(h.first, "SIP/2.0 ") && !strings.HasSuffix(h.first, " SIP/2.0")
	for _, line := range lines[1:] {
		if n := len(h.fields); n > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			h.fields[n-1].value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if ok {
			h.fields = append(h.fields, field{longName(strings.TrimSpace(name)), strings.TrimSpace(value)})
		}
	}
	return h
}

func (h head) isRequest() bool { return !strings.HasPrefix(h.first, "SIP/2.0 ") }

// method is that of the request, or of the one that is answered.
func (h head) method() string {
	_, method, _ := strings.Cut(h.get("CSeq"), " ")
	return strings.TrimSpace(method)
}

func (h head) get(name string) string {
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

// summary is the body in one line, where it is of a type that says much: a
// session description, the status inside a NOTIFY (RFC 3420), a JSON document.
func (h head) summary() string {
	kind, _, _ := strings.Cut(strings.ToLower(h.get("Content-Type")), ";")
	switch strings.TrimSpace(kind) {
	case "application/sdp":
		return h.sdp()
	case "message/sipfrag":
		line, _, _ := strings.Cut(h.body, "\n")
		return strings.TrimSpace("sipfrag " + strings.TrimPrefix(strings.TrimSpace(line), "SIP/2.0 "))
	case "text/plain", "application/json":
		return h.document()
	}
	return ""
}

// document says what a JSON body of a versioned form is: its schema, and what names
// it among others of that form.
func (h head) document() string {
	var named struct {
		Schema, Callback, Type string
		Seq                    int
	}
	if json.Unmarshal([]byte(h.body), &named) != nil || named.Schema == "" {
		return ""
	}
	words := []string{named.Schema, named.Callback, named.Type}
	if named.Seq > 0 {
		words = append(words, strconv.Itoa(named.Seq))
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

// sdp says what a session description asks for: its direction and its codecs.
func (h head) sdp() string {
	direction, held := "sendrecv", ""
	var codecs []string
	for line := range strings.SplitSeq(h.body, "\n") {
		switch line = strings.TrimRight(line, "\r"); {
		case line == "a=sendonly", line == "a=recvonly", line == "a=inactive":
			direction = line[2:]
		case strings.HasPrefix(line, "c=IN IP4 0.0.0.0"):
			held = " 0.0.0.0"
		case strings.HasPrefix(line, "a=rtpmap:"):
			if _, codec, ok := strings.Cut(line, " "); ok {
				codec, _, _ = strings.Cut(codec, "/")
				codecs = append(codecs, codec)
			}
		}
	}
	return strings.TrimRight("sdp "+direction+held+" "+strings.Join(codecs, " "), " ")
}

// clean makes a text safe to print: one line, no control characters, bounded.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "?") {
		if n++; n > maxLabel {
			b.WriteRune('…')
			break
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
