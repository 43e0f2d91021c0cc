package agent

import (
	"errors"
	"io/fs"
	"os"

	"ringback/agent/store"
)

// forgetRecordings removes the files of recordings that ended longer ago than the
// configuration says, and then their rows. stuck are rows whose files could not be
// removed in this round; they are tried again in the next.
func (a *Agent) forgetRecordings(stuck map[string]bool) {
	keep := a.cfg.Store.KeepRecordings
	if keep == 0 {
		keep = a.cfg.Store.KeepHistory
	}
	if keep == 0 {
		return
	}
	before := a.ago(keep)
	a.lookups.Go(func() {
		old, err := a.store.OldRecordings(before, forgetStep+len(stuck))
		done := removal{stuck: stuck, err: err, more: len(old) >= forgetStep+len(stuck)}
		for _, row := range old {
			if !stuck[row.ID] {
				done.remove(row)
			}
		}
		a.loop.Post(a.input(func() { a.recordingsRemoved(done) }))
	})
}

// removal is what became of old recordings.
type removal struct {
	gone     []string // ids of rows that have no file of ours any more
	stuck    map[string]bool
	problems []string // in words
	err      error    // of the store
	more     bool
}

// remove removes the file of a recording, and nothing that is not one. It waits for
// the disk.
func (r *removal) remove(row store.Recording) {
	_, err := readRecording(row.File, row.ID)
	if err == nil {
		err = os.Remove(row.File)
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		r.gone = append(r.gone, row.ID)
	case errors.Is(err, errNotOurs):
		r.gone = append(r.gone, row.ID)
		r.problems = append(r.problems, "forget an old recording: "+err.Error())
	default:
		r.stuck[row.ID] = true
		r.problems = append(r.problems, "forget an old recording: "+err.Error()+" (it is tried again every hour)")
	}
}

// recordingsRemoved drops the rows of the files that are gone, and goes on.
func (a *Agent) recordingsRemoved(r removal) {
	if len(r.gone) > 0 {
		r.err = a.store.UpdateNamed("recordings-forgotten", func(tx *store.Tx) error {
			var errs []error
			for _, id := range r.gone {
				errs = append(errs, tx.DropRecording(id))
			}
			return errors.Join(errs...)
		})
	}
	for _, text := range r.problems {
		a.emit(Event{Type: ErrorHappened, Text: text})
	}
	if r.err != nil {
		a.emit(Event{Type: ErrorHappened, Text: a.storeFailed("forget old recordings", r.err).Message})
	}
	next, stuck := forgetEvery, map[string]bool{}
	if r.more && r.err == nil {
		next, stuck = forgetPause, r.stuck
	}
	a.loop.After(next, a.input(func() { a.forgetRecordings(stuck) }))
}
