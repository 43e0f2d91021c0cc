package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options of a store. The zero value is right for an agent.
type Options struct {
	Log      *slog.Logger                    // nil: discard
	Patience time.Duration                   // how long a caller of Update waits; 0: 2 s
	Now      func() time.Time                // nil: time.Now
	Commit   func(point string, before bool) // nil: none. Called around each commit, on the store's goroutine: crash tests end the process there
	ReadOnly bool                            // open a file that is there, and leave it as it is: for Backup, Export and Check beside an agent of any version
	// Unsearched is a store in memory without search indexes, which take two thirds of what it needs and half
	// of each update's time: for many agents in whose records nobody looks for a text. A search in it fails.
	Unsearched bool
}

// FileName is the name of a profile's store in its state directory.
const FileName = "ringback.db"

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
	over  chan struct{} // closed when the goroutines have ended

	log     *conn         // the checkpointer's; nil in memory
	logged  chan struct{} // wakes the checkpointer
	atLog   atomic.Bool   // the checkpointer is at work, or woken
	commits int           // since it was woken: the writer's
	once    sync.Once

	failed  failures
	readers int // connections in read, lent ones too

	mu        sync.Mutex
	working   bool   // the writer is at something
	late      bool   // a caller has given up waiting for it
	waiting   int    // updates that the writer has not taken yet
	interrupt func() // ends what the writer does in a pause; nil: nothing
}

// Open opens or makes the store at path, brings its schema up to date, and starts
// the goroutines that write. Path "" is a store in memory that ends with Close.
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
		jobs: make(chan *job), quit: make(chan struct{}), over: make(chan struct{}), logged: make(chan struct{}, 1)}
	s.Reader = Reader{do: s.reading}
	if err := s.open(); err != nil {
		return nil, errors.Join(fault("open store", s.path, err), s.closeAll(nil))
	}
	s.start()
	return s, nil
}

// start lets the goroutines run.
func (s *Store) start() {
	var tasks sync.WaitGroup
	tasks.Go(s.writer)
	if s.log != nil {
		tasks.Go(s.checkpointer)
	}
	go func() {
		tasks.Wait()
		close(s.over)
	}()
}

func (s *Store) open() error {
	if s.path == "" {
		c, err := connect(source("", false, s.o.Patience/2))
		if err != nil {
			return err
		}
		s.write <- c
		s.read, s.readers = s.write, 1
		return fill(c, s.o.Unsearched)
	}
	path, err := filepath.Abs(s.path)
	if err != nil {
		return err
	}
	s.path = path
	if s.o.ReadOnly {
		err = s.findFile()
	} else {
		err = s.openWriter()
	}
	for err == nil && s.readers < readers {
		err = s.openReader()
	}
	return err
}

// openWriter opens the connection that writes, and makes the file what it is today.
func (s *Store) openWriter() error {
	if err := ownFile(s.path); err != nil {
		return err
	}
	c, err := connect(source(s.path, false, s.o.Patience/2))
	if err != nil {
		return err
	}
	s.write <- c
	mode, _, err := one(c, value[string], "PRAGMA journal_mode = WAL")
	if err == nil && mode != "wal" {
		err = fmt.Errorf("journal mode %s instead of wal: %w", mode, ErrReadOnly)
	}
	if err != nil {
		return err
	}
	if _, err := c.exec(fmt.Sprintf("PRAGMA wal_autocheckpoint = %d", logPages)); err != nil {
		return err
	}
	if err := migrate(c, s.path); err != nil {
		return err
	}
	s.log, err = connect(source(s.path, false, s.o.Patience/2))
	return err
}

func (s *Store) openReader() error {
	c, err := connect(source(s.path, true, s.o.Patience/2))
	if err != nil {
		return err
	}
	s.read <- c
	s.readers++
	return nil
}

// findFile looks whether the file is a store that this version can read.
func (s *Store) findFile() error {
	if _, err := os.Stat(s.path); err != nil {
		return err
	}
	if err := s.openReader(); err != nil {
		return err
	}
	c := <-s.read
	defer func() { s.read <- c }()
	have, err := version(c)
	switch {
	case err != nil:
		return err
	case have > Schema():
		return &NewerSchemaError{File: s.path, Version: have, Ours: Schema()}
	case have == 0:
		return fmt.Errorf("%w: it has no tables", ErrDamaged)
	}
	return nil
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

// Close waits for the update and the reads that are going on, and closes the file.
// It gives up after the patience of the options when the disk hangs; then the error
// wraps ErrSlow. A second Close does nothing.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.quit)
		s.awaited(1) // and the writer tidies no more
		timer := time.NewTimer(s.o.Patience)
		defer timer.Stop()
		select {
		case <-s.over:
			err = s.closeAll(timer.C)
		case <-timer.C:
			err = ErrSlow
		}
		err = fault("close store", s.path, err)
	})
	return err
}

// closeAll closes the connections, the writing one last: it takes the log into the
// file. It waits for those that are lent until the time is over.
func (s *Store) closeAll(over <-chan time.Time) error {
	var errs []error
	for range s.readers {
		select {
		case c := <-s.read:
			errs = append(errs, c.close())
		case <-over:
			return errors.Join(append(errs, ErrSlow)...)
		}
	}
	if s.log != nil {
		errs = append(errs, s.log.close())
	}
	if len(s.write) > 0 {
		errs = append(errs, (<-s.write).close())
	}
	return errors.Join(errs...)
}

// Path is the file's; empty for a store in memory.
func (s *Store) Path() string { return s.path }

// borrow takes a connection that reads; whoever has it puts it back into s.read.
func (s *Store) borrow() (*conn, error) {
	select {
	case <-s.quit:
		return nil, ErrClosed
	default:
	}
	select {
	case c := <-s.read:
		return c, nil
	case <-s.quit:
		return nil, ErrClosed
	}
}

// reading lends a connection to one read, inside a transaction of its own, so that
// the read sees one state.
func (s *Store) reading(fn func(*conn) error) error {
	c, err := s.borrow()
	if err != nil {
		return err
	}
	defer func() { s.read <- c }()
	return s.failed.note(fault("read", s.path, c.within("BEGIN", fn)))
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
