package book

import (
	"time"

	"ringback/agent/phone"
	"ringback/agent/store"
)

// Book reads and edits what a profile's store knows of contacts, responses,
// callbacks and history. All its methods may be called from any goroutine.
type Book struct {
	store   *store.Store
	numbers phone.Numbers
	now     func() time.Time
}

// Options of a book. The zero value reads numbers that name their country.
type Options struct {
	Numbers phone.Numbers
	Now     func() time.Time // nil: time.Now
}

// New is a book over an open store. Who opened it closes it.
func New(s *store.Store, o Options) *Book {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Book{store: s, numbers: o.Numbers, now: o.Now}
}
