//go:build !unix

package control

import (
	"errors"
	"io/fs"
	"os"
)

var errLocked = errors.New("locked by another process")

// takeLock does nothing here: a socket that answers is what tells a living
// agent on systems without flock.
func takeLock(*os.File) error { return nil }

// ownedByMe is true here: the temporary folder is the user's own on Windows.
func ownedByMe(fs.FileInfo) bool { return true }
