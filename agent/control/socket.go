package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// maxSocketPath is what fits into sun_path on every system (104 on BSD and
// macOS, 108 on Linux), with its closing NUL.
const maxSocketPath = 103

// profileForm keeps profile names to what is one safe file name.
var profileForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// LiveAgentError says that the profile's agent is running already.
type LiveAgentError struct {
	Profile string
	PID     int // 0 when it could not be read
}

// Error names the profile and the remedy.
func (e *LiveAgentError) Error() string {
	who := ""
	if e.PID > 0 {
		who = fmt.Sprintf(" (process %d)", e.PID)
	}
	return fmt.Sprintf("an agent of profile %q is running already%s: stop it, or start this one with another --profile", e.Profile, who)
}

// CheckProfile tells whether name can be a profile's name.
func CheckProfile(name string) error {
	if !profileForm.MatchString(name) {
		return fmt.Errorf("profile %q: a profile's name is 1 to 64 of A-Z a-z 0-9 . _ - and starts with a letter or digit", name)
	}
	return nil
}

// SocketPath is where the agent of a profile is to be reached:
// $XDG_RUNTIME_DIR/ringback/PROFILE.sock, or, where that variable is not set,
// in a folder of this user under the system's temporary one. It creates
// nothing. getenv is os.Getenv.
func SocketPath(profile string, getenv func(string) string) (string, error) {
	if err := CheckProfile(profile); err != nil {
		return "", err
	}
	dir := fallbackDir()
	if runtime := getenv("XDG_RUNTIME_DIR"); runtime != "" {
		if !filepath.IsAbs(runtime) {
			return "", fmt.Errorf("XDG_RUNTIME_DIR %q: it must be an absolute path", runtime)
		}
		dir = filepath.Join(runtime, "ringback")
	}
	path := filepath.Join(dir, profile+".sock")
	if len(path) > maxSocketPath {
		return "", fmt.Errorf("socket path %s: %d bytes, and a unix socket's name has at most %d: set XDG_RUNTIME_DIR to a shorter folder, or take a shorter --profile", path, len(path), maxSocketPath)
	}
	return path, nil
}

func fallbackDir() string {
	return filepath.Join(os.TempDir(), "ringback-"+strconv.Itoa(os.Getuid()))
}

// Listener is a profile's socket, bound and locked.
type Listener struct {
	net.Listener
	path  string
	close func() error // once
}

// Listen binds the socket at path (see SocketPath) with mode 0600 in a folder
// of mode 0700. What a dead agent left there is replaced; a living agent is a
// *LiveAgentError.
func Listen(ctx context.Context, path string) (*Listener, error) {
	profile := profileOf(path)
	if err := privateDir(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of profile %q: %w", profile, err)
	}
	l, err := bind(ctx, path, lock)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return l, nil
}

func bind(ctx context.Context, path string, lock *os.File) (*Listener, error) {
	live := &LiveAgentError{Profile: profileOf(path), PID: readPID(lock)}
	if err := takeLock(lock); errors.Is(err, errLocked) {
		return nil, live
	} else if err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if answers(ctx, path) {
		return nil, live
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("set mode of %s: %w", path, err)
	}
	writePID(lock)
	// The socket goes first. The lock file stays: to remove it would let two
	// agents hold a lock each.
	return &Listener{Listener: l, path: path, close: sync.OnceValue(func() error { return errors.Join(l.Close(), lock.Close()) })}, nil
}

// Path is the socket's path.
func (l *Listener) Path() string { return l.path }

// Close removes the socket and gives the lock back. Serve does it as well.
func (l *Listener) Close() error { return l.close() }

// privateDir makes dir with mode 0700, or checks that the one that is there is
// this user's own: under a shared folder anyone could have made it.
func privateDir(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("make folder of %s: %w: set XDG_RUNTIME_DIR to a folder of your own", dir, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make folder %s: %w: set XDG_RUNTIME_DIR to a folder of your own", dir, err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at folder %s: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("control folder %s is no folder: remove it, or set XDG_RUNTIME_DIR", dir)
	}
	if !ownedByMe(info) {
		return fmt.Errorf("control folder %s belongs to another user: set XDG_RUNTIME_DIR to a folder of your own", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		// #nosec G302 -- a folder
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("set mode of %s: %w", dir, err)
		}
	}
	return nil
}

func answers(ctx context.Context, path string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is in the way and is no socket: move it away", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove stale socket: %w", err)
	}
	return nil
}

func profileOf(path string) string {
	name := filepath.Base(path)
	return name[:len(name)-len(filepath.Ext(name))]
}

func readPID(lock *os.File) int {
	text := make([]byte, 16)
	n, _ := lock.ReadAt(text, 0)
	pid, err := strconv.Atoi(string(trimNewline(text[:n])))
	if err != nil {
		return 0
	}
	return pid
}

func trimNewline(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == 0) {
		b = b[:len(b)-1]
	}
	return b
}

// writePID is for the message of the next one only; the lock is what counts.
func writePID(lock *os.File) {
	if lock.Truncate(0) == nil {
		_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
}
