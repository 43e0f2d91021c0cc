package store

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user who owns no file.
const nobody = 65534

// asNobody runs fn with the file rights of somebody else: those of root know no
// bounds. For others than root it changes nothing: they have bounds.
func asNobody(t *testing.T, fn func()) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if os.Geteuid() == 0 {
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); errno != 0 {
				t.Errorf("setfsuid: %v", errno)
			}
		}
		fn()
	}()
	<-ended
}

func TestReadOnly_ByRights(t *testing.T) {
	base, err := os.MkdirTemp("", "ringback-store")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	path := filepath.Join(base, "state", FileName)
	s := openStore(t, path, Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rights := func(folder, file os.FileMode) {
		for name, mode := range map[string]os.FileMode{base: 0o755, filepath.Dir(path): folder, path: file} {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, modes := range map[string][2]os.FileMode{"file": {0o777, 0o444}, "folder": {0o555, 0o666}} {
		t.Run(name, func(t *testing.T) {
			rights(modes[0], modes[1])
			asNobody(t, func() {
				s, err := Open(path, Options{})
				if err == nil {
					err = s.Close()
				}
				says(t, err, ErrReadOnly, path)
			})
		})
	}
	t.Run("no folder", func(t *testing.T) {
		rights(0o555, 0o600)
		asNobody(t, func() {
			path := filepath.Join(base, "state", "new", FileName)
			_, err := Open(path, Options{})
			says(t, err, ErrReadOnly, path)
		})
	})
	rights(0o700, 0o600)
}

// smallDisk mounts a file system of some size; false where the machine does not let
// us.
func smallDisk(t *testing.T, options string) (dir string, mounted bool) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("ringback-store", dir, "tmpfs", 0, options); err != nil {
		t.Logf("no small disk here, so only the bound of pages was tried: %v", err)
		return dir, false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir, true
}

func TestFull_RealDisk(t *testing.T) {
	dir, mounted := smallDisk(t, "size=2m")
	if !mounted {
		return
	}
	path := filepath.Join(dir, FileName)
	s := openStore(t, path, Options{})
	acknowledged := fillUp(t, s, ErrFull)
	says(t, s.Backup(filepath.Join(dir, "backup.db"), false), ErrFull, dir)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	holds(t, s, acknowledged)
	update(t, s, func(tx *Tx) error { return tx.PutInteraction(Interaction{ID: "after"}) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	holds(t, reopenWithout(t, path, "after"), acknowledged)
}

// reopenWithout opens a store and closes an interaction that is not to be counted.
func reopenWithout(t *testing.T, path, id string) *Store {
	s := openStore(t, path, Options{})
	update(t, s, func(tx *Tx) error { return tx.exec("UPDATE interaction SET closed = 1 WHERE id = ?", id) })
	return s
}

// The full disk is there already when the store is opened, or is made.
func TestFull_AtOpen(t *testing.T) {
	dir, mounted := smallDisk(t, "size=64k")
	if !mounted {
		return
	}
	path := filepath.Join(dir, FileName)
	_, err := Open(path, Options{})
	says(t, err, ErrFull, path)
}

func TestReadOnly_Remounted(t *testing.T) {
	dir, mounted := smallDisk(t, "size=8m")
	if !mounted {
		return
	}
	path := filepath.Join(dir, FileName)
	s := openStore(t, path, Options{})
	update(t, s, func(tx *Tx) error { return tx.Block(Blocked{E164: "+1"}) })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, Options{})
	says(t, err, ErrReadOnly, path)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	if _, blocked, err := openStore(t, path, Options{}).IsBlocked("+1"); !blocked || err != nil {
		t.Errorf("afterwards: %v %v", blocked, err)
	}
}

// TestQuota runs itself in a process whose files may not grow beyond a size, as a
// quota does it.
func TestQuota(t *testing.T) {
	const child = "RINGBACK_STORE_QUOTA"
	if path := os.Getenv(child); path != "" {
		signal.Ignore(syscall.SIGXFSZ)
		s := openStore(t, path, Options{})
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
			t.Fatal(err)
		}
		acknowledged := fillUp(t, s, ErrDisk)
		holds(t, s, acknowledged)
		return
	}
	path := filepath.Join(t.TempDir(), FileName)
	cmd := exec.Command(os.Args[0], "-test.run=^TestQuota$", "-test.v")
	cmd.Env = append(os.Environ(), child+"="+path)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || err != nil || !strings.Contains(string(out), "--- PASS: TestQuota") {
		t.Errorf("%v\n%s", err, out)
	}
}
