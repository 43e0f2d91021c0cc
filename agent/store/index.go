package store

import "strings"

// indexed is what a search index holds of an interaction or a callback. Equal ones
// need not be written again.
type indexed struct {
	key                int64
	name, number, e164 string
	note               string
	tags               string
}

// tags are words that a filter names as a whole. Letters and digits count.
func tags(words ...string) string {
	var all []string
	for _, w := range words {
		if w = fold(w); w != "" {
			all = append(all, w)
		}
	}
	return strings.Join(all, " ")
}

// oneOf is the query for rows with one of some tags.
func oneOf(words ...string) string {
	return `tags : ("` + strings.Join(strings.Fields(tags(words...)), `" OR "`) + `")`
}

// searched are the tables that have a search index.
var searched = []string{"interaction", "callback", "contact"}

const (
	interactionIndexed = "SELECT seq, name, number, e164, note, kind FROM interaction"
	callbackIndexed    = "SELECT seq, name, number, e164, reason, state || ' ' || scope FROM callback"
)

func scanIndexed(r row) (x indexed, err error) {
	err = r.Scan(&x.key, &x.name, &x.number, &x.e164, &x.note, &x.tags)
	return x, err
}

// unindex removes a row from a search index.
func (tx *Tx) unindex(index string, key int64) error {
	if tx.c.unsearched {
		return nil
	}
	return tx.exec("DELETE FROM "+index+" WHERE rowid = ?", key)
}

// index writes the search row of an interaction or a callback.
func (tx *Tx) index(table string, x indexed) error {
	if tx.c.unsearched {
		return nil
	}
	if err := tx.unindex(table, x.key); err != nil {
		return err
	}
	return tx.exec("INSERT INTO "+table+" (rowid, text, digits, tags) VALUES (?, ?, ?, ?)", x.key,
		grams(fold(x.name), fold(x.note)), grams(numbers(x.e164, x.number)...), tags(append(strings.Fields(x.tags), digitsOf(x.e164))...))
}

// indexContact writes the search row of a contact.
func (tx *Tx) indexContact(k Contact) error {
	if tx.c.unsearched {
		return nil
	}
	others, digits := []string{fold(k.Note)}, []string{}
	for _, p := range k.Points {
		if p.Kind == "phone" {
			digits = append(digits, p.E164, p.Value)
		} else {
			others = append(others, fold(p.Value))
		}
	}
	if err := tx.unindex("contact_search", k.ID); err != nil {
		return err
	}
	return tx.exec("INSERT INTO contact_search (rowid, name, reading, other, digits) VALUES (?, ?, ?, ?, ?)", k.ID,
		grams(fold(k.Name)), grams(fold(k.Reading)), grams(others...), grams(numbers(digits...)...))
}

const allContacts = "SELECT id FROM contact WHERE id > ? ORDER BY id LIMIT ?"

// page is how many rows are read at a time when all are gone through.
const page = 1000

// fillSearch makes the search indexes anew, each in one segment.
func fillSearch(tx *Tx) error {
	if err := fillAll(tx); err != nil {
		return err
	}
	for _, t := range searched {
		if err := tx.exec("INSERT INTO " + t + "_search (" + t + "_search) VALUES ('optimize')"); err != nil {
			return err
		}
	}
	return nil
}

func fillAll(tx *Tx) error {
	for table, query := range map[string]string{"interaction_search": interactionIndexed, "callback_search": callbackIndexed} {
		if err := tx.exec("DELETE FROM " + table); err != nil {
			return err
		}
		err := pages(tx.c, scanIndexed, query+" WHERE seq > ? ORDER BY seq LIMIT ?", func(x indexed) (int64, error) { return x.key, tx.index(table, x) })
		if err != nil {
			return err
		}
	}
	if err := tx.exec("DELETE FROM contact_search"); err != nil {
		return err
	}
	return pages(tx.c, value[int64], allContacts, func(id int64) (int64, error) {
		k, _, err := tx.c.contact("id = ?", id)
		if err != nil {
			return id, err
		}
		return id, tx.indexContact(k)
	})
}

// pages goes through all rows of a query in the order of a key that each returns.
func pages[T any](c *conn, scan func(row) (T, error), query string, each func(T) (key int64, err error)) error {
	for key := int64(-1 << 62); ; {
		rows, err := list(c, scan, query, key, page)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, r := range rows {
			if key, err = each(r); err != nil {
				return err
			}
		}
	}
}
