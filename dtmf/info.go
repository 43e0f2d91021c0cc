package dtmf

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Content types of digits in SIP INFO.
const (
	TypeRelay = "application/dtmf-relay" // Signal= and Duration= lines
	TypeDTMF  = "application/dtmf"       // the bare digit
)

// maxInfo is the longest body read; the longest honest one is under 40 octets.
const maxInfo = 512

// InfoError is why an INFO carries no digit, with the SIP code to answer.
type InfoError struct {
	Code int    // 415 for another content type, 400 for a body that is wrong
	Why  string // with the value
}

func (e *InfoError) Error() string { return "read dtmf info: " + e.Why }

func badInfo(format string, args ...any) error {
	return &InfoError{Code: 400, Why: fmt.Sprintf(format, args...)}
}

// Info is one digit of a SIP INFO body.
type Info struct {
	Digit    Digit
	Duration time.Duration // 0 where the body has none, at most MaxDuration
}

// ParseInfo reads a body of either content type (parameters of the type and
// case are ignored). Signals are 0-9 * # A-D a-d, or 10-15 for the last six as
// some gateways number them. Errors are *InfoError.
func ParseInfo(contentType string, body []byte) (Info, error) {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if kind != TypeRelay && kind != TypeDTMF {
		return Info{}, &InfoError{Code: 415, Why: fmt.Sprintf("content type %q: send %s or %s", clip(contentType), TypeRelay, TypeDTMF)}
	}
	if len(body) > maxInfo {
		return Info{}, badInfo("body of %d octets: one digit needs no more than %d", len(body), maxInfo)
	}
	text := strings.TrimSpace(string(body))
	if kind == TypeDTMF && !strings.Contains(text, "=") {
		d, err := parseSignal(text)
		return Info{Digit: d}, err
	}
	return parseRelay(text)
}

// parseRelay reads Signal and Duration lines in any order and case.
func parseRelay(text string) (Info, error) {
	var info Info
	for line := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '\r' || c == '\n' }) {
		name, value, found := strings.Cut(line, "=")
		if !found {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "signal":
			d, err := parseSignal(value)
			if err != nil {
				return Info{}, err
			}
			if info.Digit != 0 {
				return Info{}, badInfo("more than one signal")
			}
			info.Digit = d
		case "duration":
			ms, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return Info{}, badInfo("duration %q: want milliseconds", clip(value))
			}
			info.Duration = min(time.Duration(ms)*time.Millisecond, MaxDuration)
		}
	}
	if info.Digit == 0 {
		return Info{}, badInfo("no Signal= line")
	}
	return info, nil
}

func parseSignal(s string) (Digit, error) {
	if len(s) == 1 {
		if d, ok := ParseDigit(rune(s[0])); ok {
			return d, nil
		}
	}
	if len(s) == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5' {
		d, _ := DigitOf(10 + s[1] - '0')
		return d, nil
	}
	return 0, badInfo("signal %q: want 0-9 * # A-D", clip(s))
}

// clip keeps a peer's text short enough for an error.
func clip(s string) string {
	if len(s) > 32 {
		return s[:32] + "..."
	}
	return s
}

// FormatInfo writes the body of an INFO of the content type (TypeRelay or
// TypeDTMF) for one digit; a duration of 0 becomes DefaultDuration. It fails for
// another type and for what is no digit.
func FormatInfo(contentType string, i Info) ([]byte, error) {
	if !i.Digit.Valid() {
		return nil, fmt.Errorf("write dtmf info: %q is no digit: use 0-9 * # A-D", rune(i.Digit))
	}
	switch contentType {
	case TypeDTMF:
		return []byte(i.Digit.String()), nil
	case TypeRelay:
		if i.Duration <= 0 {
			i.Duration = DefaultDuration
		}
		return fmt.Appendf(nil, "Signal=%s\r\nDuration=%d\r\n", i.Digit, i.Duration.Milliseconds()), nil
	}
	return nil, fmt.Errorf("write dtmf info: content type %q: use %s or %s", contentType, TypeRelay, TypeDTMF)
}
