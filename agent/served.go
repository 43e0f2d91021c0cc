package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ringback/sip"
)

const (
	servedFile  = "served.json" // in the state directory
	servedAgain = time.Hour     // after which it is written though nothing but its time is new
)

// served keeps on the disk who served the account last: a phone that is started while the
// DNS is dead goes there. The loop's.
type served struct {
	path string // empty: nothing is kept
	kept sip.Served
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
	path, text := s.path, mustJSON(now)
	a.lookups.Go(func() {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			a.log.Warn("who serves the account could not be kept", "err", err)
		}
	})
}
