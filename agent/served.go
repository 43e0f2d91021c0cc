package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"ringback/agent/store"
	"ringback/sip"
)

const (
	servedFile  = "served.json" // in the state directory
	servedAgain = time.Hour     // after which it is written though nothing but its time is new
)

// served keeps on the disk who served the account last: a phone that is started while the
// DNS is dead goes there. path and kept are the loop's.
type served struct {
	path   string // empty: nothing is kept
	kept   sip.Served
	newest atomic.Pointer[sip.Served] // kept, for who writes
	write  sync.Mutex                 // held to write
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
	s.newest.Store(&now)
	a.lookups.Go(a.writeServed)
}

// writeServed writes the newest, beside the loop. One waits for the other, so that none
// overtakes a newer one.
func (a *Agent) writeServed() {
	s := &a.served
	s.write.Lock()
	defer s.write.Unlock()
	newest := s.newest.Swap(nil)
	if newest == nil {
		return // the one before has written it
	}
	err := store.Replace(s.path, func(f *os.File) error {
		_, err := f.Write(mustJSON(newest))
		return err
	})
	if err != nil {
		a.log.Warn("who serves the account could not be kept", "err", err)
	}
}
