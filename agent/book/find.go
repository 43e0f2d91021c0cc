package book

import (
	"slices"
	"strings"

	"ringback/agent/store"
)

// Limits of lists.
const (
	standardLimit = 50
	maxLimit      = 1000
	candidates    = 10 // that are named where more than one could be meant
)

// bounded is a limit that was asked for, within bounds; 0 is the standard.
func bounded(limit int) (int, error) {
	switch {
	case limit == 0:
		return standardLimit, nil
	case limit < 0 || limit > maxLimit:
		return 0, Invalid("limit: %d is out of range", limit).hint("write 1 to %d", maxLimit)
	}
	return limit, nil
}

// Contacts finds contacts that have every word of a text in their name, reading,
// note, addresses or numbers: any part of a name, in any script and width; any run
// of a number's digits, in any notation. Empty: all, the oldest first. limit 0: 50.
func (b *Book) Contacts(text string, limit int) ([]Contact, error) {
	limit, err := bounded(limit)
	if err != nil {
		return nil, err
	}
	var found []store.Contact
	if strings.TrimSpace(text) == "" {
		found, err = b.store.Contacts(0, limit)
	} else {
		found, err = b.store.SearchContacts(text, b.runOf(text), limit)
	}
	contacts := []Contact{}
	for _, k := range found {
		contacts = append(contacts, b.contact(k))
	}
	return contacts, err
}

// runOf is the run of digits of a text that is typed as a number; empty when there
// are letters in it, which is a name or an address.
func (b *Book) runOf(text string) string {
	if strings.ContainsFunc(text, isLetter) {
		return ""
	}
	return b.numbers.Run(text)
}

// Contact is the one that is meant: by its id, by one of its numbers, or by a part
// of its name that only it has.
func (b *Book) Contact(which string) (Contact, error) {
	k, err := b.find(which)
	if err != nil {
		return Contact{}, err
	}
	return b.contact(k), nil
}

// ByNumber finds whom a number in any notation belongs to; of several contacts the
// one that was changed last.
func (b *Book) ByNumber(number string) (c Contact, found bool, err error) {
	k, found, err := b.store.ContactByNumber(b.numbers.E164(number))
	if err != nil || !found {
		return Contact{}, false, err
	}
	return b.contact(k), true, nil
}

func (b *Book) find(which string) (store.Contact, error) {
	which = strings.TrimSpace(which)
	if id := ContactID(which).number(); id != 0 {
		k, found, err := b.store.Contact(id)
		if err == nil && !found {
			err = NotFound("there is no contact %s", which).hint("see: ringback contacts")
		}
		return k, err
	}
	if which == "" {
		return store.Contact{}, Invalid("contact: it is empty").hint("name one by its id such as k12, by a number, or by its name")
	}
	found, err := b.store.SearchContacts(which, b.runOf(which), candidates+1)
	if err != nil {
		return store.Contact{}, err
	}
	if exact := b.exact(found, which); len(exact) == 1 {
		found = exact
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return store.Contact{}, NotFound("there is no contact %q", which).hint("see: ringback contacts")
	}
	refused := NotFound("contact %q: more than one could be meant", which).hint("name one by its id")
	for _, k := range found[:min(len(found), candidates)] {
		refused.Candidates = append(refused.Candidates, describe(k))
	}
	return store.Contact{}, refused
}

// exact are those whose whole name or number it is.
func (b *Book) exact(found []store.Contact, which string) []store.Contact {
	e164 := b.numbers.E164(which)
	var exact []store.Contact
	for _, k := range found {
		has := slices.ContainsFunc(k.Points, func(p store.Point) bool { return e164 != "" && p.E164 == e164 || p.Value == which })
		if has || foldName(k.Name) == foldName(which) {
			exact = append(exact, k)
		}
	}
	return exact
}

// ContactEdit is what is set of a contact; what is nil stays.
type ContactEdit struct {
	Name, Reading, Zone, Note *string
	Points                    []PointEdit // replaces the points of the kinds that stand in it
}

// PointEdit is a point that is set. One without a value stands for none of its
// kind.
type PointEdit struct {
	Kind  string `json:"kind"`
	Label string `json:"label,omitempty"`
	Value string `json:"value"`
}

// AddContact keeps a new contact. It must have a name.
func (b *Book) AddContact(e ContactEdit) (Contact, error) { return b.setContact(store.Contact{}, e) }

// SetContact changes the contact that is meant (see Contact).
func (b *Book) SetContact(which string, e ContactEdit) (Contact, error) {
	k, err := b.find(which)
	if err != nil {
		return Contact{}, err
	}
	return b.setContact(k, e)
}

func (b *Book) setContact(k store.Contact, e ContactEdit) (Contact, error) {
	for _, f := range []struct{ to, from *string }{{&k.Name, e.Name}, {&k.Reading, e.Reading}, {&k.Zone, e.Zone}, {&k.Note, e.Note}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	k.Points = slices.DeleteFunc(slices.Clone(k.Points), func(p store.Point) bool {
		return slices.ContainsFunc(e.Points, func(new PointEdit) bool { return new.Kind == p.Kind })
	})
	for _, p := range e.Points {
		if p.Value == "" && slices.Contains(pointKinds, p.Kind) {
			continue
		}
		point, err := b.checkPoint(p.Kind, p.Label, p.Value)
		if err != nil {
			return Contact{}, err
		}
		k.Points = append(k.Points, point)
	}
	if err := checkContact(&k); err != nil {
		return Contact{}, err
	}
	k.Updated = b.now()
	err := b.store.UpdateNamed("contact", func(tx *store.Tx) (err error) {
		k.ID, err = tx.PutContact(k)
		return err
	})
	if err != nil {
		return Contact{}, err
	}
	return b.contact(k), nil
}

// DeleteContact removes the contact that is meant (see Contact), and says which it
// was. History keeps what it has.
func (b *Book) DeleteContact(which string) (Contact, error) {
	k, err := b.find(which)
	if err != nil {
		return Contact{}, err
	}
	return b.contact(k), b.store.UpdateNamed("contact-delete", func(tx *store.Tx) error { return tx.DeleteContact(k.ID) })
}
