package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/urfave/cli/v2"

	"ringback/agent/load"
	"ringback/internal/ladder"
	"ringback/sip"
)

// reportFlags are the files that a load test leaves.
func reportFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "html", Usage: "a page in `FILE` with charts, percentiles, causes and the worst calls with their ladders; it opens without a network"},
		&cli.StringFlag{Name: "junit", Usage: "a report for build servers, JUnit XML in `FILE`: a case for each threshold, and the generators' own lateness, CPU and dropped datagrams"},
		&cli.StringFlag{Name: "results", Usage: "one JSON line in `FILE` for each call as it ends"},
		&cli.BoolFlag{Name: "results-append", Usage: "FILE is that of several generators", Hidden: true},
		&cli.BoolFlag{Name: "ladders", Usage: "keep the SIP messages of the worst calls in --raw, for the page that load merge makes"},
	}
}

// loadFiles gathers what the files of a load test are made from.
type loadFiles struct {
	html, junit string
	name        string
	series      load.Series
	results     *callLines // nil: not wanted
	lone        bool       // there is no coordinator
}

// openLoadFiles opens those that are written as it runs; options are extended by what
// they need.
func openLoadFiles(c *cli.Context, o *load.Options) (*loadFiles, error) {
	f := &loadFiles{html: c.String("html"), junit: c.String("junit"), name: filepath.Base(c.Args().First()), lone: c.Int("generators") == 0}
	path := c.String("results")
	if err := canBeWritten(c, "html", "junit", "raw"); err != nil {
		return nil, err
	}
	shared := c.String("shard") != "" && c.String("nats") != ""
	switch {
	case path != "" && !f.lone && c.String("nats") != "":
		return nil, usageError("flag --results: with --nats each generator knows its own calls").withHint("start the generators with --shard i/N --nats URL --results FILE")
	case shared && (f.html != "" || f.junit != ""):
		return nil, usageError("flags --html and --junit: the report of a run with --nats is its coordinator's").withHint("give them to ringback load --generators N --nats URL")
	case path != "":
		if err := f.openResults(c, path, o); err != nil {
			return nil, err
		}
	}
	o.Worst = f.html != "" || c.String("raw") != ""
	o.Ladders = f.html != "" || c.Bool("ladders")
	if f.html != "" {
		alsoTell(o, f.series.Take)
	}
	return f, nil
}

// openResults opens the file of lines. Processes that are generators of one test write
// to one, each whole lines.
func (f *loadFiles) openResults(c *cli.Context, path string, o *load.Options) error {
	mode := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if !c.Bool("results-append") {
		mode |= os.O_TRUNC
	}
	file, err := os.OpenFile(path, mode, 0o600)
	if err != nil {
		return usageError("flag --results: %v", err)
	}
	if !f.lone {
		return file.Close() // for the generators
	}
	f.results = newCallLines(file)
	o.OnCall = f.results.add
	return nil
}

// close ends what was written as it ran.
func (f *loadFiles) close() error {
	if f.results == nil {
		return nil
	}
	if err := f.results.close(); err != nil {
		return &failure{code: exitFailed, name: "failed", message: "write --results: " + err.Error()}
	}
	return nil
}

// write writes the files of the end.
func (f *loadFiles) write(result *load.Result, r *load.Report) error {
	if f.html != "" {
		f.series.Take(result.Snapshot())
	}
	page := load.Page{Report: r, Name: f.name, Allowed: result.Terms.Lateness, Series: f.series.Samples(), Worst: result.Worst}
	for _, one := range []struct {
		path  string
		write func(io.Writer) error
	}{{f.html, func(w io.Writer) error { return page.HTML(w, loadLadder) }}, {f.junit, func(w io.Writer) error { return r.JUnit(w, f.name) }}} {
		if one.path == "" {
			continue
		}
		var out bytes.Buffer
		err := one.write(&out)
		if err == nil {
			err = os.WriteFile(one.path, out.Bytes(), 0o600)
		}
		if err != nil {
			return &failure{code: exitFailed, name: "failed", message: "write report: " + err.Error()}
		}
	}
	return nil
}

func loadLadder(messages []sip.TraceRecord) string {
	return ladder.Render(ladder.FromTrace(messages), ladder.Options{})
}

// maxChunk is after how many bytes lines are written.
const maxChunk = 64 << 10

// maxWaiting is how many lines may wait for the disk.
const maxWaiting = 200_000

// callLines writes results as lines, without holding up who adds them.
type callLines struct {
	mu      sync.Mutex
	waiting []load.CallResult
	lost    int
	closed  bool
	news    chan struct{}
	ended   chan error
}

func newCallLines(to io.WriteCloser) *callLines {
	l := &callLines{news: make(chan struct{}, 1), ended: make(chan error, 1)}
	go func() { l.ended <- l.run(to) }()
	return l
}

func (l *callLines) add(r load.CallResult) {
	l.mu.Lock()
	if len(l.waiting) < maxWaiting {
		l.waiting = append(l.waiting, r)
	} else {
		l.lost++
	}
	l.mu.Unlock()
	l.wake()
}

func (l *callLines) wake() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

func (l *callLines) run(to io.WriteCloser) error {
	var out bytes.Buffer // others may write to the same file: whole lines only
	write := func() error {
		_, err := to.Write(out.Bytes())
		out.Reset()
		return err
	}
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	var failed error
	for range l.news {
		l.mu.Lock()
		lines, closed := l.waiting, l.closed
		l.waiting = nil
		l.mu.Unlock()
		for _, r := range lines {
			failed = errors.Join(failed, firstOf(failed, enc.Encode(r)))
			if out.Len() > maxChunk {
				failed = errors.Join(failed, firstOf(failed, write()))
			}
		}
		failed = errors.Join(failed, firstOf(failed, write()))
		if closed {
			break
		}
	}
	return errors.Join(failed, to.Close())
}

// firstOf is err, unless there was one before.
func firstOf(before, err error) error {
	if before != nil {
		return nil
	}
	return err
}

// close writes what waits. The error says too how many had no room.
func (l *callLines) close() error {
	l.mu.Lock()
	l.closed = true
	lost := l.lost
	l.mu.Unlock()
	l.wake()
	err := <-l.ended
	if lost > 0 {
		err = errors.Join(err, fmt.Errorf("the disk was too slow for %d lines", lost))
	}
	return err
}
