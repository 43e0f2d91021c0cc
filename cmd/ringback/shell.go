package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent/control"
)

// version is set by the linker in a release; without it the module's own
// version is shown.
var version = "devel"

// shell is what a command sees of the outside world.
type shell struct {
	in     io.Reader
	out    io.Writer // results
	err    io.Writer // progress and logs
	getenv func(string) string
	tty    bool   // a person reads stderr
	self   string // how a person starts this program again
	// restore gives the terminal back where the process is about to exit; empty: nothing has it
	restore *atomic.Pointer[func()]
}

// process is the shell of this process; broken is called when stdout takes no more.
func process(broken func()) *shell {
	info, err := os.Stderr.Stat()
	return &shell{
		in: os.Stdin, out: &results{File: os.Stdout, broken: broken}, err: os.Stderr, getenv: os.Getenv,
		tty:  err == nil && info.Mode()&os.ModeCharDevice != 0,
		self: startedAs(os.Args[0]), restore: &atomic.Pointer[func()]{},
	}
}

// exit ends the process, with the terminal as it was before: given back within a second,
// since one that takes nothing must not keep a process that is told to end.
func (sh *shell) exit(code int) {
	if restore := sh.restore.Load(); restore != nil {
		restored := make(chan struct{})
		go func() {
			defer close(restored)
			(*restore)()
		}()
		select {
		case <-restored:
		case <-time.After(time.Second):
		}
	}
	os.Exit(code)
}

// startedAs is what a person types to start this program again, from how it was
// started: by its name, by a path, or by go run, which builds into a folder that is
// gone soon.
func startedAs(arg0 string) string {
	if strings.Contains(filepath.ToSlash(arg0), "/go-build") {
		return "go run ./cmd/ringback"
	}
	return arg0
}

// untilSignal is a context that ends at the first SIGINT or SIGTERM, or SIGHUP where a
// terminal is closed (under nohup that is ignored): calls are ended, and the phone
// unregistered. The second one that is no SIGHUP ends the process at once, by exit with
// 128 and the signal's number. SIGPIPE ends nothing: a reader of the logs who goes away must not take
// the phone with him, and what becomes of stdout says results.
func untilSignal(parent context.Context, exit func(int)) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	pipes := make(chan os.Signal, 1) // never read: that somebody asks for it is all
	signal.Notify(pipes, syscall.SIGPIPE)
	ended := make(chan struct{})
	go watchSignals(signals, ended, cancel, exit)
	return ctx, func() {
		signal.Stop(signals)
		signal.Stop(pipes)
		close(ended)
		cancel()
	}
}

// sameSignal is how soon behind the first signal another one is still the same: timeout(1)
// sends its signal to the process and at once to its group, and nobody types so fast.
const sameSignal = 300 * time.Millisecond

// watchSignals asks for the end at the first signal and ends the process at the second,
// until ended is closed.
func watchSignals(signals <-chan os.Signal, ended <-chan struct{}, ask func(), exit func(int)) {
	var first time.Time
	for {
		select {
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP: // a shell and the system each tell of a terminal that is closed: it insists on nothing
				ask()
			case first.IsZero():
				first = time.Now()
				ask()
			case time.Since(first) >= sameSignal:
				exit(128 + signalNumber(s))
				return
			}
		case <-ended:
			return
		}
	}
}

func signalNumber(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return int(n)
	}
	return int(syscall.SIGINT)
}

// client is the way to the running agent of the profile.
func (sh *shell) client(c *cli.Context) (*control.Client, error) {
	path, err := control.SocketPath(c.String("profile"), sh.getenv)
	if err != nil {
		return nil, usageError("%v", err)
	}
	return control.Dial(path), nil
}

// patience is the context of one wait: --timeout, where 0 means for ever.
func patience(c *cli.Context) (context.Context, context.CancelFunc) {
	if d := c.Duration("timeout"); d > 0 {
		return context.WithTimeout(c.Context, d)
	}
	return context.WithCancel(c.Context)
}

// actionPatience is patience for an action, which may have to wait for others
// (a transfer for its target) before a state can be waited for.
func actionPatience(c *cli.Context) (context.Context, context.CancelFunc) {
	if c.IsSet("timeout") {
		return patience(c)
	}
	return context.WithTimeout(c.Context, actionTimeout)
}

// logger writes logs to stderr in the form and from the level asked for.
func (sh *shell) logger(c *cli.Context) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, usageError("flag --log-level %q: it is one of debug info warn error", c.String("log-level"))
	}
	o := &slog.HandlerOptions{Level: level}
	switch form := c.String("log-format"); form {
	case "text":
		return slog.New(slog.NewTextHandler(sh.err, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(sh.err, o)), nil
	default:
		return nil, usageError("flag --log-format %q: it is text or json", form)
	}
}

// progress tells a person on stderr what is going on.
func (sh *shell) progress(format string, args ...any) {
	fmt.Fprintf(sh.err, format+"\n", args...)
}
