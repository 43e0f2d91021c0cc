package control

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func socketIn(t *testing.T) string {
	return filepath.Join(t.TempDir(), "ringback", "desk.sock")
}

func TestSocketIsOnlyForItsUser(t *testing.T) {
	path := socketIn(t)
	l, err := Listen(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700, path + ".lock": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
}

func TestFolderOfOthersIsTightened(t *testing.T) {
	path := socketIn(t)
	if err := os.Mkdir(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("folder has mode %o, want 700", got)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := socketIn(t)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	// A process that was killed leaves its socket behind.
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err := Listen(context.Background(), path)
	if err != nil {
		t.Fatalf("a stale socket was not replaced: %v", err)
	}
	l.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestLiveAgentIsNotReplaced(t *testing.T) {
	path := socketIn(t)
	first, err := Listen(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Listen(context.Background(), path)
	var live *LiveAgentError
	if !errors.As(err, &live) {
		t.Fatalf("second agent: %v, want LiveAgentError", err)
	}
	if live.PID != os.Getpid() || live.Profile != "desk" {
		t.Errorf("it names process %d of %q, want %d of desk", live.PID, live.Profile, os.Getpid())
	}
	first.Close()
	second, err := Listen(context.Background(), path)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	second.Close()
}

func TestSocketThatAnswersIsNotReplaced(t *testing.T) {
	path := socketIn(t)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var live *LiveAgentError
	if _, err := Listen(context.Background(), path); !errors.As(err, &live) {
		t.Errorf("a socket that answers without a lock: %v, want LiveAgentError", err)
	}
}

func TestFileInTheWayIsKept(t *testing.T) {
	path := socketIn(t)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(context.Background(), path); err == nil || !strings.Contains(err.Error(), "in the way") {
		t.Errorf("a file in the way: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "mine" {
		t.Error("the file was changed")
	}
}

func TestSocketPath(t *testing.T) {
	env := func(dir string) func(string) string {
		return func(name string) string {
			if name == "XDG_RUNTIME_DIR" {
				return dir
			}
			return ""
		}
	}
	for _, row := range []struct{ name, profile, dir, want, err string }{
		{"runtime folder", "default", "/run/user/7", "/run/user/7/ringback/default.sock", ""},
		{"no runtime folder", "a.b-c_1", "", filepath.Join(fallbackDir(), "a.b-c_1.sock"), ""},
		{"relative folder", "default", "run", "", "absolute"},
		{"path as profile", "../etc", "/run", "", "profile"},
		{"empty profile", "", "/run", "", "profile"},
		{"long path", "default", "/" + strings.Repeat("x", 120), "", "at most 103"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := SocketPath(row.profile, env(row.dir))
			if got != row.want || (err != nil) != (row.err != "") || err != nil && !strings.Contains(err.Error(), row.err) {
				t.Errorf("SocketPath = %q, %v; want %q, %q", got, err, row.want, row.err)
			}
		})
	}
}
