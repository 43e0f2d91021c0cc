package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can go wrong with the file, for errors.Is. The error that is returned
// wraps one of them and names the file and what to do.
var (
	ErrDamaged  = errors.New("the file is damaged")
	ErrReadOnly = errors.New("the file cannot be written")
	ErrFull     = errors.New("the disk is full")
	ErrSlow     = errors.New("the disk does not answer in time")
	ErrDisk     = errors.New("the disk fails")
	ErrClosed   = errors.New("the store is closed")
)

// NewerSchemaError says that a later version of Ringback wrote the file. Nothing
// in it was changed.
type NewerSchemaError struct {
	File          string
	Version, Ours int
}

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("open store: %s has schema %d, this version knows up to %d: update ringback, or move the file away to start anew",
		e.File, e.Version, e.Ours)
}

// remedies say what a person can do about a file.
var remedies = []struct {
	is     error
	remedy string
}{
	{ErrDamaged, "put a backup in its place (ringback store backup makes them), or move it away to start anew"},
	{ErrReadOnly, "give yourself the right to write to it and to its folder"},
	{ErrFull, "free some space and do it again"},
	{ErrSlow, "do it again; if it stays so, look at the disk, and for programs that hold the file"},
	{ErrDisk, "look at the disk, at its quota and at the system's log"},
}

// fault makes an error of a file from what SQLite or the system says.
func fault(what, file string, err error) error {
	if err == nil {
		return nil
	}
	var newer *NewerSchemaError
	if errors.As(err, &newer) || errors.Is(err, ErrClosed) {
		return err
	}
	if file == "" {
		file = "the store in memory"
	}
	kind := kindOf(err)
	for _, r := range remedies {
		if kind != nil && errors.Is(kind, r.is) {
			if errors.Is(err, kind) {
				return fmt.Errorf("%s %s: %w (%s)", what, file, err, r.remedy)
			}
			return fmt.Errorf("%s %s: %w: %w (%s)", what, file, kind, err, r.remedy)
		}
	}
	return fmt.Errorf("%s %s: %w", what, file, err)
}

// kindOf sorts an error into one of the sentinels; nil: it is none of the file's.
func kindOf(err error) error {
	for _, r := range remedies {
		if errors.Is(err, r.is) {
			return r.is
		}
	}
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return ErrReadOnly
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ErrFull
	}
	var s *sqlite.Error
	if !errors.As(err, &s) {
		return nil
	}
	switch s.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return ErrDamaged
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return ErrReadOnly
	case sqlite3.SQLITE_FULL:
		return ErrFull
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrSlow
	case sqlite3.SQLITE_IOERR:
		return ErrDisk
	}
	return nil
}
