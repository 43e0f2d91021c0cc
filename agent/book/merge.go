package book

import (
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/unicode/norm"

	"ringback/agent/store"
)

// Import reads a file of contacts (form vcard or csv; empty: what it looks like) and
// adds it to those that are there, in one transaction. It takes nothing away: a
// contact of the file that is known already, by its name and one of its numbers or
// addresses, gets what is new in the file, and nothing is written when there is
// nothing new. A file with a fault is not imported; the error is an *ImportError. Nor
// is one that would write more than most contacts; 0: any number.
func (b *Book) Import(ctx context.Context, r io.Reader, form string, most int) (Imported, error) {
	f, form, err := b.read(r, form)
	if err != nil {
		return Imported{Form: form}, err
	}
	for try := 0; ; try++ {
		p, err := b.plan(ctx, f)
		if err != nil {
			return Imported{Form: form}, err
		}
		if most > 0 && len(p.touched) > most {
			return Imported{Form: form}, Invalid("the file changes %d contacts; at most %d while a phone runs, which waits for it", len(p.touched), most).
				hint("stop the agent and import the file without it, or split it")
		}
		if err = b.carryOut(p); !errors.Is(err, errChanged) || try == importTries {
			p.told.Form, p.told.Contacts, p.told.PassedOver, p.told.Unread = form, len(f.entries), f.passedOver(), f.unread()
			return p.told, err
		}
	}
}

// importTries is how often an import begins anew because somebody has changed a
// contact in the meantime.
const importTries = 3

var errChanged = errors.New("import contacts: a contact was changed in the same moment; do it again")

// plan is what an import will write: made from what is there before anything is
// locked, so that the transaction is short.
type plan struct {
	known   []store.Contact // those that are there, then the new ones
	old     int             // how many are there
	touched map[int]bool
	byID    map[int64]int
	byPoint map[string]int
	byName  map[string][]int
	told    Imported
}

func (b *Book) plan(ctx context.Context, f *file) (*plan, error) {
	p := &plan{touched: map[int]bool{}, byID: map[int64]int{}, byPoint: map[string]int{}, byName: map[string][]int{}}
	err := b.eachContact(ctx, func(k store.Contact) error {
		k, changed := b.renumber(k) // to be compared by the same rules
		if changed {
			p.touched[len(p.known)] = true
		}
		p.add(k)
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.old = len(p.known)
	for _, e := range f.entries {
		p.take(e)
	}
	return p, nil
}

// add makes a contact findable.
func (p *plan) add(k store.Contact) {
	at := len(p.known)
	p.known = append(p.known, k)
	if k.ID != 0 {
		p.byID[k.ID] = at
	}
	name := foldName(k.Name)
	p.byName[name] = append(p.byName[name], at)
	p.addPoints(at, k)
}

func (p *plan) addPoints(at int, k store.Contact) {
	for _, point := range k.Points {
		p.byPoint[pointKey(k.Name, point)] = at
	}
}

// take decides about one entry.
func (p *plan) take(e entry) {
	at := p.find(e)
	if at < 0 {
		at = len(p.known)
		e.ID = 0
		p.add(e.Contact)
		p.touched[at] = true
		p.told.New++
		return
	}
	merged, changed := merge(p.known[at], e.Contact)
	if !changed {
		p.told.Left++
		return
	}
	p.known[at] = merged
	p.touched[at] = true
	p.addPoints(at, merged)
	p.told.Changed++
}

// find is the contact that an entry is about, or -1: by the id of an earlier export
// when something else agrees, by the name with a number or address, and by the name
// alone where there is nothing else to tell people apart.
func (p *plan) find(e entry) int {
	if at, there := p.byID[e.id]; there && (foldName(p.known[at].Name) == foldName(e.Name) || shareAPoint(p.known[at].Points, e.Points)) {
		return at
	}
	for _, point := range e.Points {
		if at, there := p.byPoint[pointKey(e.Name, point)]; there {
			return at
		}
	}
	if same := p.byName[foldName(e.Name)]; len(same) == 1 && (len(e.Points) == 0 || len(p.known[same[0]].Points) == 0) {
		return same[0]
	}
	return -1
}

func shareAPoint(a, b []store.Point) bool {
	for _, one := range a {
		for _, other := range b {
			if samePoint(one, other) {
				return true
			}
		}
	}
	return false
}

func foldName(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(norm.NFKC.String(name)), ""))
}

func pointKey(name string, p store.Point) string {
	value := p.E164
	if value == "" {
		value = strings.ToLower(p.Value)
	}
	return foldName(name) + "\x00" + p.Kind + "\x00" + value
}

// merge adds what a file says to what is known.
func merge(known, in store.Contact) (store.Contact, bool) {
	changed := false
	set := func(field *string, value string) {
		if value != "" && value != *field {
			*field, changed = value, true
		}
	}
	if foldName(in.Name) != foldName(known.Name) {
		set(&known.Name, in.Name)
	}
	set(&known.Reading, in.Reading)
	set(&known.Zone, in.Zone)
	if in.Note != "" && !strings.Contains(known.Note, in.Note) {
		known.Note, changed = strings.TrimSpace(in.Note+"\n"+known.Note), true
	}
	points := append([]store.Point{}, known.Points...)
	for _, point := range in.Points {
		at := -1
		for i := range points {
			if samePoint(points[i], point) {
				at = i
			}
		}
		if at < 0 {
			points, changed = append(points, point), true
		} else {
			set(&points[at].Label, point.Label)
		}
	}
	known.Points = points
	return known, changed
}

// carryOut writes a plan whole or not at all.
func (b *Book) carryOut(p *plan) error {
	for at := range p.touched {
		if err := checkContact(&p.known[at]); err != nil {
			return Invalid("contact %q cannot take what the file adds: %v", p.known[at].Name, err)
		}
	}
	return b.store.UpdateNamed("contacts-import", func(tx *store.Tx) error {
		for at, k := range p.known {
			if !p.touched[at] {
				continue
			}
			if at < p.old {
				now, there, err := tx.Contact(k.ID)
				if err != nil {
					return err
				}
				if !there || !now.Updated.Equal(k.Updated) {
					return errChanged
				}
			}
			k.Updated = b.now()
			if _, err := tx.PutContact(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// Export writes the contacts that match a text (empty: all) in a form, and says how
// many they were.
func (b *Book) Export(ctx context.Context, w io.Writer, form, text string) (int, error) {
	var all []store.Contact
	var err error
	switch {
	case form != FormVCard && form != FormCSV:
		return 0, Invalid("form %q is not known", form).hint("it is %s or %s", FormVCard, FormCSV)
	case strings.TrimSpace(text) == "":
		err = b.eachContact(ctx, func(k store.Contact) error {
			all = append(all, k)
			return nil
		})
	default:
		all, err = b.store.SearchContacts(text, b.runOf(text), 0)
	}
	if err != nil {
		return 0, err
	}
	if form == FormVCard {
		return len(all), writeCards(w, all)
	}
	return len(all), b.writeSheet(w, all)
}

// pageSize is how many contacts are read at a time.
const pageSize = 1000

// eachContact hands over all contacts in the order of their ids.
func (b *Book) eachContact(ctx context.Context, fn func(store.Contact) error) error {
	for after := int64(0); ; {
		page, err := b.store.Contacts(after, pageSize)
		if err != nil {
			return err
		}
		for _, k := range page {
			if err := fn(k); err != nil {
				return err
			}
			after = k.ID
		}
		if len(page) < pageSize {
			return ctx.Err()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}
