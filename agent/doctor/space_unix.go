//go:build unix

package doctor

import (
	"errors"
	"fmt"
	"syscall"

	"ringback/agent/store"
)

// freeSpace is the room in bytes that a user has on the disk of a folder.
func freeSpace(dir string) (uint64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true
}

// kind gives a full disk the store's own word.
func kind(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}
