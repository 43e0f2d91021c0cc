package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options of a store. The zero value is right for an agent.
type Options struct {
	Log      *slog.Logger                    // nil: discard
	Patience time.Duration                   // how long a caller of Update waits; 0: 2 s
	Now      func() time.Time                // nil: time.Now
	Commit   func(point string, before bool) // nil: none. Called around each commit, on the store's goroutine: crash tests end the process there
}

// readers is how many reads of a file go on at once.
const readers = 4

// Store is one profile's record. All methods may be called from any goroutine.
type Store struct {
	Reader

	path string // empty: in memory
	o    Options

	write chan *conn // the one connection that writes, while nobody uses it
	read  chan *conn // those that read; in memory the same one
	jobs  chan *job
	quit  chan struct{}
	over  chan struct{} // closed when the writer has ended
	once  sync.Once

	mu   sync.Mutex
	late int // updates that go on after their callers gave up
}

// Open opens or makes the store at path, brings its schema up to date, and starts
// the goroutine that writes. Path "" is a store in memory that ends with Close.
// The file and those beside it (-wal, -shm) have mode 0600, a folder that is made
// has 0700. Errors wrap ErrDamaged, ErrReadOnly, ErrFull, ErrSlow or ErrDisk, or
// are a *NewerSchemaError.
func Open(path string, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Patience <= 0 {
		o.Patience = 2 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{path: path, o: o, write: make(chan *conn, 1), read: make(chan *conn, readers),
		jobs: make(chan *job), quit: make(chan struct{}), over: make(chan struct{})}
	s.Reader = Reader{do: s.reading}
	if err := s.open(); err != nil {
		return nil, errors.Join(fault("open store", path, err), s.closeAll())
	}
	go s.writer()
	return s, nil
}

func (s *Store) open() error {
	if s.path != "" {
		path, err := filepath.Abs(s.path)
		if err != nil {
			return err
		}
		if s.path = path; true {
			err = ownFile(path)
		}
		if err != nil {
			return err
		}
	}
	c, err := connect(source(s.path, false, s.o.Patience/2))
	if err != nil {
		return err
	}
	s.write <- c
	if s.path == "" {
		s.read = s.write
		return fill(c)
	}
	if mode, _, err := one(c, value[string], "PRAGMA journal_mode = WAL"); err != nil || mode != "wal" {
		return errors.Join(err, modeError(mode, err))
	}
	if err := migrate(c, s.path); err != nil {
		return err
	}
	for range readers {
		c, err := connect(source(s.path, true, s.o.Patience/2))
		if err != nil {
			return err
		}
		s.read <- c
	}
	return nil
}

func modeError(mode string, err error) error {
	if err != nil {
		return nil
	}
	return fmt.Errorf("journal mode %s instead of wal: %w", mode, ErrReadOnly)
}

// ownFile makes the file if it is not there, and keeps it from others. SQLite
// gives the files beside it the same mode.
func ownFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: %s is no file", fs.ErrPermission, path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return f.Chmod(0o600)
	}
	return nil
}

// Close waits for the update that is going on, and closes the file. It gives up
// after the patience of the options when the disk hangs; then the error wraps
// ErrSlow. A second Close does nothing.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.quit)
		timer := time.NewTimer(s.o.Patience)
		defer timer.Stop()
		select {
		case <-s.over:
			err = fault("close store", s.path, s.closeAll())
		case <-timer.C:
			err = fault("close store", s.path, ErrSlow)
		}
	})
	return err
}

// closeAll closes the connections that nobody uses, the writing one last: it
// takes the log into the file.
func (s *Store) closeAll() error {
	var errs []error
	for _, pool := range []chan *conn{s.read, s.write} {
		for len(pool) > 0 {
			errs = append(errs, (<-pool).close())
		}
	}
	return errors.Join(errs...)
}

// Path is the file's; empty for a store in memory.
func (s *Store) Path() string { return s.path }

// reading lends a connection to one read, inside a transaction of its own, so that
// the read sees one state.
func (s *Store) reading(fn func(*conn) error) error {
	select {
	case <-s.quit:
		return ErrClosed
	default:
	}
	var c *conn
	select {
	case c = <-s.read:
	case <-s.quit:
		return ErrClosed
	}
	defer func() { s.read <- c }()
	return fault("read", s.path, c.within("BEGIN", fn))
}

// within runs fn in a transaction that ends in any case.
func (c *conn) within(begin string, fn func(*conn) error) error {
	if _, err := c.exec(begin); err != nil {
		return err
	}
	err := fn(c)
	if err == nil {
		_, err = c.exec("COMMIT")
	}
	if err != nil {
		_, _ = c.exec("ROLLBACK") // SQLite has done so itself after some errors
	}
	return err
}

// Reader has the reads. A Store's see what was committed; a Tx's see what it has
// written too.
type Reader struct {
	do func(func(*conn) error) error
}
