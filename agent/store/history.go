package store

import (
	"encoding/json"
	"time"
)

// HistoryEvent is one thing that happened to an interaction. Interaction, Time, Run
// and Seq tell it from all others.
type HistoryEvent struct {
	Interaction string
	Call        string
	Type        string // call.connected
	Run         string // one life of the agent
	Seq         uint64 // of the event in that life
	Time        time.Time
	Body        json.RawMessage
}

func scanEvent(r row) (e HistoryEvent, err error) {
	return e, r.Scan(&e.Interaction, &e.Call, &e.Type, &e.Run, &e.Seq, instant{&e.Time}, raw(&e.Body))
}

// AppendHistory adds events. Those that are there already stay as they are.
func (tx *Tx) AppendHistory(events []HistoryEvent) error {
	for _, e := range events {
		if e.Time.IsZero() {
			e.Time = tx.now()
		}
		if err := tx.exec("INSERT INTO event (interaction, call, type, run, seq, time, body) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			e.Interaction, e.Call, e.Type, e.Run, e.Seq, stamp(e.Time), text(e.Body)); err != nil {
			return err
		}
	}
	return nil
}

// Timeline lists what happened to an interaction, in order.
func (r Reader) Timeline(interaction string) (all []HistoryEvent, err error) {
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, scanEvent, "SELECT interaction, call, type, run, seq, time, body FROM event WHERE interaction = ? ORDER BY time, run, seq", interaction)
		return err
	})
	return all, err
}

// HistoryCall is one call of an interaction, as it can be looked at afterwards.
type HistoryCall struct {
	ID                 string // c12
	Interaction        string
	Role               string // main, consultation, party
	Remote, RemoteName string
	SIPCallID          string
	Incoming           bool
	Started            time.Time // zero: now
	Connected          time.Time // zero: never
	Ended              time.Time
	Code               int // the SIP response's; 0: none
	Reason             string
	Codec              string
	Suite, Keying      string // of SRTP (AEAD_AES_256_GCM, dtls); empty: it was not encrypted
	Quality            json.RawMessage
	Ladder             string // the SIP messages as text
}

const callColumns = "call.id, call.interaction, role, remote, remote_name, sip_call_id, incoming, started, connected, ended, code, reason, codec, suite, keying, quality"

func (k *HistoryCall) fields() []any {
	return []any{&k.ID, &k.Interaction, &k.Role, &k.Remote, &k.RemoteName, &k.SIPCallID, &k.Incoming,
		instant{&k.Started}, instant{&k.Connected}, instant{&k.Ended}, &k.Code, &k.Reason, &k.Codec, &k.Suite, &k.Keying, raw(&k.Quality)}
}

// PutCall writes a call as it is now.
func (tx *Tx) PutCall(k HistoryCall) error {
	if k.Started.IsZero() {
		k.Started = tx.now()
	}
	return tx.exec(`INSERT OR REPLACE INTO call (id, interaction, role, remote, remote_name, sip_call_id, incoming, started, connected, ended, code, reason, codec, suite, keying, quality, ladder)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, k.ID, k.Interaction, k.Role, k.Remote, k.RemoteName, k.SIPCallID, k.Incoming,
		stamp(k.Started), stamp(k.Connected), stamp(k.Ended), k.Code, k.Reason, k.Codec, k.Suite, k.Keying, text(k.Quality), k.Ladder)
}

// Calls lists an interaction's, in the order in which they began.
func (r Reader) Calls(interaction string) (all []HistoryCall, err error) {
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, func(r row) (k HistoryCall, err error) { return k, r.Scan(append(k.fields(), &k.Ladder)...) },
			"SELECT "+callColumns+", ladder FROM call WHERE interaction = ? ORDER BY started, id", interaction)
		return err
	})
	return all, err
}

// Recent is a call in the list of the last ones.
type Recent struct {
	HistoryCall // without its ladder
	Kind        string
	Name        string // the contact's
	Number      string
	E164        string
	Outcome     string // the interaction's
}

// Missed reports whether the call came in and was never answered.
func (k Recent) Missed() bool { return k.Incoming && k.Connected.IsZero() }

// Recents lists the last calls, the newest first. limit 0: all.
func (r Reader) Recents(limit int) (all []Recent, err error) {
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, func(r row) (k Recent, err error) {
			return k, r.Scan(append(k.fields(), &k.Kind, &k.Name, &k.Number, &k.E164, &k.Outcome)...)
		}, "SELECT "+callColumns+`, coalesce(kind, ''), coalesce(name, ''), coalesce(number, ''), coalesce(e164, ''), coalesce(outcome, '')
			FROM call LEFT JOIN interaction ON interaction.id = call.interaction ORDER BY started DESC LIMIT ?`, atMost(limit))
		return err
	})
	return all, err
}

// HistoryFilter says which interactions are wanted; what is zero does not matter.
type HistoryFilter struct {
	Text        string // every word: any part of name, note or number
	E164        string
	Kind        string
	From, Until time.Time // created from then on, and before then
	Limit       int
}

// History lists interactions, the newest first.
func (r Reader) History(f HistoryFilter) (all []Interaction, err error) {
	query, args := f.query()
	if query == "" {
		return nil, nil
	}
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, scanInteraction, query, args...)
		return err
	})
	return all, err
}

// query is empty when the text has nothing that can be searched for.
func (f HistoryFilter) query() (query string, args []any) {
	q := selection{from: "interaction", key: "seq", order: "seq DESC"}
	if f.Text != "" && !q.search("interaction", f.Text, f.E164, []string{f.Kind}) {
		return "", nil
	}
	if !f.From.IsZero() || !f.Until.IsZero() {
		low, high := keySpan(f.From, f.Until)
		q.and(q.key+" BETWEEN ? AND ?", low, high)
		low, high = timeSpan(f.From, f.Until)
		q.and("created >= ? AND created < ?", low, high)
	}
	if f.E164 != "" {
		q.and("e164 = ? AND e164 <> ''", f.E164)
	}
	if f.Kind != "" {
		q.and("kind = ?", f.Kind)
	}
	return q.sql(interactionColumns, f.Limit)
}
