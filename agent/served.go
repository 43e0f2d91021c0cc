package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ringback/agent/store"
	"ringback/sip"
)

const (
	servedFile  = "served.json" // in the state directory
	servedAgain = time.Hour     // after which it is written though nothing but its time is new
)

// served keeps on the disk who served the account last: a phone that is started while the
// DNS is dead goes there. The loop's.
type served struct {
	path    string // empty: nothing is kept
	kept    sip.Served
	writing bool
	newer   bool // than what is being written
}

// openServed reads what an earlier life has kept. What cannot be read is no more than not
// known.
func (a *Agent) openServed() {
	if a.deps.StateDir == "" {
		return
	}
	a.served.path = filepath.Join(a.deps.StateDir, servedFile)
	text, err := readLimited(a.served.path, 4096)
	if err == nil {
		err = json.Unmarshal(text, &a.served.kept)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.log.Warn("who served the account last is not known", "err", err)
	}
	a.account.Served = a.served.kept
}

// keepServed writes who serves the account now, beside the loop.
func (a *Agent) keepServed(now sip.Served) {
	s, was := &a.served, a.served.kept
	if s.path == "" || now.Host == was.Host && now.By == was.By && now.Addr == was.Addr && now.At.Sub(was.At).Abs() < servedAgain {
		return
	}
	s.kept = now
	a.writeServed()
}

// writeServed writes beside the loop, one after the other: none overtakes a newer one.
func (a *Agent) writeServed() {
	s := &a.served
	if s.newer = s.writing; s.writing {
		return
	}
	s.writing = true
	kept := s.kept
	a.lookups.Go(func() {
		a.replaceServed(kept)
		a.loop.Post(a.input(a.servedWritten))
	})
}

func (a *Agent) servedWritten() {
	a.served.writing = false
	if a.served.newer {
		a.writeServed()
	}
}

// endServed writes what was to follow a write that was over when the loop had ended.
func (a *Agent) endServed() {
	if a.served.newer {
		a.replaceServed(a.served.kept)
	}
}

// replaceServed may be called beside the loop.
func (a *Agent) replaceServed(kept sip.Served) {
	err := store.Replace(a.served.path, func(f *os.File) error {
		_, err := f.Write(mustJSON(kept))
		return err
	})
	if err != nil {
		a.log.Warn("who serves the account could not be kept", "err", err)
	}
}
