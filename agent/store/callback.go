package store

import (
	"encoding/json"
	"strings"
	"time"
)

// CallbackState is the one place where a callback is.
type CallbackState string

// The places.
const (
	CallbackWaiting   CallbackState = "waiting"   // an order that was taken, and not offered yet or not taken by the agent
	CallbackOpen      CallbackState = "open"      // in the agent's hands
	CallbackScheduled CallbackState = "scheduled" // personal, and due at Due
	CallbackHanded    CallbackState = "handed"    // with the team: reported to the PBX
	CallbackReturned  CallbackState = "returned"  // rejected or missed: the PBX's again
	CallbackDone      CallbackState = "done"
)

// Callback is a contact's request as far as this phone has to do with it.
type Callback struct {
	Key          string // the PBX's id, or ours
	Channel      string
	Kind         string
	Source       string // message, api, invite, agent
	State        CallbackState
	Name, Number string
	E164         string
	Zone         string // IANA
	Reason       string
	Scope        string // personal, team or empty
	Due          time.Time
	Created      time.Time // never changes once it is put; zero: now
	Updated      time.Time // zero: now
	Interaction  string    // the one that it was last part of
	Attempts     int
	Retries      int
	Body         json.RawMessage
}

const callbackColumns = "key, channel, kind, source, state, name, number, e164, zone, reason, scope, due, created, updated, interaction, attempts, retries, body"

func scanCallback(r row) (b Callback, err error) {
	err = r.Scan(&b.Key, &b.Channel, &b.Kind, &b.Source, &b.State, &b.Name, &b.Number, &b.E164, &b.Zone, &b.Reason, &b.Scope,
		instant{&b.Due}, instant{&b.Created}, instant{&b.Updated}, &b.Interaction, &b.Attempts, &b.Retries, raw(&b.Body))
	return b, err
}

// PutCallback writes a callback as it is now.
func (tx *Tx) PutCallback(b Callback) error {
	if b.Updated.IsZero() {
		b.Updated = tx.now()
	}
	next := indexed{name: b.Name, number: b.Number, e164: b.E164, note: b.Reason, tags: string(b.State) + " " + b.Scope}
	old, known, err := one(tx.c, scanIndexed, callbackIndexed+" WHERE key = ?", b.Key)
	if err != nil {
		return err
	}
	if known {
		next.key = old.key
		err = tx.exec(`UPDATE callback SET channel = ?2, kind = ?3, source = ?4, state = ?5, name = ?6, number = ?7, e164 = ?8, zone = ?9, reason = ?10,
			scope = ?11, due = ?12, updated = ?13, interaction = ?14, attempts = ?15, retries = ?16, body = ?17 WHERE key = ?1`,
			b.Key, b.Channel, b.Kind, b.Source, b.State, b.Name, b.Number, b.E164, b.Zone, b.Reason,
			b.Scope, stamp(b.Due), stamp(b.Updated), b.Interaction, b.Attempts, b.Retries, text(b.Body))
		if err != nil || next == old {
			return err
		}
		return tx.index("callback_search", next)
	}
	if b.Created.IsZero() {
		b.Created = tx.now()
	}
	if next.key, err = tx.freeKey("callback", b.Created); err != nil {
		return err
	}
	err = tx.exec("INSERT INTO callback (seq, "+callbackColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		next.key, b.Key, b.Channel, b.Kind, b.Source, b.State, b.Name, b.Number, b.E164, b.Zone, b.Reason, b.Scope,
		stamp(b.Due), stamp(b.Created), stamp(b.Updated), b.Interaction, b.Attempts, b.Retries, text(b.Body))
	if err != nil {
		return err
	}
	return tx.index("callback_search", next)
}

// Callback finds one by its key.
func (r Reader) Callback(key string) (b Callback, found bool, err error) {
	err = r.do(func(c *conn) (err error) {
		b, found, err = one(c, scanCallback, "SELECT "+callbackColumns+" FROM callback WHERE key = ?", key)
		return err
	})
	return b, found, err
}

// CallbackFilter says which callbacks are wanted; what is zero does not matter.
type CallbackFilter struct {
	States    []CallbackState
	Scope     string
	DueBefore time.Time // scheduled ones that are due before it
	Text      string    // any part of name, number or reason
	E164      string
	Limit     int
}

// Callbacks lists callbacks: scheduled ones, when only they or those due are asked
// for, in the order in which they are due, others the newest first.
func (r Reader) Callbacks(f CallbackFilter) (all []Callback, err error) {
	query, args := f.query()
	if query == "" {
		return nil, nil
	}
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, scanCallback, query, args...)
		return err
	})
	return all, err
}

// query is empty when the text has nothing that can be searched for.
func (f CallbackFilter) query() (query string, args []any) {
	q := selection{from: "callback", key: "seq", order: "seq DESC"}
	if !f.DueBefore.IsZero() {
		f.States = []CallbackState{CallbackScheduled}
		q.and("due < ?", stamp(f.DueBefore))
	}
	states := make([]string, len(f.States))
	for i, s := range f.States {
		states[i] = string(s)
	}
	if f.Text != "" && !q.search("callback", f.Text, f.E164, states, []string{f.Scope}) {
		return "", nil
	}
	if len(states) == 1 && f.States[0] == CallbackScheduled {
		q.and("state = 'scheduled'") // written out, so that its small index serves
		q.order = "due, seq"
		if f.Text == "" {
			q.from = "callback INDEXED BY callback_due"
		}
	} else if len(states) > 0 {
		q.and("state IN (?"+strings.Repeat(", ?", len(states)-1)+")", anys(states)...)
	}
	if f.Scope != "" {
		q.and("scope = ?", f.Scope)
	}
	if f.E164 != "" {
		q.and("e164 = ? AND e164 <> ''", f.E164)
	}
	return q.sql(callbackColumns, f.Limit)
}

const nextDue = "SELECT due FROM callback INDEXED BY callback_due WHERE state = 'scheduled' AND due IS NOT NULL ORDER BY due LIMIT 1"

// NextDue is when the earliest scheduled callback is due; zero: none is.
func (r Reader) NextDue() (due time.Time, err error) {
	err = r.do(func(c *conn) error {
		return c.query(func(r row) error { return r.Scan(instant{&due}) },
			nextDue)
	})
	return due, err
}
