package book

import (
	"strings"
	"testing"
	"time"

	"ringback/agent/phone"
	"ringback/agent/store"
)

// open is a book over a store in memory, in Japan.
func open(t testing.TB) *Book {
	t.Helper()
	s, err := store.Open("", store.Options{Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	numbers, err := phone.New("JP")
	if err != nil {
		t.Fatal(err)
	}
	return New(s, Options{Numbers: numbers})
}

// all are the contacts of a book as they are kept.
func all(t testing.TB, b *Book) []store.Contact {
	t.Helper()
	var list []store.Contact
	if err := b.eachContact(t.Context(), func(k store.Contact) error {
		list = append(list, k)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

func imports(t testing.TB, b *Book, text string) Imported {
	t.Helper()
	told, err := b.Import(t.Context(), strings.NewReader(text), "", 0)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	return told
}
