package store

import "slices"

// mergePage is how many records are merged in one update: an agent that runs
// beside waits for no more.
const mergePage = 100

// merge takes contacts, responses, the do-not-call list and favourites of another
// store. It may be done again.
func (s *Store) merge(from *Store) (Imported, error) {
	done := Imported{Taken: map[string]int{}, Known: map[string]int{}}
	work, err := merging(from)
	if err != nil {
		return Imported{}, err
	}
	if err = from.reading(func(c *conn) (err error) { done.LeftOut, err = sizes(c); return err }); err != nil {
		return Imported{}, err
	}
	for _, t := range []string{"contact", "point", "response", "blocked", "favourite", "counter"} {
		delete(done.LeftOut, t)
	}
	for page := range slices.Chunk(work, mergePage) {
		taken := make([]bool, len(page))
		err := s.UpdateNamed("import", func(tx *Tx) (err error) {
			for i, p := range page {
				if taken[i], err = p.put(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
		for i, p := range page {
			if taken[i] {
				done.Taken[p.table]++
			} else {
				done.Known[p.table]++
			}
		}
	}
	return done, nil
}

// merged is a record to be merged. put reports whether it was new.
type merged struct {
	table string
	put   func(*Tx) (bool, error)
}

func merging(from *Store) (work []merged, err error) {
	add := func(table string, put func(*Tx) (bool, error)) { work = append(work, merged{table, put}) }
	contacts, err := from.Contacts(0, 0)
	if err != nil {
		return nil, err
	}
	for _, k := range contacts {
		add("contact", func(tx *Tx) (bool, error) { return tx.mergeContact(k) })
	}
	responses, err := from.Responses("", "")
	if err != nil {
		return nil, err
	}
	for _, p := range responses {
		add("response", func(tx *Tx) (bool, error) { return tx.mergeResponse(p) })
	}
	blocked, err := from.BlockedList()
	if err != nil {
		return nil, err
	}
	for _, b := range blocked {
		add("blocked", func(tx *Tx) (bool, error) {
			_, known, err := tx.IsBlocked(b.E164)
			if known || err != nil {
				return false, err
			}
			return true, tx.Block(b)
		})
	}
	favourites, err := from.Favourites()
	if err != nil {
		return nil, err
	}
	for _, f := range favourites {
		add("favourite", func(tx *Tx) (bool, error) {
			n, err := tx.count("INSERT INTO favourite (target, name) VALUES (?, ?) ON CONFLICT DO NOTHING", f.Target, f.Name)
			return n > 0, err
		})
	}
	return work, nil
}

// mergeContact adds a contact, or to the same one what it does not have: points,
// and reading, zone and note where there is none.
func (tx *Tx) mergeContact(k Contact) (bool, error) {
	have, known, err := tx.sameContact(k)
	if err != nil {
		return false, err
	}
	if !known {
		k.ID = 0
		_, err := tx.PutContact(k)
		return true, err
	}
	before := have
	for _, field := range []struct{ have, new *string }{{&have.Reading, &k.Reading}, {&have.Zone, &k.Zone}, {&have.Note, &k.Note}} {
		if *field.have == "" {
			*field.have = *field.new
		}
	}
	for _, p := range k.Points {
		if !slices.ContainsFunc(have.Points, p.same) {
			have.Points = append(have.Points, p)
		}
	}
	if len(have.Points) == len(before.Points) && have.Reading == before.Reading && have.Zone == before.Zone && have.Note == before.Note {
		return false, nil
	}
	have.Updated = k.Updated
	_, err = tx.PutContact(have)
	return true, err
}

// same reports whether two points lead to the same place.
func (p Point) same(other Point) bool {
	return p.Kind == other.Kind && (p.Value == other.Value || p.E164 != "" && p.E164 == other.E164)
}

// sameContact finds the contact of the same name with a common point, or with none
// when there is none to have in common.
func (tx *Tx) sameContact(k Contact) (Contact, bool, error) {
	var ids []int64
	for _, p := range k.Points {
		if p.E164 != "" {
			more, err := list(tx.c, value[int64], "SELECT contact FROM point WHERE e164 = ? AND e164 <> ''", p.E164)
			if err != nil {
				return Contact{}, false, err
			}
			ids = append(ids, more...)
		}
	}
	name := fold(k.Name)
	if len(ids) == 0 && name != "" {
		var err error
		if ids, err = tx.c.matches(nil, "name : ^ "+phrase(name), 0); err != nil {
			return Contact{}, false, err
		}
	}
	for _, id := range ids {
		have, _, err := tx.c.contact("id = ?", id)
		if err != nil {
			return Contact{}, false, err
		}
		common := func(p Point) bool { return slices.ContainsFunc(have.Points, p.same) }
		if fold(have.Name) == name && (slices.ContainsFunc(k.Points, common) || len(k.Points) == 0 && len(have.Points) == 0) {
			return have, true, nil
		}
	}
	return Contact{}, false, nil
}

// mergeResponse adds a response, or takes its text for the one of the same title.
func (tx *Tx) mergeResponse(p Response) (bool, error) {
	have, known, err := one(tx.c, scanResponse, "SELECT id, category, title, text, language FROM response WHERE category = ? AND title = ? AND language = ?",
		p.Category, p.Title, p.Language)
	if err != nil || known && have.Text == p.Text {
		return false, err
	}
	p.ID = have.ID
	_, err = tx.PutResponse(p)
	return true, err
}
