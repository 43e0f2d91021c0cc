package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ringback/agent/store"
	"ringback/agent/verdict"
)

const (
	leastFree  = 100 << 20       // bytes of a disk below which a word is due
	clockDrift = 5 * time.Minute // that the store's newest entry may be ahead
)

// store looks at the profile's record without changing it.
func (e *exam) store() {
	if e.StateDir == "" {
		e.add(Check{Name: "store", State: NotChecked, Text: "this profile keeps nothing: there is no home folder"})
		return
	}
	path := filepath.Join(e.StateDir, store.FileName)
	c := verdict.Case{File: path, Now: e.Now()}
	if err := writable(path); err != nil {
		e.tell("store", Wrong, e.storeFault(err, c))
		return
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if e.space(path) {
			e.ok("store", "%s is not there yet: the agent makes it", path)
		}
		return
	}
	s, err := store.Open(path, store.Options{Log: e.Log, ReadOnly: true})
	if err != nil {
		e.tell("store", Wrong, e.storeFault(err, c))
		return
	}
	defer s.Close()
	problems, err := s.Check()
	switch {
	case err != nil:
		e.tell("store", Wrong, e.storeFault(err, c))
		return
	case len(problems) > 0:
		e.tell("store", Wrong, verdict.StoreDamaged.Say("file", path, "error", problems[0]))
		return
	}
	e.newest(s, path)
	if e.space(path) {
		e.ok("store", "%s is sound, schema %d", path, store.Schema())
	}
}

func (e *exam) storeFault(err error, c verdict.Case) verdict.Finding {
	if errors.Is(err, fs.ErrPermission) {
		return verdict.StoreReadOnly.Say("file", c.File)
	}
	if f, ok := verdict.OfError(err, c); ok {
		return f
	}
	return verdict.StoreDisk.Say("file", c.File, "error", err.Error())
}

// writable looks whether the file, or the nearest folder that is there, can be written
// to, and leaves nothing behind.
func writable(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		err = f.Close()
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	dir := filepath.Dir(path)
	for _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir); _, err = os.Stat(dir) {
		dir = filepath.Dir(dir)
	}
	probe, err := os.CreateTemp(dir, ".ringback-doctor-*")
	if err != nil {
		return err
	}
	_, err = probe.Write(make([]byte, 4096))
	return errors.Join(kind(err), probe.Close(), os.Remove(probe.Name()))
}

// space looks at the room on the disk; false when there is little.
func (e *exam) space(path string) bool {
	dir := filepath.Dir(path)
	for _, err := os.Stat(dir); err != nil && dir != filepath.Dir(dir); _, err = os.Stat(dir) {
		dir = filepath.Dir(dir)
	}
	free, known := e.Free(dir)
	if !known || free >= leastFree {
		return true
	}
	return e.tell("store", Warning, verdict.StoreLow.Say("file", path, "free", fmt.Sprintf("%.1f MB", float64(free)/1e6)))
}

// newest compares the newest entry with the clock: one of the future says that the
// clock was set back since.
func (e *exam) newest(s *store.Store, path string) {
	last, err := s.History(store.HistoryFilter{Limit: 1})
	if err != nil || len(last) == 0 {
		return
	}
	if at := last[0].Created; at.Sub(e.Now()) > clockDrift {
		e.tell("clock", Wrong, verdict.ClockBack.Say("file", path, "date", at.Local().Format("2006-01-02 15:04"), "now", e.Now().Local().Format("2006-01-02 15:04")))
	}
}
