package message

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ErrNoHeader says that a message has no such header.
var ErrNoHeader = errors.New("no such header")

// CSeq is the sequence number and method of a message.
type CSeq struct {
	Seq    uint32 // below 2^31
	Method Method
}

// String writes the header's value.
func (c CSeq) String() string {
	return strconv.FormatUint(uint64(c.Seq), 10) + " " + string(c.Method)
}

// ParseCSeq reads a CSeq value; numbers from 2^31 on are refused (8.1.1.5).
func ParseCSeq(s string) (CSeq, error) {
	number, method, ok := cutBlank(s)
	if !ok || !isToken(method) {
		return CSeq{}, fmt.Errorf("read CSeq %q: want a number and a method", clip(s))
	}
	seq, err := parseUint(number, math.MaxInt32)
	if err != nil {
		return CSeq{}, fmt.Errorf("read CSeq %q: %w", clip(s), err)
	}
	return CSeq{uint32(seq), Method(method)}, nil
}

func cutBlank(s string) (before, after string, ok bool) {
	s = trimBlanks(s)
	i := indexEither(s, ' ', '\t')
	if i < 0 {
		return s, "", false
	}
	return s[:i], trimBlanks(s[i:]), true
}

// parseUint reads digits only, up to most.
func parseUint(s string, most uint64) (uint64, error) {
	if !isDigits(s) {
		return 0, fmt.Errorf("%q is no number", clip(s))
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > most {
		return 0, fmt.Errorf("%s is over %d", clip(s), most)
	}
	return n, nil
}

// CSeqOf reads the CSeq of a message.
func CSeqOf(m Message) (CSeq, error) { return ParseCSeq(Value(m, "CSeq")) }

// CallID is the Call-ID of a message, or "".
func CallID(m Message) string { return Value(m, "Call-ID") }

// Seconds reads a header of delta-seconds (Expires, Min-Expires, Min-SE), with
// or without parameters. Numbers over 2^32-1 count as that (RFC 3261 20.19
// leaves larger ones undefined). ok is false when there is none or it is no
// number.
func Seconds(m Message, name string) (d time.Duration, ok bool) {
	v, _, _ := strings.Cut(Value(m, name), ";")
	return parseSeconds(trimBlanks(v))
}

func parseSeconds(s string) (time.Duration, bool) {
	if !isDigits(s) {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		n = math.MaxUint32
	}
	return time.Duration(n) * time.Second, true
}

// ContactExpires is the expires parameter of a Contact; ok is false when there
// is none or it is no number.
func ContactExpires(a Address) (time.Duration, bool) {
	return parseSeconds(a.Params.Value("expires"))
}

// RetryAfter reads Retry-After: 18000;duration=3600, or 120 (a comment).
func RetryAfter(m Message) (time.Duration, bool) {
	v := Value(m, "Retry-After")
	if i := strings.IndexAny(v, ";( \t"); i >= 0 {
		v = v[:i]
	}
	return parseSeconds(v)
}

// SessionExpires is RFC 4028's Session-Expires.
type SessionExpires struct {
	Interval  time.Duration
	Refresher string // "uac", "uas" or ""
}

// String writes the header's value.
func (s SessionExpires) String() string {
	v := strconv.FormatInt(int64(s.Interval/time.Second), 10)
	if s.Refresher != "" {
		v += ";refresher=" + s.Refresher
	}
	return v
}

// SessionExpiresOf reads Session-Expires; ok is false when there is none.
func SessionExpiresOf(m Message) (s SessionExpires, ok bool) {
	head, params := cutParams(Value(m, "Session-Expires"))
	d, ok := parseSeconds(head)
	if !ok {
		return SessionExpires{}, false
	}
	return SessionExpires{d, strings.ToLower(params.Value("refresher"))}, true
}

// cutParams splits "value;params"; parameters that cannot be read are left out.
func cutParams(s string) (string, Params) {
	head, rest, found := strings.Cut(s, ";")
	if !found {
		return trimBlanks(head), nil
	}
	ps, err := ParseParams(";" + rest)
	if err != nil {
		return trimBlanks(head), nil
	}
	return trimBlanks(head), ps
}

// Token is a header value of the form token;params: Event, Subscription-State,
// Content-Disposition, Reason elements.
type Token struct {
	Value  string
	Params Params
}

// ParseToken reads value;params.
func ParseToken(s string) (Token, error) {
	head, rest, found := strings.Cut(s, ";")
	t := Token{Value: trimBlanks(head)}
	if t.Value == "" {
		return Token{}, fmt.Errorf("read %q: empty", clip(s))
	}
	if !found {
		return t, nil
	}
	var err error
	t.Params, err = ParseParams(";" + rest)
	return t, err
}

// String writes value;params.
func (t Token) String() string { return t.Value + t.Params.String() }

// TokenOf reads the first line with that name as token;params; the zero Token
// when there is none or it cannot be read.
func TokenOf(m Message, name string) Token {
	v := Value(m, name)
	if v == "" {
		return Token{} // and no error that nobody reads
	}
	t, err := ParseToken(v)
	if err != nil {
		return Token{}
	}
	return t
}

// Reason is one element of RFC 3326's Reason header.
type Reason struct {
	Protocol string // SIP, Q.850
	Cause    int    // 0 when there is none
	Text     string
}

// String writes the header's value.
func (r Reason) String() string {
	v := r.Protocol
	if r.Cause != 0 {
		v += ";cause=" + strconv.Itoa(r.Cause)
	}
	if r.Text != "" {
		v += ";text=" + Quote(r.Text)
	}
	return v
}

// Reasons reads the Reason header; elements that cannot be read are left out.
func Reasons(m Message) []Reason {
	var out []Reason
	for _, e := range Elements(m, "Reason") {
		t, err := ParseToken(e)
		if err != nil {
			continue
		}
		cause, _ := strconv.Atoi(t.Params.Value("cause"))
		out = append(out, Reason{t.Value, cause, t.Params.Value("text")})
	}
	return out
}

// Replaces names a dialog that a new one takes the place of (RFC 3891). The
// tags are as the receiver of the header sees them: ToTag is its own.
type Replaces struct {
	CallID    string
	ToTag     string
	FromTag   string
	EarlyOnly bool
}

// ParseReplaces reads a Replaces value, unescaped.
func ParseReplaces(s string) (Replaces, error) {
	t, err := ParseToken(s)
	if err != nil {
		return Replaces{}, fmt.Errorf("read Replaces: %w", err)
	}
	to, ok := t.Params.Get("to-tag")
	from, ok2 := t.Params.Get("from-tag")
	if !ok || !ok2 {
		return Replaces{}, fmt.Errorf("read Replaces %q: to-tag and from-tag are needed", clip(s))
	}
	return Replaces{CallID: t.Value, ToTag: to, FromTag: from, EarlyOnly: t.Params.Has("early-only")}, nil
}

// String writes the header's value, unescaped.
func (r Replaces) String() string {
	v := r.CallID + ";to-tag=" + r.ToTag + ";from-tag=" + r.FromTag
	if r.EarlyOnly {
		v += ";early-only"
	}
	return v
}

// ReplacesOf reads the Replaces header; nil without error when there is none.
func ReplacesOf(m Message) (*Replaces, error) {
	if !Has(m, "Replaces") {
		return nil, nil
	}
	r, err := ParseReplaces(Value(m, "Replaces"))
	if err != nil {
		return nil, err
	}
	return &r, nil
}

// ParseReferTo reads a Refer-To value and the Replaces behind its ?, if any. A
// URI with ? but without <>, against the grammar but common, is read whole.
func ParseReferTo(s string) (Address, *Replaces, error) {
	s = trimBlanks(s)
	var a Address
	var err error
	if !strings.ContainsAny(s, "<\"") && strings.IndexByte(s, '?') >= 0 {
		a.URI, err = ParseURI(s)
	} else {
		a, err = ParseAddress(s)
	}
	if err != nil {
		return Address{}, nil, fmt.Errorf("read Refer-To: %w", err)
	}
	if !a.URI.Headers.Has("Replaces") {
		return a, nil, nil
	}
	r, err := ParseReplaces(a.URI.Header("Replaces"))
	if err != nil {
		return Address{}, nil, fmt.Errorf("read Refer-To: %w", err)
	}
	return a, &r, nil
}

// ReferTo reads the Refer-To header of a REFER.
func ReferTo(m Message) (Address, *Replaces, error) {
	v := Value(m, "Refer-To")
	if v == "" {
		return Address{}, nil, fmt.Errorf("read Refer-To: %w", ErrNoHeader)
	}
	return ParseReferTo(v)
}

// RAck is RFC 3262's RAck: which provisional response a PRACK acknowledges.
type RAck struct {
	RSeq uint32
	CSeq CSeq
}

// String writes the header's value.
func (r RAck) String() string { return strconv.FormatUint(uint64(r.RSeq), 10) + " " + r.CSeq.String() }

// RAckOf reads the RAck header.
func RAckOf(m Message) (RAck, error) {
	v := Value(m, "RAck")
	number, rest, _ := cutBlank(v)
	rseq, err := parseUint(number, math.MaxUint32)
	if err != nil {
		return RAck{}, fmt.Errorf("read RAck %q: %w", clip(v), err)
	}
	cseq, err := ParseCSeq(rest)
	if err != nil {
		return RAck{}, fmt.Errorf("read RAck %q: %w", clip(v), err)
	}
	return RAck{uint32(rseq), cseq}, nil
}

// RSeqOf reads the RSeq header; ok is false when there is none.
func RSeqOf(m Message) (seq uint32, ok bool) {
	n, err := parseUint(Value(m, "RSeq"), math.MaxUint32)
	return uint32(n), err == nil && n > 0
}
