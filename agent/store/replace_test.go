package store

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplace_LinksAndOtherThings: a link stays and what it leads to is replaced; what is no
// file is refused, and is still there.
func TestReplace_LinksAndOtherThings(t *testing.T) {
	dir := t.TempDir()
	file, link, folder := filepath.Join(dir, "there", "export"), filepath.Join(dir, "link"), filepath.Join(dir, "folder")
	for _, d := range []string{filepath.Dir(file), folder} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	words := func(f *os.File) error { _, err := f.WriteString("new"); return err }
	if err := Replace(link, words); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != file {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if text, _ := os.ReadFile(file); string(text) != "new" {
		t.Errorf("the file holds %q", text)
	}
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, other := range []string{folder, socket} {
		if err := Replace(other, words); err == nil || !strings.Contains(err.Error(), other+" is no regular file") {
			t.Errorf("%s: %v", other, err)
		}
	}
}
