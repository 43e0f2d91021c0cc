package book

import (
	"strings"

	"ringback/agent/phone"
	"ringback/agent/store"
)

// hasWords reports whether a text has every word of a query, as searches compare:
// see store.Matches.
func hasWords(text, query string) bool { return store.Matches(text, query) }

// matches reports whether a name or a target is one that a query means: by its
// words, or by a run of digits in any notation. The empty query means all.
func (b *Book) matches(query, name, target string) bool {
	if hasWords(name+" "+target, query) {
		return true
	}
	run := b.runOf(query)
	if run == "" {
		return false
	}
	e164 := b.numbers.E164(target)
	return strings.Contains(phone.Digits(target), run) || strings.Contains(phone.Digits(e164), run)
}
