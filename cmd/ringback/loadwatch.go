package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
	"github.com/urfave/cli/v2"

	"ringback/agent/load"
)

// watchFlags are those of the live view.
func watchFlags() []cli.Flag {
	return []cli.Flag{&cli.BoolFlag{Name: "lines", Usage: "a line a second in place of the live view"}}
}

// watches reports whether a load test is shown in a view: a person sits at a terminal
// that can, and has asked for no lines.
func (sh *shell) watches(c *cli.Context) bool {
	if c.Bool("lines") || c.Bool("json") || sh.getenv("TERM") == "dumb" || c.String("shard") != "" && c.String("nats") != "" {
		return false
	}
	for _, end := range []any{sh.in, sh.out, sh.err} {
		if f, ok := end.(interface{ Fd() uintptr }); !ok || !term.IsTerminal(f.Fd()) {
			return false
		}
	}
	return true
}

// measureInView is measure with the live view.
func (sh *shell) measureInView(c *cli.Context, plan *load.Plan, o load.Options, name string) (*load.Result, error) {
	words := newHeldWriter(sh.err)
	quiet := *sh
	quiet.err = words
	var err error
	if o.Log, err = quiet.logger(c); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(c.Context)
	defer cancel()
	c.Context = ctx
	view := newLoadView(ctx, cancel, name, plan, o.Steer, words)
	alsoTell(&o, func(s *load.Snapshot) {
		view.progress(s)
		if words.released() {
			sh.loadLine(s)
		}
	})
	program := tea.NewProgram(view, tea.WithInput(sh.in), tea.WithOutput(sh.out), tea.WithoutSignalHandler(), tea.WithFPS(20))
	restore := program.Kill
	sh.restore.Store(&restore)
	defer sh.restore.Store(nil)
	var result *load.Result
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, err = quiet.measure(c, plan, o)
		program.Send(viewEnds{})
	}()
	_, failed := program.Run()
	words.release()
	if failed != nil {
		sh.progress("the live view has ended: %v", failed)
	}
	<-done
	return result, err
}

// maxHeld is how much of a log is held at least, and half of the most.
const maxHeld = 256 << 10

// heldWriter keeps logs while a view has the screen, and lets them out after it. Any
// goroutine.
type heldWriter struct {
	changed chan struct{} // there is another last line

	mu   sync.Mutex
	to   io.Writer
	free bool
	text []byte
	cut  bool // the beginning has had no room
}

func newHeldWriter(to io.Writer) *heldWriter {
	return &heldWriter{to: to, changed: make(chan struct{}, 1)}
}

// Write implements io.Writer.
func (w *heldWriter) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.free {
		return w.to.Write(text)
	}
	w.text = append(w.text, text...)
	if len(w.text) > 2*maxHeld {
		w.cut = true
		w.text = bytes.Clone(w.text[len(w.text)-maxHeld:])
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
	return len(text), nil
}

// release writes what was held, and holds nothing from then on.
func (w *heldWriter) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		_, w.text, _ = bytes.Cut(w.text, []byte("\n")) // half a line
		_, _ = io.WriteString(w.to, "(the log's beginning had no room)\n")
	}
	_, _ = w.to.Write(w.text)
	w.free, w.text = true, nil
}

func (w *heldWriter) released() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.free
}

// last is the last whole line.
func (w *heldWriter) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines := strings.Split(strings.TrimRight(string(w.text[max(0, len(w.text)-1000):]), "\n"), "\n")
	return lines[len(lines)-1]
}
