package store

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// Tx is one transaction. Use it inside of the function that got it only.
type Tx struct {
	Reader
	c   *conn
	now func() time.Time
}

// A job goes from running to committing by the writer, or to abandoned by the
// caller, whoever is first.
const (
	running = iota
	committing
	abandoned
)

// job is one update on its way to the writer.
type job struct {
	point string
	fn    func(*Tx) error
	state atomic.Int32
	done  chan error
}

// Update runs fn in one transaction. When it returns nil all that fn wrote is
// committed and on the disk; otherwise nothing is changed, and the error is fn's
// own or one of the file's. fn runs on the store's goroutine while the caller
// waits: it uses the Tx, not the Store.
//
// After the patience of the options the error wraps ErrSlow. fn may still be
// running then, so it must only touch what it owns; what it wrote is rolled back,
// except when its commit had begun already: then it may be there or not, which
// does not matter to a caller who does it again, since all writes are upserts.
// While it goes on every further Update gives ErrSlow at once.
func (s *Store) Update(fn func(*Tx) error) error { return s.UpdateNamed("", fn) }

// UpdateNamed is Update with a name for the commit, which Options.Commit is told.
func (s *Store) UpdateNamed(point string, fn func(*Tx) error) error {
	return s.failed.note(s.update(point, fn))
}

func (s *Store) update(point string, fn func(*Tx) error) error {
	if s.isLate() {
		return fault("write", s.path, ErrSlow)
	}
	if s.o.ReadOnly {
		return fault("write", s.path, fmt.Errorf("%w: it was opened to be read", ErrReadOnly))
	}
	j := &job{point: point, fn: fn, done: make(chan error, 1)}
	timer := time.NewTimer(s.o.Patience)
	defer timer.Stop()
	if err := s.hand(j, timer.C); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-timer.C:
		return s.giveUp(j)
	}
}

// hand gives a job to the writer, who has until then.
func (s *Store) hand(j *job, then <-chan time.Time) error {
	s.awaited(1)
	defer s.awaited(-1)
	select {
	case s.jobs <- j:
		return nil
	case <-s.quit:
		return ErrClosed
	case <-then:
		s.mu.Lock()
		s.late = s.working
		s.mu.Unlock()
		return fault("write", s.path, ErrSlow)
	}
}

func (s *Store) isLate() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.late
}

// giveUp leaves a job to the writer, unless it has just ended.
func (s *Store) giveUp(j *job) error {
	j.state.CompareAndSwap(running, abandoned)
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case err := <-j.done:
		return err
	default:
	}
	s.late = true
	s.o.Log.Warn("store: an update is late", "file", s.path, "point", j.point, "patience", s.o.Patience)
	return fault("write", s.path, ErrSlow)
}

// writer does one update after the other until Close. When none has come for a
// while it tidies up.
func (s *Store) writer() {
	var idle <-chan time.Time // nil: all is tidy
	for {
		select {
		case <-s.quit:
			return
		case j := <-s.jobs:
			s.begin()
			err := s.perform(j)
			s.end(func() { j.done <- err })
			if s.path != "" {
				idle = time.After(tidyPause)
			}
		case <-idle:
			idle = nil
			s.begin()
			more := s.tidy()
			s.end(func() {})
			if more {
				idle = time.After(tidyPause)
			}
		}
	}
}

func (s *Store) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working = true
}

// end tells who waits for it; nobody does when it was late.
func (s *Store) end(tell func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late {
		s.o.Log.Warn("store: what was late has ended", "file", s.path)
	}
	s.working, s.late = false, false
	tell()
}

// perform runs one update. An error of fn itself comes back as it is.
func (s *Store) perform(j *job) error {
	c := <-s.write
	defer func() { s.write <- c }()
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return fault("write", s.path, err)
	}
	err := s.call(j, c)
	if err == nil && !j.state.CompareAndSwap(running, committing) {
		err = fault("write", s.path, ErrSlow)
	}
	if err == nil {
		if err = s.commit(j.point, c); err == nil {
			return nil
		}
	}
	_, _ = c.exec("ROLLBACK") // SQLite has done so itself after some errors
	return err
}

func (s *Store) commit(point string, c *conn) error {
	if s.o.Commit != nil {
		s.o.Commit(point, true)
	}
	if _, err := c.exec("COMMIT"); err != nil {
		return fault("write", s.path, err)
	}
	s.committed(1)
	if s.o.Commit != nil {
		s.o.Commit(point, false)
	}
	return nil
}

// call runs fn. A panic in it is its own failure, not the store's end.
func (s *Store) call(j *job, c *conn) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.o.Log.Error("store: an update panicked", "point", j.point, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("write %s: panic: %v", s.path, p)
		}
	}()
	tx := &Tx{c: c, now: s.o.Now}
	tx.Reader = Reader{do: func(fn func(*conn) error) error { return fault("read", s.path, fn(c)) }}
	if err := j.fn(tx); err != nil {
		return wrapOwn(s.path, err)
	}
	return nil
}

// wrapOwn adds file and remedy to errors of SQLite, and leaves the caller's own.
func wrapOwn(path string, err error) error {
	if kindOf(err) != nil {
		return fault("write", path, err)
	}
	return err
}

// exec runs a statement whose result does not matter.
func (tx *Tx) exec(query string, args ...any) error {
	_, err := tx.c.exec(query, args...)
	return err
}
