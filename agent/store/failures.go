package store

import (
	"errors"
	"sync/atomic"
)

// kinds are the faults of a file that are counted, with the words they are counted by.
var kinds = [...]struct {
	is   error
	word string
}{{ErrFull, "full"}, {ErrReadOnly, "read_only"}, {ErrSlow, "slow"}, {ErrDamaged, "damaged"}, {ErrDisk, "disk"}}

// failures count what the file did not do, by cause. Any goroutine.
type failures [len(kinds)]atomic.Uint64

// note counts an error of the file's; any other error is its caller's own.
func (f *failures) note(err error) error {
	for i, k := range kinds {
		if err != nil && errors.Is(err, k.is) {
			f[i].Add(1)
			break
		}
	}
	return err
}

// Failures counts the updates and reads since the store was opened that the file did
// not do, by cause: full, read_only, slow, damaged, disk; each is there, with 0 too.
// Any goroutine, also when the store is closed.
func (s *Store) Failures() map[string]uint64 {
	all := make(map[string]uint64, len(kinds))
	for i, k := range kinds {
		all[k.word] = s.failed[i].Load()
	}
	return all
}
