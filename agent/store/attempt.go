package store

import "time"

// Attempt is one dial of a contact.
type Attempt struct {
	Interaction  string
	N            int // from 1 in each interaction
	Callback     string
	Call         string
	Number, E164 string
	Started      time.Time
	Answered     time.Time
	Ended        time.Time
	Code         int // the SIP response's; 0: none
	Cause        string
	Result       string
}

const attemptColumns = "interaction, n, callback, call, number, e164, started, answered, ended, code, cause, result"

func scanAttempt(r row) (a Attempt, err error) {
	err = r.Scan(&a.Interaction, &a.N, &a.Callback, &a.Call, &a.Number, &a.E164,
		instant{&a.Started}, instant{&a.Answered}, instant{&a.Ended}, &a.Code, &a.Cause, &a.Result)
	return a, err
}

// PutAttempt writes an attempt as it is now.
func (tx *Tx) PutAttempt(a Attempt) error {
	return tx.exec("INSERT OR REPLACE INTO attempt ("+attemptColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		a.Interaction, a.N, a.Callback, a.Call, a.Number, a.E164,
		stamp(a.Started), stamp(a.Answered), stamp(a.Ended), a.Code, a.Cause, a.Result)
}

// Attempts lists an interaction's, the first one first.
func (r Reader) Attempts(interaction string) (all []Attempt, err error) {
	return r.attempts("interaction = ? ORDER BY n", interaction)
}

// CallbackAttempts lists a callback's over all its interactions, the first one
// first.
func (r Reader) CallbackAttempts(callback string) (all []Attempt, err error) {
	return r.attempts("callback = ? AND callback <> '' ORDER BY started, n", callback)
}

func (r Reader) attempts(where, key string) (all []Attempt, err error) {
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, scanAttempt, "SELECT "+attemptColumns+" FROM attempt WHERE "+where, key)
		return err
	})
	return all, err
}
