package message

import (
	"errors"
	"fmt"
	"strings"
)

var (
	errUnclosedQuote = errors.New("unclosed quote")
	errUnclosedAngle = errors.New("unclosed <")
)

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// The characters of ASCII as bits: those below and from @ (64).
const (
	digitBits  uint64 = 0x3FF << '0'
	letterBits uint64 = 0x3FFFFFF<<('A'-64) | 0x3FFFFFF<<('a'-64)

	// A token of RFC 3261 25.1: alphanumeric and -.!%*_+`'~
	tokenLow  = digitBits | 1<<'-' | 1<<'.' | 1<<'!' | 1<<'%' | 1<<'*' | 1<<'+' | 1<<'\''
	tokenHigh = letterBits | 1<<('_'-64) | 1<<('`'-64) | 1<<('~'-64)

	// A parameter's value without quotes: a token, and :[]/@$&?#{}|^=()
	plainLow  = tokenLow | 1<<':' | 1<<'/' | 1<<'$' | 1<<'&' | 1<<'?' | 1<<'#' | 1<<'=' | 1<<'(' | 1<<')'
	plainHigh = tokenHigh | 1<<('['-64) | 1<<(']'-64) | 1<<('@'-64) | 1<<('{'-64) | 1<<('}'-64) | 1<<('|'-64) | 1<<('^'-64)
)

func inSet(c byte, low, high uint64) bool {
	if c < 64 {
		return low>>c&1 != 0
	}
	return c < 128 && high>>(c-64)&1 != 0
}

// isURIChar reports whether a character may stand in a URI between <>.
func isURIChar(c byte) bool { return uriChars[c] }

func isHostChar(c byte) bool { return hostChars[c] }

func isTokenChar(c byte) bool { return tokenChars[c] }

// isPlainChar also lets through what is not ASCII.
func isPlainChar(c byte) bool { return plainChars[c] }

// The same as tables: every byte of what comes is looked up in them.
var (
	tokenChars = charTable(func(c byte) bool { return inSet(c, tokenLow, tokenHigh) })
	plainChars = charTable(func(c byte) bool { return c >= 0x80 || inSet(c, plainLow, plainHigh) })
	uriChars   = charTable(func(c byte) bool { return c > ' ' && c != '<' && c != '>' && c != '"' && c != 0x7f })
	hostChars  = charTable(func(c byte) bool { return isAlnum(c) || c == '.' || c == '-' || c == '_' })
)

func charTable(has func(c byte) bool) (t [256]bool) {
	for c := range t {
		t[c] = has(byte(c))
	}
	return t
}

func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isTokenChar(s[i]) {
			return false
		}
	}
	return s != ""
}

// indexEither is where the first of two characters stands; -1: nowhere.
func indexEither(s string, a, b byte) int {
	for i := 0; i < len(s); i++ {
		if s[i] == a || s[i] == b {
			return i
		}
	}
	return -1
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func trimBlanks(s string) string {
	for len(s) > 0 && isBlank(s[0]) {
		s = s[1:]
	}
	for len(s) > 0 && isBlank(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// quotedEnd returns the index behind the closing quote of the quoted string
// that starts at s[i].
func quotedEnd(s string, i int) (int, error) {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1, nil
		}
	}
	return 0, errUnclosedQuote
}

// unquote takes the quotes off a quoted string and resolves its escapes.
func unquote(s string) string {
	s = s[1 : len(s)-1]
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// Quote makes a quoted string of s, with quotes and backslashes escaped. Control
// characters but TAB become blanks, so that the result can never end its line.
func Quote(s string) string {
	b := make([]byte, 0, len(s)+2)
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20 && c != '\t' || c == 0x7f:
			b = append(b, ' ')
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// splitElements splits at commas outside quotes and <>, and trims the parts.
func splitElements(s string) ([]string, error) {
	return splitTop(s, ',')
}

// splitTop splits at sep outside quotes and <>, in one pass.
func splitTop(s string, sep byte) ([]string, error) {
	var out []string
	err := eachTop(s, sep, func(part string) { out = append(out, part) })
	if err != nil {
		return nil, err
	}
	return out, nil
}

// eachTop is splitTop without a list of the parts; those before an error come too.
func eachTop(s string, sep byte, part func(string)) error {
	if strings.IndexByte(s, sep) < 0 && strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '<') < 0 {
		part(trimBlanks(s))
		return nil
	}
	start, n, angle := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case angle:
			angle = c != '>'
		case c == '"':
			end, err := quotedEnd(s, i)
			if err != nil {
				return err
			}
			i = end - 1
		case c == '<':
			angle = true
		case c == sep:
			if n++; n == MaxElements {
				return fmt.Errorf("more than %d elements", MaxElements)
			}
			part(trimBlanks(s[start:i]))
			start = i + 1
		}
	}
	if angle {
		return errUnclosedAngle
	}
	part(trimBlanks(s[start:]))
	return nil
}

// checkEscapes refuses a % that two hex digits do not follow.
func checkEscapes(s string) error {
	for i := strings.IndexByte(s, '%'); i >= 0 && i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
			return fmt.Errorf("bad escape at %q", clip(s[i:]))
		}
		i += 2
	}
	return nil
}

// Unescape resolves %HH escapes; what is not a proper escape stays as it is.
func Unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0 {
			b = append(b, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// escape writes as %HH every byte that is neither alphanumeric nor in keep.
func escape(s, keep string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isAlnum(c) || strings.IndexByte(keep, c) >= 0 {
			b = append(b, c)
			continue
		}
		b = append(b, '%', hex[c>>4], hex[c&15])
	}
	return string(b)
}

// EscapeUser writes a user part so that it may stand before the @ of a URI.
func EscapeUser(s string) string { return escape(s, "-_.!~*'()&=+$,;?/") }

// EscapeHeader writes a value so that it may stand behind the ? of a URI.
func EscapeHeader(s string) string { return escape(s, "-_.!~*'()[]/?:+$") }

// clip shortens a value for an error text.
func clip(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
