package control

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Token is the secret of a listener on TCP, in a file that only this user can read.
type Token struct {
	File string
	text string
}

// NewToken makes a new token, 130 bits from the system's random source, and writes it
// to the profile's token file beside its socket, with mode 0600 in the folder of mode
// 0700. An old one is no longer good.
func NewToken(socket string) (*Token, error) {
	if err := privateDir(filepath.Dir(socket)); err != nil {
		return nil, err
	}
	t := &Token{File: filepath.Join(filepath.Dir(socket), profileOf(socket)+".token"), text: rand.Text()}
	if err := os.Remove(t.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replace token file: %w", err)
	}
	f, err := os.OpenFile(t.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make token file: %w", err)
	}
	_, err = f.WriteString(t.text + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("write token file: %w", err)
	}
	return t, nil
}

// Text is the token itself.
func (t *Token) Text() string { return t.text }

// String hides it.
func (t *Token) String() string { return "***" }

// GoString hides it.
func (t *Token) GoString() string { return "***" }

// Close removes the file.
func (t *Token) Close() error { return os.Remove(t.File) }
