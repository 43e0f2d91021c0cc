package message

import (
	"encoding/base64"
	"mime"
	"strings"
	"unicode/utf8"
)

// DecodeText makes readable text of a header value or display name that may be
// RFC 2047 (=?UTF-8?B?...?=), percent-encoded UTF-8, raw UTF-8 or Latin-1.
// Percent escapes are resolved only when the result is valid UTF-8. The result
// is valid UTF-8, but may hold control characters: escape it where it is shown.
func DecodeText(s string) string {
	if strings.Contains(s, "=?") {
		if d, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
			s = d
		}
	}
	if strings.IndexByte(s, '%') >= 0 && checkEscapes(s) == nil {
		if d := Unescape(s); utf8.ValidString(d) {
			s = d
		}
	}
	if utf8.ValidString(s) {
		return s
	}
	// Old PBXs send Latin-1.
	r := make([]rune, len(s))
	for i := 0; i < len(s); i++ {
		r[i] = rune(s[i])
	}
	return string(r)
}

// EncodeText writes text as an RFC 2047 word when it is not plain ASCII.
func EncodeText(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] > 0x7e {
			return "=?UTF-8?B?" + base64.StdEncoding.EncodeToString([]byte(s)) + "?="
		}
	}
	return s
}
