package book

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/japanese"
	xunicode "golang.org/x/text/encoding/unicode"
)

// MaxFile is the largest file that is imported, in bytes.
const MaxFile = 64 << 20

// readAll reads a file within its bound, as UTF-8 with line feeds.
func readAll(r io.Reader) (string, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return "", fmt.Errorf("read contacts: %w", err)
	}
	if len(raw) > MaxFile {
		return "", Invalid("the file is larger than %d MiB", MaxFile>>20).hint("split it")
	}
	text, err := DecodeText(raw)
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"), err
}

// DecodeText makes UTF-8 of what address books and Japanese spreadsheets write:
// UTF-8 with a byte order mark or without, UTF-16 with one, and Shift_JIS as Windows
// has it. Text that is valid UTF-8 is taken for that: Shift_JIS with Japanese in it
// never is.
func DecodeText(raw []byte) (string, error) {
	from, name := encoding.Encoding(japanese.ShiftJIS), "Shift_JIS"
	switch {
	case bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")):
		raw = raw[3:]
		if !utf8.Valid(raw) {
			return "", Invalid("the file begins like UTF-8 and is not: line %d", badLine(raw)).hint("save it as UTF-8 again")
		}
		return string(raw), nil
	case bytes.HasPrefix(raw, []byte("\xff\xfe")), bytes.HasPrefix(raw, []byte("\xfe\xff")):
		from, name = xunicode.UTF16(xunicode.BigEndian, xunicode.UseBOM), "UTF-16"
	case utf8.Valid(raw):
		return string(raw), nil
	}
	text, err := from.NewDecoder().Bytes(raw)
	if at := bytes.IndexRune(text, utf8.RuneError); err != nil || at >= 0 {
		line := 1 + bytes.Count(text[:max(at, 0)], []byte("\n"))
		return "", Invalid("the file is neither UTF-8 nor %s: line %d", name, line).hint("save it as UTF-8")
	}
	return string(text), nil
}

// badLine is the first line that is no UTF-8.
func badLine(raw []byte) int {
	line := 1
	for len(raw) > 0 {
		r, n := utf8.DecodeRune(raw)
		if r == utf8.RuneError && n == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		raw = raw[n:]
	}
	return line
}

// clean makes a value safe to keep and to show: without control characters and
// blanks around it. Line breaks stay where more than one line is taken.
func clean(text string, lines bool) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(text)
}

func isLetter(r rune) bool { return unicode.IsLetter(r) && r != 'ー' }
