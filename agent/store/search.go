package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A search index keeps each text as its grams: every run of three characters, and
// the two runs that are left at its end. "山田太郎" is
//
//	山田太 田太郎 太郎 郎
//
// So one or two characters are the beginning of a gram, which the prefix indexes
// find, and three or more are a phrase of grams. Any part of a name is found in
// the same way, however long, in any script.
const gram = 3

// maxIndexed is how many characters of one text are indexed.
const maxIndexed = 2000

// fold makes texts that a person takes for the same the same: width (NFKC), case,
// hiragana and katakana, and Latin letters with and without accents. What is
// neither letter nor digit nor symbol is dropped.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		r = unicode.ToLower(r)
		switch {
		case r >= 0x300 && r <= 0x36f: // accents; the marks of kana are elsewhere
			continue
		case r >= 'ァ' && r <= 'ヶ' || r == 'ヽ' || r == 'ヾ':
			r -= 'ァ' - 'ぁ'
		case r < 0x80 && !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9'), unicode.IsSpace(r), unicode.IsPunct(r), unicode.IsControl(r):
			continue
		}
		b.WriteRune(r)
	}
	return norm.NFC.String(b.String())
}

// grams writes the grams of folded texts, with spaces between.
func grams(folded ...string) string {
	var b strings.Builder
	for _, text := range folded {
		rs := []rune(text)
		rs = rs[:min(len(rs), maxIndexed)]
		for i := range rs {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(string(rs[i:min(i+gram, len(rs))]))
		}
	}
	return b.String()
}

// phrase is the query for a folded text, in the language of FTS5. Folded texts hold
// no quotes.
func phrase(folded string) string {
	rs := []rune(folded)
	if len(rs) < gram {
		return `"` + folded + `" *`
	}
	parts := make([]string, 0, len(rs))
	for i := range len(rs) - gram + 1 {
		parts = append(parts, string(rs[i:i+gram]))
	}
	return `"` + strings.Join(parts, " ") + `"`
}

// digitsOf keeps the digits of a number, in either width.
func digitsOf(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKC.String(s) {
		if r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isNumber reports whether a text is what people write as a number: digits, and
// what stands between them.
func isNumber(s string) bool {
	digits := false
	for _, r := range norm.NFKC.String(s) {
		switch {
		case r >= '0' && r <= '9':
			digits = true
		case unicode.IsSpace(r), strings.ContainsRune("+-()./‐–−ー", r):
		default:
			return false
		}
	}
	return digits
}

// digitQuery finds a run of digits. A number that begins with a trunk prefix, as
// in 03-1234-5678, is also found where the country's code stands in its place.
func digitQuery(digits string) string {
	q := "digits : " + phrase(digits)
	if rest, trunk := strings.CutPrefix(digits, "0"); trunk && len(rest) >= gram && rest[0] != '0' {
		q = "(" + q + " OR digits : " + phrase(rest) + ")"
	}
	return q
}

// wordQuery finds a folded word, however its characters may be written, behind a prefix
// that says where.
func wordQuery(folded, where string) string {
	var ways []string
	for _, v := range variants(folded) {
		ways = append(ways, where+phrase(v))
	}
	if len(ways) == 1 {
		return ways[0]
	}
	return "(" + strings.Join(ways, " OR ") + ")"
}

// textQuery finds rows that have every word of a text, in any of the columns, as
// any part of what stands there; a number by its digits. Empty: nothing in the
// text can be searched for.
func textQuery(text, columns string) string {
	if isNumber(text) {
		digits := digitsOf(text)
		return "(" + digitQuery(digits) + " OR {" + columns + "} : " + phrase(digits) + ")"
	}
	var parts []string
	for _, word := range strings.Fields(text) {
		folded := fold(word)
		switch {
		case folded == "":
		case isNumber(word):
			parts = append(parts, "("+digitQuery(digitsOf(word))+" OR {"+columns+"} : "+phrase(folded)+")")
		default:
			parts = append(parts, wordQuery(folded, "{"+columns+"} : "))
		}
	}
	return strings.Join(parts, " AND ")
}

// numbers are the digits of several numbers, each once, ready for grams.
func numbers(all ...string) []string {
	var list []string
	for _, n := range all {
		if n = digitsOf(n); n != "" && !contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}

func contains(list []string, n string) bool {
	for _, other := range list {
		if strings.HasSuffix(other, n) {
			return true
		}
	}
	return false
}
