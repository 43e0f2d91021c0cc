package store

import (
	"encoding/json"
	"time"
)

// Interaction is one piece of work, from offer to Done.
type Interaction struct {
	ID           string // i7
	Kind         string
	Channel      string
	Callback     string          // Callback.Key; empty: none
	Name, Number string          // of the contact, as they came
	E164         string          // the number with its country, +81312345678; empty: it is none
	Body         json.RawMessage // the agent's own form
	Case         json.RawMessage
	Note         string
	Disposition  string
	Result       string
	Outcome      string
	Attempts     int
	Armed        json.RawMessage // the armed reschedule; null or empty: none
	Created      time.Time       // never changes once it is put; zero: now
	Closed       time.Time       // zero: open
}

const interactionColumns = "id, kind, channel, callback, name, number, e164, body, case_data, note, disposition, result, outcome, attempts, armed, created, closed"

func scanInteraction(r row) (i Interaction, err error) {
	err = r.Scan(&i.ID, &i.Kind, &i.Channel, &i.Callback, &i.Name, &i.Number, &i.E164, raw(&i.Body), raw(&i.Case), &i.Note,
		&i.Disposition, &i.Result, &i.Outcome, &i.Attempts, raw(&i.Armed), instant{&i.Created}, instant{&i.Closed})
	return i, err
}

// PutInteraction writes an interaction as it is now.
func (tx *Tx) PutInteraction(i Interaction) error {
	next := indexed{name: i.Name, number: i.Number, e164: i.E164, note: i.Note, tags: i.Kind}
	old, known, err := one(tx.c, scanIndexed, interactionIndexed+" WHERE id = ?", i.ID)
	if err != nil {
		return err
	}
	if known {
		next.key = old.key
		err = tx.exec(`UPDATE interaction SET kind = ?2, channel = ?3, callback = ?4, name = ?5, number = ?6, e164 = ?7, body = ?8, case_data = ?9,
			note = ?10, disposition = ?11, result = ?12, outcome = ?13, attempts = ?14, armed = ?15, closed = ?16 WHERE id = ?1`,
			i.ID, i.Kind, i.Channel, i.Callback, i.Name, i.Number, i.E164, text(i.Body), text(i.Case),
			i.Note, i.Disposition, i.Result, i.Outcome, i.Attempts, text(i.Armed), stamp(i.Closed))
		if err != nil || next == old {
			return err
		}
		return tx.index("interaction_search", next)
	}
	if i.Created.IsZero() {
		i.Created = tx.now()
	}
	if next.key, err = tx.freeKey("interaction", i.Created); err != nil {
		return err
	}
	err = tx.exec("INSERT INTO interaction (seq, "+interactionColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		next.key, i.ID, i.Kind, i.Channel, i.Callback, i.Name, i.Number, i.E164, text(i.Body), text(i.Case), i.Note,
		i.Disposition, i.Result, i.Outcome, i.Attempts, text(i.Armed), stamp(i.Created), stamp(i.Closed))
	if err != nil {
		return err
	}
	return tx.index("interaction_search", next)
}

// Interaction finds one by its id.
func (r Reader) Interaction(id string) (i Interaction, found bool, err error) {
	err = r.do(func(c *conn) (err error) {
		i, found, err = one(c, scanInteraction, "SELECT "+interactionColumns+" FROM interaction WHERE id = ?", id)
		return err
	})
	return i, found, err
}

// OpenInteractions lists those that are not closed, the oldest first.
func (r Reader) OpenInteractions() (all []Interaction, err error) {
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, scanInteraction, "SELECT "+interactionColumns+" FROM interaction WHERE closed IS NULL ORDER BY seq")
		return err
	})
	return all, err
}

// PastNote is what was written down about a contact before.
type PastNote struct {
	Interaction string
	Time        time.Time // when the interaction began
	Note        string
	Disposition string
}

// PastNotes lists the notes of a number's interactions, the newest first.
// limit 0: all.
func (r Reader) PastNotes(e164 string, limit int) (all []PastNote, err error) {
	if e164 == "" {
		return nil, nil
	}
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, func(r row) (n PastNote, err error) {
			return n, r.Scan(&n.Interaction, instant{&n.Time}, &n.Note, &n.Disposition)
		}, "SELECT id, created, note, disposition FROM interaction WHERE e164 = ? AND e164 <> '' AND note <> '' ORDER BY seq DESC LIMIT ?", e164, atMost(limit))
		return err
	})
	return all, err
}
