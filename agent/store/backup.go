package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup writes a copy of the whole store to path, mode 0600, as it is at one
// moment; the agent may go on writing. A file that is there is left alone
// (fs.ErrExist), or replaced in one step when the copy is whole.
func (s *Store) Backup(path string, replace bool) error {
	if _, err := os.Stat(path); err == nil && !replace {
		return fmt.Errorf("back up %s: %w: %s (name another file)", s.path, fs.ErrExist, path)
	}
	// Mode 0600 from its first byte on; SQLite writes into an empty file.
	if err := Replace(path, func(f *os.File) error { return s.copyTo(f.Name()) }); err != nil {
		return fault("back up to", path, err)
	}
	return nil
}

// Replace writes a file, mode 0600, in one step: at path there is all of it, on the disk, or
// what was there before. write is given the new one, which lies beside it until then. A link
// stays, and the file that it leads to is replaced; what is there and is no file, such as
// /dev/stdout, is refused.
func Replace(path string, write func(f *os.File) error) error {
	path, err := target(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ringback-*")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// target is the file that a path leads to, or is to.
func target(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(real); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, fmt.Errorf("%s is no regular file: name one, or a new one", path))
	}
	return real, nil
}

// copyTo has a connection of its own: those that read may not even write elsewhere.
func (s *Store) copyTo(path string) (err error) {
	var c *conn
	if s.path == "" {
		if c, err = s.borrow(); err != nil {
			return err
		}
		defer func() { s.read <- c }()
	} else {
		if c, err = connect(source(s.path, false, s.o.Patience/2)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.close()) }()
	}
	_, err = c.c.ExecContext(context.Background(), "VACUUM INTO ?", path)
	return err
}

// Check looks the whole file over and says what is wrong with it; nothing, when
// all is well. It takes seconds for a big one; the agent may go on writing.
func (s *Store) Check() (problems []string, err error) {
	err = s.reading(func(c *conn) error {
		found, err := list(c, value[string], "PRAGMA integrity_check")
		if err != nil {
			return err
		}
		for _, p := range found {
			if p != "ok" {
				problems = append(problems, p)
			}
		}
		lost, err := list(c, value[string], `SELECT "table" || ' row ' || coalesce(rowid, '?') || ' belongs to a ' || parent || ' that is not there' FROM pragma_foreign_key_check`)
		problems = append(problems, lost...)
		if err != nil {
			return err
		}
		if c.unsearched {
			return nil
		}
		for _, t := range searched {
			unfound, _, err := one(c, value[int], "SELECT (SELECT count(*) FROM "+t+") - (SELECT count(*) FROM "+t+"_search_docsize)")
			if err != nil {
				return err
			}
			if unfound != 0 {
				problems = append(problems, fmt.Sprintf("the search index of %s is off by %d rows", t, unfound))
			}
		}
		return nil
	})
	if errors.Is(err, ErrDamaged) { // as much as can be read
		return append(problems, err.Error()), nil
	}
	return problems, err
}
