package store

import (
	"encoding/json"
	"time"
)

// Recording is a file that holds what was said in a call. The row says that the file
// is ours; the file says so too, by the id in it.
type Recording struct {
	ID          string
	File        string // its whole path
	Interaction string
	Call        string
	Started     time.Time // zero: now
	Ended       time.Time // zero: it is written, or the phone ended while it was
	Duration    time.Duration
	Pauses      json.RawMessage // the agent's own form
	Reason      string          // why it ended
}

const recordingColumns = "id, file, interaction, call, started, ended, duration, pauses, reason"

func scanRecording(r row) (p Recording, err error) {
	var ms int64
	err = r.Scan(&p.ID, &p.File, &p.Interaction, &p.Call, instant{&p.Started}, instant{&p.Ended}, &ms, raw(&p.Pauses), &p.Reason)
	p.Duration = time.Duration(ms) * time.Millisecond
	return p, err
}

// PutRecording writes a recording as it is now.
func (tx *Tx) PutRecording(p Recording) error {
	if p.Started.IsZero() {
		p.Started = tx.now()
	}
	return tx.exec("INSERT OR REPLACE INTO recording ("+recordingColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		p.ID, p.File, p.Interaction, p.Call, stamp(p.Started), stamp(p.Ended), p.Duration.Milliseconds(), text(p.Pauses), p.Reason)
}

// DropRecording removes the row of a recording; its file is the caller's business,
// who has removed it before.
func (tx *Tx) DropRecording(id string) error {
	return tx.exec("DELETE FROM recording WHERE id = ?", id)
}

// Recordings lists an interaction's, the first one first.
func (r Reader) Recordings(interaction string) ([]Recording, error) {
	return r.recordings("interaction = ? ORDER BY started, id", interaction)
}

// UnendedRecordings lists those that nobody has ended.
func (r Reader) UnendedRecordings() ([]Recording, error) {
	return r.recordings("ended IS NULL ORDER BY started, id")
}

// OldRecordings lists those that ended before a time, the oldest first, at most limit.
func (r Reader) OldRecordings(before time.Time, limit int) ([]Recording, error) {
	return r.recordings("ended < ? ORDER BY ended, id LIMIT ?", stamp(before), limit)
}

func (r Reader) recordings(where string, args ...any) (all []Recording, err error) {
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, scanRecording, "SELECT "+recordingColumns+" FROM recording WHERE "+where, args...)
		return err
	})
	return all, err
}
