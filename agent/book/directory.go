package book

import (
	"strings"
	"time"

	"ringback/agent/store"
)

// Entry is something that can be called, transferred or conferenced to.
type Entry struct {
	Kind     string     `json:"kind"`               // typed, agent, extension, queue, routing-point, favourite, contact or recent
	Name     string     `json:"name"`               // empty: not known
	Target   string     `json:"target"`             // what dial, transfer, consult and conference take
	Shown    string     `json:"shown"`              // the target as people write it
	Label    string     `json:"label"`              // of a contact's number
	Contact  ContactID  `json:"contact,omitempty"`  // of a contact, and of a recent call with one
	Presence string     `json:"presence,omitempty"` // of the team, while a phone runs: idle, ringing, busy, away, offline or unknown
	Missed   bool       `json:"missed,omitempty"`   // of a recent call
	Incoming bool       `json:"incoming,omitempty"` // of a recent call
	Time     *time.Time `json:"time,omitempty"`     // of a recent call
}

// The kinds of entries that are not of the team.
const (
	EntryTyped     = "typed"
	EntryFavourite = "favourite"
	EntryContact   = "contact"
	EntryRecent    = "recent"
)

// recentCalls is how many of the last calls a search looks at.
const recentCalls = 200

// Directory is one search over the team, favourites, contacts and the last calls,
// missed ones among them: entries that have every word of a query in their name or
// target, a number in any notation. A query that is a target itself, a number or a
// URI, comes first, to be dialled as it is. The empty query gives favourites, the
// team and the last calls. limit bounds each kind; 0: 50.
func (b *Book) Directory(query string, team []Entry, limit int) ([]Entry, error) {
	limit, err := bounded(limit)
	if err != nil {
		return nil, err
	}
	query = strings.TrimSpace(query)
	d := &directory{book: b, query: query, limit: limit, entries: []Entry{}, seen: map[string]bool{}}
	d.typed()
	for _, e := range team {
		if b.matches(query, e.Name, e.Target) {
			e.Shown = b.show(e.Target, "")
			d.add(e)
		}
	}
	for _, read := range []func() error{d.favourites, d.contacts, d.recents} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return d.entries, nil
}

type directory struct {
	book    *Book
	query   string
	limit   int
	entries []Entry
	seen    map[string]bool // kind and target
}

// add keeps an entry once.
func (d *directory) add(e Entry) {
	if key := e.Kind + "\x00" + e.Target; !d.seen[key] {
		d.seen[key] = true
		d.entries = append(d.entries, e)
	}
}

// typed takes a query that can be dialled as it is.
func (d *directory) typed() {
	q := d.query
	e164 := d.book.numbers.E164(q)
	lower := strings.ToLower(q)
	uri := strings.HasPrefix(lower, "sip:") || strings.HasPrefix(lower, "sips:") || strings.HasPrefix(lower, "tel:")
	digits := q != "" && strings.Trim(q, "0123456789*#") == ""
	address := !strings.ContainsAny(q, " \t") && strings.Count(q, "@") == 1 && q[0] != '@' && q[len(q)-1] != '@'
	if e164 != "" || uri || digits || address {
		target := q
		if e164 != "" && !uri {
			target = e164
		}
		d.add(Entry{Kind: EntryTyped, Target: target, Shown: d.book.show(q, e164)})
	}
}

func (d *directory) favourites() error {
	all, err := d.book.Favourites(d.query)
	for i, f := range all {
		if i < d.limit {
			d.add(Entry{Kind: EntryFavourite, Name: f.Name, Target: f.Target, Shown: f.Shown})
		}
	}
	return err
}

// contacts are those that are found, each with all that can be dialled of it.
func (d *directory) contacts() error {
	if d.query == "" {
		return nil
	}
	found, err := d.book.store.SearchContacts(d.query, d.book.runOf(d.query), d.limit)
	for _, k := range found {
		for _, p := range d.book.contact(k).Points {
			if p.Dial != "" {
				shown := p.Shown
				if shown == "" {
					shown = p.Value
				}
				d.add(Entry{Kind: EntryContact, Name: k.Name, Target: p.Dial, Shown: shown, Label: p.Label, Contact: contactID(k.ID)})
			}
		}
	}
	return err
}

// recents are the last calls, each number once: the last call with it.
func (d *directory) recents() error {
	calls, err := d.book.store.Recents(recentCalls)
	if err != nil {
		return err
	}
	n := 0
	for _, c := range calls {
		e, err := d.recent(c)
		if err != nil {
			return err
		}
		if e.Target == "" || n >= d.limit || d.seen[e.Kind+"\x00"+e.Target] || !d.book.matches(d.query, e.Name, e.Target) {
			continue
		}
		n++
		d.add(e)
	}
	return nil
}

func (d *directory) recent(c store.Recent) (Entry, error) {
	number, name := c.Number, c.Name
	if c.Role != "main" || number == "" {
		number, name = userOf(c.Remote), c.RemoteName
	}
	e := Entry{Kind: EntryRecent, Name: name, Target: number, Shown: d.book.show(number, ""), Missed: c.Missed(), Incoming: c.Incoming, Time: when(c.Started)}
	if e164 := d.book.numbers.E164(number); e164 != "" {
		e.Target = e164
		k, found, err := d.book.store.ContactByNumber(e164)
		if err != nil {
			return e, err
		}
		if found {
			e.Contact, e.Name = contactID(k.ID), k.Name
		}
	}
	return e, nil
}

// userOf is what a person dials to reach an address.
func userOf(uri string) string {
	_, rest, found := strings.Cut(uri, ":")
	if !found {
		return uri
	}
	user, _, at := strings.Cut(rest, "@")
	if !at {
		return uri
	}
	return user
}
