package message

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// line is one unfolded header line.
//
// It is a header of the model too, so that the lines of a message are made in one piece. The
// model's interface has functions that only its own types have: those of its Call-ID write
// whatever text it holds. Only its copy of a line would be a Call-ID: Clone shares the lines.
type line struct {
	sip.CallIDHeader        // the value
	name             string // canonical
}

// Name implements sip.Header.
func (l *line) Name() string { return l.name }

// String implements sip.Header.
func (l *line) String() string { return l.name + ": " + l.Value() }

// StringWrite implements sip.Header.
func (l *line) StringWrite(w io.StringWriter) {
	_, _ = w.WriteString(l.String()) // of the model, which writes to memory
}

// scanned is the raw form of a message: its lines, and where the body starts.
type scanned struct {
	start    string
	lines    []line
	first    [kinds]uint8 // where the first line of a kind is, from 1 on; 0: nowhere
	repeated string       // the first header that stands twice and may not (RFC 3261 7.3.1)
	clean    bool         // no line has a control character
	dirty    []int        // lines that have one, which must not be echoed, by ascending index
	body     []byte
	fault    *Reject // the first fault; scanning goes on to find what an answer needs
}

func (s *scanned) blame(r *Reject) {
	if s.fault == nil {
		s.fault = r
	}
}

// value is that of the first line of a kind.
func (s *scanned) value(k kind) (string, bool) {
	if at := s.first[k]; at > 0 {
		return s.lines[at-1].Value(), true
	}
	return "", false
}

// scan cuts a message into lines in one pass. Lines end with CRLF and nothing
// else; it never reads a byte twice more than a fixed number of times.
func (s *scanned) scan(data []byte) {
	if len(data) > MaxMessage {
		s.blame(refuse(513, FaultSize, "message of %d bytes, over %d", len(data), MaxMessage))
		data = data[:MaxHeaderBytes]
	}
	text := data
	if end := bytes.Index(data, []byte("\r\n\r\n")); end >= 0 {
		text, s.body = data[:end+2], data[end+4:]
	} else {
		s.blame(refuse(400, FaultLine, "no empty line after the headers"))
	}
	if len(text) > MaxHeaderBytes {
		s.blame(refuse(513, FaultSize, "headers of %d bytes, over %d", len(text), MaxHeaderBytes))
		text = text[:MaxHeaderBytes]
	}
	head := string(text) // one copy, of which all lines are parts
	s.clean = countControls(text) == 2*countLines(head)
	start, rest := cutLine(head)
	s.start = start
	if !s.clean && hasControls(start) {
		s.blame(refuse(400, FaultControls, "control character in the start line"))
		s.start = ""
	}
	s.scanLines(rest)
}

func cutLine(s string) (line, rest string) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '\n') + from
		if i < from {
			return s, ""
		}
		if i > 0 && s[i-1] == '\r' {
			return s[:i-1], s[i+1:]
		}
		from = i + 1
	}
}

// countLines counts the ends of lines.
func countLines(s string) (n int) {
	for {
		i := strings.IndexByte(s, '\n')
		if i < 0 {
			return n
		}
		if i > 0 && s[i-1] == '\r' {
			n++
		}
		s = s[i+1:]
	}
}

func (s *scanned) scanLines(text string) {
	s.lines = make([]line, 0, min(MaxHeaders, strings.Count(text, "\n")+1))
	for len(text) > 0 {
		if len(s.lines) == MaxHeaders {
			s.blame(refuse(400, FaultHeaders, "more than %d header lines", MaxHeaders))
			return
		}
		one, rest := cutLine(text)
		if len(rest) > 0 && isBlank(rest[0]) {
			one, rest = unfold(one, rest)
		}
		text = rest
		s.addLine(one)
	}
}

// unfold joins a line with the lines that continue it, one blank between.
func unfold(first, rest string) (text, after string) {
	joined := append(make([]byte, 0, len(first)+64), strings.TrimRight(first, " \t")...)
	for len(rest) > 0 && isBlank(rest[0]) {
		var more string
		more, rest = cutLine(rest)
		joined = append(append(joined, ' '), trimBlanks(more)...)
	}
	return string(joined), rest
}

func (s *scanned) addLine(text string) {
	colon := strings.IndexByte(text, ':')
	if colon < 0 {
		s.blame(refuse(400, FaultLine, "header line without a colon"))
		return
	}
	name := trimBlanks(text[:colon])
	if !isCanonical(name) {
		if !isToken(name) {
			s.blame(refuse(400, FaultLine, "header name is no token"))
			return
		}
		name = CanonicalName(name)
	}
	value := trimBlanks(text[colon+1:])
	l := line{CallIDHeader: sip.CallIDHeader(value), name: name}
	if !s.clean && hasControls(text[colon+1:]) {
		s.blame(refuse(400, FaultControls, "control character in %s", clip(l.name)))
		s.dirty = append(s.dirty, len(s.lines))
	}
	if strings.Count(value, ";") > MaxParams && mostParams(value) > MaxParams {
		s.blame(refuse(400, FaultParameters, "more than %d parameters in %s", MaxParams, clip(l.name)))
	}
	s.lines = append(s.lines, l)
	switch k := kindOf(name); {
	case s.first[k] == 0:
		s.first[k] = uint8(len(s.lines)) // at most MaxHeaders
	case s.repeated == "" && k > manyTimes:
		s.repeated = name
	}
}

// kind is what admission looks at a header line for.
type kind uint8

const (
	unread kind = iota // admission does not look at it
	kindVia
	kindContact
	kindRoute
	kindRecordRoute
	manyTimes // those behind may stand only once
	kindFrom
	kindTo
	kindCallID
	kindCSeq
	kindMaxForwards
	kindContentLength
	kindContentType
	kindContentDisposition
	kindExpires
	kindMinExpires
	kindDate
	kindEvent
	kindReferTo
	kindReferredBy
	kindReplaces
	kindSessionExpires
	kindMinSE
	kindSubscriptionState
	kindRAck
	kindRSeq
	kinds
)

func kindOf(name string) kind {
	switch name {
	case "Via":
		return kindVia
	case "Contact":
		return kindContact
	case "Route":
		return kindRoute
	case "Record-Route":
		return kindRecordRoute
	case "From":
		return kindFrom
	case "To":
		return kindTo
	case "Call-ID":
		return kindCallID
	case "CSeq":
		return kindCSeq
	case "Max-Forwards":
		return kindMaxForwards
	case "Content-Length":
		return kindContentLength
	case "Content-Type":
		return kindContentType
	}
	return rareKind(name)
}

func rareKind(name string) kind {
	switch name {
	case "Content-Disposition":
		return kindContentDisposition
	case "Expires":
		return kindExpires
	case "Min-Expires":
		return kindMinExpires
	case "Date":
		return kindDate
	case "Event":
		return kindEvent
	case "Refer-To":
		return kindReferTo
	case "Referred-By":
		return kindReferredBy
	case "Replaces":
		return kindReplaces
	case "Session-Expires":
		return kindSessionExpires
	case "Min-SE":
		return kindMinSE
	case "Subscription-State":
		return kindSubscriptionState
	case "RAck":
		return kindRAck
	case "RSeq":
		return kindRSeq
	}
	return unread
}

// countControls counts the control characters of a text but TAB, eight bytes at a time.
func countControls(text []byte) (n int) {
	const (
		ones = 0x0101010101010101
		tops = 0x80 * ones
	)
	for ; len(text) >= 8; text = text[8:] {
		word := binary.LittleEndian.Uint64(text)
		low := word &^ tops
		control := ^(low + (0x80-0x20)*ones) | (low + ones) // below 0x20, or 0x7f
		noTab := (low ^ '\t'*ones) + 0x7f*ones
		n += bits.OnesCount64(control & noTab & ^word & tops)
	}
	for _, c := range text {
		if c < 0x20 && c != '\t' || c == 0x7f {
			n++
		}
	}
	return n
}

// hasControls finds control characters other than TAB. Behind a backslash in
// quotes they are allowed, but for CR and LF (quoted-pair, RFC 3261 25.1).
func hasControls(text string) bool {
	clean := true
	for i := 0; i < len(text) && clean; i++ {
		clean = text[i] >= 0x20 && text[i] != 0x7f || text[i] == '\t'
	}
	if clean {
		return false
	}
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(text) && text[i+1] != '\r' && text[i+1] != '\n':
			i++
		case c < 0x20 && c != '\t' || c == 0x7f:
			return true
		}
	}
	return false
}

// mostParams is the largest number of semicolons outside quotes in one element.
func mostParams(value string) int {
	most, n := 0, 0
	quoted := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ';':
			n++
			most = max(most, n)
		case c == ',':
			n = 0
		}
	}
	return most
}

// countElements counts comma-separated elements without splitting.
func countElements(value string) int {
	if strings.IndexByte(value, ',') < 0 {
		return 1
	}
	n, quoted := 1, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			n++
		}
	}
	return n
}

// isVersion says that s has the form SIP/d.d.
func isVersion(s string) bool {
	rest, ok := cutPrefixFold(s, "SIP/")
	major, minor, ok2 := strings.Cut(rest, ".")
	return ok && ok2 && isDigits(major) && isDigits(minor)
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
