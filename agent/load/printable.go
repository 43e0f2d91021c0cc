package load

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is a text from the network for whoever shows it elsewhere: valid UTF-8 of at
// most so many bytes, each control character as U+FFFD.
func Printable(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return '\ufffd'
		}
		return r
	}, text)
	for len(text) > most {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}
