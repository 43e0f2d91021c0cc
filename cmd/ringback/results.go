package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/urfave/cli/v2"
)

// results is stdout. It keeps the first error of a write, so that a result that
// nobody got does not end with code 0, and tells it to broken, so that a stream
// ends that nobody takes. Any goroutine may write.
type results struct {
	*os.File
	broken func()
	mu     sync.Mutex
	err    error
}

func (r *results) Write(p []byte) (int, error) {
	n, err := r.File.Write(p)
	if err != nil {
		r.keep(err)
	}
	return n, err
}

// WriteString is here because that of os.File would go past Write.
func (r *results) WriteString(s string) (int, error) { return r.Write([]byte(s)) }

func (r *results) keep(err error) {
	r.mu.Lock()
	first := r.err == nil
	if first {
		r.err = err
	}
	r.mu.Unlock()
	if first && r.broken != nil {
		r.broken()
	}
}

// failed is the first error of a write, nil if there was none.
func (r *results) failed() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// canBeWritten refuses flags that name a report's file, where none can be: better before
// the test than after it. What is there already is left as it is until then.
func canBeWritten(c *cli.Context, flags ...string) error {
	for _, flag := range flags {
		path := c.String(flag)
		if path == "" {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return usageError("flag --%s: %s is a folder", flag, path)
		}
		if info, err := os.Stat(filepath.Dir(path)); err != nil {
			return usageError("flag --%s: %v", flag, err)
		} else if !info.IsDir() {
			return usageError("flag --%s: %s is no folder", flag, filepath.Dir(path))
		}
	}
	return nil
}

// exitPipe is how a shell shows a program whose reader went away.
const exitPipe = exitCode(128 + int(syscall.SIGPIPE))

// delivered is the exit code once it is known whether the results went out: code, where
// they did. err is what has been told already.
func (sh *shell) delivered(code exitCode, err error) exitCode {
	out, ok := sh.out.(*results)
	if !ok {
		return code
	}
	lost := out.failed()
	switch {
	case lost == nil:
		return code
	case errors.Is(lost, syscall.EPIPE):
		return exitPipe
	case err == nil || !errors.Is(err, lost):
		sh.progress("ringback: %v\nthe result is not complete: write it to where there is room, and do it again", lost)
	}
	if code == exitDone {
		return exitFailed
	}
	return code
}
