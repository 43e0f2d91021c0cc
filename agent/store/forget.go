package store

import "time"

// Retention says what is forgotten: what was over before these times. Zero keeps
// that kind for ever.
type Retention struct {
	History time.Time // interactions with their calls, attempts and events; callbacks; delivered reports
	Notes   time.Time // the notes of interactions
	Untold  time.Time // reports that wait for a PBX that nobody named: it will never be told
}

// Forgotten counts what went.
type Forgotten struct {
	Interactions, Callbacks, Reports, Calls, Notes, Untold int
	More                                                   bool // there is more: do it again
}

// Forget removes what is older than the retention, at most limit records of each
// kind, so that no update takes long. It never touches an open interaction, a
// callback that is waiting, open or scheduled and its interactions, and a report
// that is not delivered and its callback; that one's interactions may go. Only what is
// Untold goes undelivered, and so its callback.
func (tx *Tx) Forget(before Retention, limit int) (f Forgotten, err error) {
	steps := []struct {
		before time.Time
		count  *int
		fn     func(before int64, limit int) (int, error)
	}{
		{before.Notes, &f.Notes, tx.forgetNotes},
		{before.History, &f.Reports, tx.forgetReports},
		{before.Untold, &f.Untold, tx.forgetUntold},
		{before.History, &f.Callbacks, tx.forgetCallbacks},
		{before.History, &f.Interactions, tx.forgetInteractions},
	}
	for _, s := range steps {
		if s.before.IsZero() {
			continue
		}
		if *s.count, err = s.fn(s.before.UnixMilli(), limit); err != nil {
			return f, err
		}
		f.More = f.More || *s.count >= limit
	}
	if before.History.IsZero() || f.More {
		return f, nil
	}
	if f.Calls, err = tx.forgetCalls(before.History.UnixMilli(), limit); err != nil {
		return f, err
	}
	f.More = f.Calls >= limit
	return f, tx.exec("DELETE FROM event WHERE interaction = '' AND time < ?", before.History.UnixMilli())
}

const (
	oldInteractions = `SELECT seq, id FROM interaction WHERE seq < ?1 AND closed < ?2
		AND NOT EXISTS (SELECT 1 FROM callback WHERE key = interaction.callback AND state IN ('waiting', 'open', 'scheduled')) ORDER BY seq LIMIT ?3`
	oldCallbacks = `SELECT seq FROM callback NOT INDEXED WHERE seq < ?1 AND coalesce(updated, created) < ?2 AND state IN ('done', 'handed', 'returned')
		AND NOT EXISTS (SELECT 1 FROM report WHERE report.callback = callback.key AND report.state <> 'delivered')
		AND NOT EXISTS (SELECT 1 FROM interaction WHERE closed IS NULL AND interaction.callback = callback.key) ORDER BY seq LIMIT ?3`
	oldReports = "DELETE FROM report WHERE seq IN (SELECT seq FROM report WHERE state = 'delivered' AND delivered < ? ORDER BY delivered LIMIT ?)"
	oldUntold  = "DELETE FROM report WHERE seq IN (SELECT seq FROM report INDEXED BY report_waiting WHERE state = 'waiting' AND created < ? LIMIT ?)"
	oldCalls   = `DELETE FROM call WHERE id IN (SELECT id FROM call WHERE started < ?
		AND NOT EXISTS (SELECT 1 FROM interaction WHERE interaction.id = call.interaction) ORDER BY started LIMIT ?)`
	oldNotes = interactionIndexed + " WHERE note <> '' AND closed < ? AND seq < ? ORDER BY seq LIMIT ?"
)

func (tx *Tx) forgetInteractions(before int64, limit int) (int, error) {
	type old struct {
		key int64
		id  string
	}
	all, err := list(tx.c, func(r row) (o old, err error) { return o, r.Scan(&o.key, &o.id) },
		oldInteractions, keyOf(time.UnixMilli(before))+perSecond, before, limit)
	if err != nil {
		return 0, err
	}
	for _, o := range all {
		for _, query := range []string{"DELETE FROM event WHERE interaction = ?", "DELETE FROM call WHERE interaction = ?",
			"DELETE FROM attempt WHERE interaction = ?", "DELETE FROM interaction WHERE id = ?"} {
			if err := tx.exec(query, o.id); err != nil {
				return 0, err
			}
		}
		if err := tx.unindex("interaction_search", o.key); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

func (tx *Tx) forgetCallbacks(before int64, limit int) (int, error) {
	keys, err := list(tx.c, value[int64], oldCallbacks, keyOf(time.UnixMilli(before))+perSecond, before, limit)
	for _, key := range keys {
		if err == nil {
			err = tx.exec("DELETE FROM callback WHERE seq = ?", key)
		}
		if err == nil {
			err = tx.unindex("callback_search", key)
		}
	}
	return len(keys), err
}

func (tx *Tx) forgetReports(before int64, limit int) (int, error) {
	return tx.count(oldReports, before, limit)
}

func (tx *Tx) forgetUntold(before int64, limit int) (int, error) {
	return tx.count(oldUntold, before, limit)
}

// forgetCalls removes calls of no interaction.
func (tx *Tx) forgetCalls(before int64, limit int) (int, error) {
	return tx.count(oldCalls, before, limit)
}

func (tx *Tx) forgetNotes(before int64, limit int) (int, error) {
	all, err := list(tx.c, scanIndexed, oldNotes, before, keyOf(time.UnixMilli(before))+perSecond, limit)
	for _, x := range all {
		x.note = ""
		if err == nil {
			err = tx.exec("UPDATE interaction SET note = '' WHERE seq = ?", x.key)
		}
		if err == nil {
			err = tx.index("interaction_search", x)
		}
	}
	return len(all), err
}

// count runs a statement and says how many rows it touched.
func (tx *Tx) count(query string, args ...any) (int, error) {
	r, err := tx.c.exec(query, args...)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}
