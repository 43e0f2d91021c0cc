package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

// idBlock is how many ids are set aside in the file at a time, so that a crash
// loses numbers and never gives one out twice.
const idBlock = 64

// idFile is the file's content: the first numbers that were never given out.
type idFile struct {
	Interaction uint64 `json:"interaction"`
	Call        uint64 `json:"call"`
}

// ids gives out the ids of a profile. next is for the loop; the file is written
// by goroutines of its own.
type ids struct {
	path    string // empty: not kept
	next    idFile
	limit   idFile // what the file says
	report  func(error)
	mu      sync.Mutex // one writer at a time, the newest limit last
	written idFile
	tasks   sync.WaitGroup
}

// openIDs reads the counter file of a state directory, and sets a block aside.
// report gets errors of later writes, on any goroutine.
func openIDs(dir string, report func(error)) (*ids, error) {
	s := &ids{next: idFile{1, 1}, report: report}
	if dir == "" {
		return s, nil
	}
	s.path = filepath.Join(dir, "ids.json")
	text, err := readLimited(s.path, 4096)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("open state directory: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("read ids: %w", err)
	default:
		if err := json.Unmarshal(text, &s.next); err != nil || s.next.Interaction == 0 || s.next.Call == 0 {
			return nil, fmt.Errorf("read ids: %s is damaged; write {\"interaction\":N,\"call\":N} with numbers above those in use into it", s.path)
		}
	}
	s.limit = idFile{s.next.Interaction + idBlock, s.next.Call + idBlock}
	return s, s.write(s.limit)
}

func (s *ids) interaction() InteractionID {
	n := s.next.Interaction
	s.next.Interaction++
	s.refill()
	return InteractionID("i" + strconv.FormatUint(n, 10))
}

func (s *ids) call() CallID {
	n := s.next.Call
	s.next.Call++
	s.refill()
	return CallID("c" + strconv.FormatUint(n, 10))
}

// refill sets the next block aside when half of this one is gone.
func (s *ids) refill() {
	if s.path == "" || s.next.Interaction+idBlock/2 < s.limit.Interaction && s.next.Call+idBlock/2 < s.limit.Call {
		return
	}
	s.limit = idFile{s.next.Interaction + idBlock, s.next.Call + idBlock}
	limit := s.limit
	s.tasks.Go(func() {
		if err := s.write(limit); err != nil {
			s.report(err)
		}
	})
}

// close gives back what was set aside and not used.
func (s *ids) close() error {
	s.tasks.Wait()
	if s.path == "" {
		return nil
	}
	s.mu.Lock()
	s.written = idFile{}
	s.mu.Unlock()
	return s.write(s.next)
}

// write replaces the file in one step; an older limit never follows a newer one.
func (s *ids) write(limit idFile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if limit.Interaction < s.written.Interaction || limit.Call < s.written.Call {
		return nil
	}
	text, err := json.Marshal(limit)
	if err != nil {
		return fmt.Errorf("write ids: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), ".ids-*")
	if err != nil {
		return fmt.Errorf("write ids: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write ids: %w", err), os.Remove(f.Name()))
	}
	s.written = limit
	return nil
}
