package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"time"

	"ringback/agent/store"
)

// mendRecordings ends those that a former life of the phone left open: how long they
// are stands in their files.
func (a *Agent) mendRecordings() {
	open, err := a.store.UnendedRecordings()
	if err != nil {
		a.emit(Event{Type: ErrorHappened, Text: a.storeFailed("read the store", err).Message})
		return
	}
	for _, row := range open {
		a.lookups.Go(func() {
			info, err := readRecording(row.File, row.ID)
			row.Duration, row.Reason = lengthOf(info), recordingInterrupted
			row.Ended = row.Started.Add(row.Duration)
			row.Pauses = closePauses(row.Pauses, row.Duration)
			a.loop.Post(a.input(func() { a.recordingMended(row, err) }))
		})
	}
}

// closePauses ends a pause that was going on at the end of its file.
func closePauses(text json.RawMessage, length time.Duration) json.RawMessage {
	var pauses []Span
	if json.Unmarshal(text, &pauses) != nil || len(pauses) == 0 {
		return text
	}
	if last := &pauses[len(pauses)-1]; last.Until == 0 {
		last.Until = Length(max(length, time.Duration(last.From)))
	}
	return mustJSON(pauses)
}

// recordingMended writes how a recording of a former life ended.
func (a *Agent) recordingMended(row store.Recording, err error) {
	e := Event{Type: RecordingStopped, Interaction: InteractionID(row.Interaction), File: row.File, Duration: Length(row.Duration), Reason: row.Reason}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Text = "the file is gone"
	case err != nil:
		e.Text = err.Error()
	}
	if err := a.store.UpdateNamed("recording-mended", func(tx *store.Tx) error { return tx.PutRecording(row) }); err != nil {
		e = Event{Type: ErrorHappened, Text: a.storeFailed("keep the recording "+row.File, err).Message}
	}
	a.emit(e)
}
