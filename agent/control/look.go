package control

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrForeign says that the socket's folder is not this user's own.
var ErrForeign = errors.New("control folder belongs to another user or is no folder")

// Place is what Look found at a socket's path.
type Place struct {
	Folder string
	Locked bool // a living process holds the profile
	PID    int  // of it; 0: not known
}

// Look says who holds a profile's socket, and changes nothing there. The error is
// ErrForeign, or the system's.
func Look(path string) (Place, error) {
	p := Place{Folder: filepath.Dir(path)}
	info, err := os.Lstat(p.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	if !info.IsDir() || !ownedByMe(info) {
		return p, ErrForeign
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	defer lock.Close() // which gives the lock back
	if errors.Is(takeLock(lock), errLocked) {
		p.Locked, p.PID = true, readPID(lock)
	}
	return p, nil
}
