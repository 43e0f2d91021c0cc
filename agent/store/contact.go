package store

import (
	"fmt"
	"time"
)

// Contact is a person or company that callbacks are for.
type Contact struct {
	ID      int64 // given by the store
	Name    string
	Reading string // how the name is read: kana, or Latin letters
	Zone    string // IANA
	Note    string
	Points  []Point
	Updated time.Time // zero: now
}

// Point is one way to reach a contact.
type Point struct {
	Kind  string // phone, mail, sip, address
	Label string
	Value string // as it was entered
	E164  string // of a phone; empty: it is none
}

func scanContact(r row) (k Contact, err error) {
	return k, r.Scan(&k.ID, &k.Name, &k.Reading, &k.Zone, &k.Note, instant{&k.Updated})
}

const contactColumns = "id, name, reading, zone, note, updated"

// PutContact writes a contact whole and returns its id. ID 0 is a new one.
func (tx *Tx) PutContact(k Contact) (id int64, err error) {
	if k.Updated.IsZero() {
		k.Updated = tx.now()
	}
	k.ID, _, err = one(tx.c, value[int64], `INSERT INTO contact (id, name, reading, zone, note, updated) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
		name = excluded.name, reading = excluded.reading, zone = excluded.zone, note = excluded.note, updated = excluded.updated RETURNING id`,
		number(k.ID), k.Name, k.Reading, k.Zone, k.Note, stamp(k.Updated))
	if err != nil {
		return 0, err
	}
	if err := tx.exec("DELETE FROM point WHERE contact = ?", k.ID); err != nil {
		return 0, err
	}
	for n, p := range k.Points {
		if err := tx.exec("INSERT INTO point (contact, n, kind, label, value, e164) VALUES (?, ?, ?, ?, ?, ?)",
			k.ID, n, p.Kind, p.Label, p.Value, p.E164); err != nil {
			return 0, err
		}
	}
	return k.ID, tx.indexContact(k)
}

// DeleteContact removes a contact and its points. History keeps what it has.
func (tx *Tx) DeleteContact(id int64) error {
	if err := tx.unindex("contact_search", id); err != nil {
		return err
	}
	return tx.exec("DELETE FROM contact WHERE id = ?", id)
}

// Contact finds one by its id.
func (r Reader) Contact(id int64) (k Contact, found bool, err error) {
	err = r.do(func(c *conn) (err error) {
		k, found, err = c.contact("id = ?", id)
		return err
	})
	return k, found, err
}

// ContactByNumber finds whom a number belongs to; of several the one that was
// changed last.
func (r Reader) ContactByNumber(e164 string) (k Contact, found bool, err error) {
	err = r.do(func(c *conn) (err error) {
		k, found, err = c.contact("id IN (SELECT contact FROM point WHERE e164 = ? AND e164 <> '') ORDER BY updated DESC, id DESC LIMIT 1", e164)
		return err
	})
	return k, found, err
}

func (c *conn) contact(where string, args ...any) (Contact, bool, error) {
	k, found, err := one(c, scanContact, "SELECT "+contactColumns+" FROM contact WHERE "+where, args...)
	if err != nil || !found {
		return Contact{}, false, err
	}
	if k.Points, err = list(c, func(r row) (p Point, err error) { return p, r.Scan(&p.Kind, &p.Label, &p.Value, &p.E164) },
		"SELECT kind, label, value, e164 FROM point WHERE contact = ? ORDER BY n", k.ID); err != nil {
		return Contact{}, false, fmt.Errorf("contact %d: %w", k.ID, err)
	}
	return k, true, nil
}

// Contacts lists contacts in the order of their ids, from the one after an id on.
// limit 0: all.
func (r Reader) Contacts(after int64, limit int) (all []Contact, err error) {
	err = r.do(func(c *conn) error {
		all, err = list(c, scanContact, "SELECT "+contactColumns+" FROM contact WHERE id > ? ORDER BY id LIMIT ?", after, atMost(limit))
		if err != nil || len(all) == 0 {
			return err
		}
		at := 0
		return c.query(func(r row) error {
			var id int64
			var p Point
			if err := r.Scan(&id, &p.Kind, &p.Label, &p.Value, &p.E164); err != nil {
				return err
			}
			for all[at].ID < id {
				at++
			}
			all[at].Points = append(all[at].Points, p)
			return nil
		}, "SELECT contact, kind, label, value, e164 FROM point WHERE contact BETWEEN ? AND ? ORDER BY contact, n", all[0].ID, all[len(all)-1].ID)
	})
	return all, err
}
