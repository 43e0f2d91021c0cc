package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
)

// A result that nobody got does not end with 0, and ends what makes more of it.
func TestResults(t *testing.T) {
	full := func(t *testing.T) *os.File {
		f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	gone := func(t *testing.T) *os.File {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		return w
	}
	for name, row := range map[string]struct {
		out    func(*testing.T) *os.File
		args   string
		code   exitCode
		stderr string
		times  int
	}{
		"full: a text":            {full, "version", exitFailed, "no space left", 1},
		"full: an object":         {full, "version --json", exitFailed, "no space left", 1},
		"full: the help":          {full, "--help", exitFailed, "no space left", 1},
		"full: a script":          {full, "completion bash", exitFailed, "no space left", 1},
		"full: a schema":          {full, "load schema", exitFailed, "no space left", 1},
		"full: an error's code":   {full, "--json wait moon", exitUsage, "no space left", 1},
		"gone: a text":            {gone, "version", exitPipe, "broken pipe", 0},
		"gone: the help":          {gone, "--help", exitPipe, "broken pipe", 0},
		"gone: an error's object": {gone, "--json wait moon", exitPipe, "broken pipe", 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := row.out(t)
			defer f.Close()
			var stderr bytes.Buffer
			broken := 0
			sh := &shell{in: strings.NewReader(""), out: &results{File: f, broken: func() { broken++ }}, err: &stderr, getenv: func(string) string { return "" }}
			if code := run(context.Background(), sh, strings.Fields(row.args)); code != row.code {
				t.Errorf("ended with %d, not %d: %s", code, row.code, &stderr)
			}
			if got := strings.Count(stderr.String(), row.stderr); got != row.times || broken != 1 {
				t.Errorf("told %d times, ended %d times: %s", got, broken, &stderr)
			}
		})
	}
}
