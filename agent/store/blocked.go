package store

import "time"

// Blocked is an entry of the do-not-call list.
type Blocked struct {
	E164   string
	Reason string
	Added  time.Time // zero: now
}

func scanBlocked(r row) (b Blocked, err error) {
	return b, r.Scan(&b.E164, &b.Reason, instant{&b.Added})
}

// Block puts a number on the do-not-call list, or changes its reason.
func (tx *Tx) Block(b Blocked) error {
	if b.Added.IsZero() {
		b.Added = tx.now()
	}
	return tx.exec("INSERT INTO blocked (e164, reason, added) VALUES (?, ?, ?) ON CONFLICT (e164) DO UPDATE SET reason = excluded.reason",
		b.E164, b.Reason, stamp(b.Added))
}

// Unblock takes a number off the do-not-call list.
func (tx *Tx) Unblock(e164 string) error { return tx.exec("DELETE FROM blocked WHERE e164 = ?", e164) }

// IsBlocked looks a number up in the do-not-call list.
func (r Reader) IsBlocked(e164 string) (b Blocked, blocked bool, err error) {
	err = r.do(func(c *conn) (err error) {
		b, blocked, err = one(c, scanBlocked, "SELECT e164, reason, added FROM blocked WHERE e164 = ?", e164)
		return err
	})
	return b, blocked, err
}

// BlockedList is the do-not-call list, the newest entry first.
func (r Reader) BlockedList() (all []Blocked, err error) {
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, scanBlocked, "SELECT e164, reason, added FROM blocked ORDER BY added DESC, e164")
		return err
	})
	return all, err
}
