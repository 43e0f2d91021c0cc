package doctor

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"ringback/agent/store"
	"ringback/agent/verdict"
)

// found fails unless the report has a verdict.
func found(t *testing.T, r Report, id verdict.ID) {
	t.Helper()
	for _, c := range r.Checks {
		if c.Verdict == id {
			t.Logf("%s: %s; %s", c.State, c.Text, c.Do)
			return
		}
	}
	t.Errorf("no %s in %+v", id, r.Checks)
}

// A file and a folder that the user may not write to.
func TestVerdict_StoreReadOnly(t *testing.T) {
	for name, mode := range map[string]os.FileMode{"folder": 0o555, "file": 0o755} {
		t.Run(name, func(t *testing.T) {
			o := options(t, nobody(t))
			o.StateDir = filepath.Join(openDir(t), "state")
			if err := os.Mkdir(o.StateDir, 0o755); err != nil {
				t.Fatal(err)
			}
			if name == "file" {
				write(t, filepath.Join(o.StateDir, store.FileName), nil, 0o444)
			}
			if err := os.Chmod(o.StateDir, mode); err != nil {
				t.Fatal(err)
			}
			var r Report
			asNobody(t, func() { r = Run(t.Context(), o) })
			found(t, r, verdict.StoreReadOnly)
		})
	}
}

// openDir is a folder that everybody can come to.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ringback-doctor")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// asNobody runs fn with the file rights of somebody else: those of root know no
// bounds.
func asNobody(t *testing.T, fn func()) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if os.Geteuid() == 0 {
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
				t.Errorf("setfsuid: %v", errno)
			}
		}
		fn()
	}()
	<-ended
}

// A disk without room: a small file system that is full, and where a machine lets
// nobody make one, a file that may not grow.
func TestVerdict_StoreFull(t *testing.T) {
	o := options(t, nobody(t))
	o.StateDir = t.TempDir()
	if err := syscall.Mount("ringback-doctor", o.StateDir, "tmpfs", 0, "size=64k"); err != nil {
		full := &exam{Options: o}
		f := full.storeFault(kind(&os.PathError{Op: "write", Path: o.StateDir, Err: syscall.ENOSPC}), verdict.Case{File: o.StateDir})
		if f.ID != verdict.StoreFull {
			t.Errorf("%+v", f)
		}
		t.Logf("no small disk here (%v), so only the error was tried", err)
		return
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(o.StateDir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	_ = os.WriteFile(filepath.Join(o.StateDir, "fill"), make([]byte, 128<<10), 0o600) // as much as goes in
	found(t, Run(t.Context(), o), verdict.StoreFull)
}
