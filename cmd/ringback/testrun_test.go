package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// trigger is a writer that calls fn once a text has been written to it.
type trigger struct {
	mu   sync.Mutex
	out  bytes.Buffer
	text string
	fn   func()
}

func (w *trigger) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.out.Write(p)
	if w.fn != nil && strings.Contains(w.out.String(), w.text) {
		w.fn()
		w.fn = nil
	}
	return n, err
}

// TestTestRun_CtrlCEndsCallsAndRegistrations: the report is printed all the same, with
// its files.
func TestTestRun_CtrlCEndsCallsAndRegistrations(t *testing.T) {
	dir := t.TempDir()
	story := filepath.Join(dir, "story.yaml")
	if err := os.WriteFile(story, []byte(`lab: true
phones:
  a:
    account: {aor: "sip:1001@${pbx}", bind: 127.0.0.1}
  b:
    account: {aor: "sip:1002@${pbx}", bind: 127.0.0.1}
steps:
  - {phone: a, do: dial, with: {target: "1002"}}
  - {phone: b, wait: offer}
  - {phone: b, do: accept, until: connected}
  - {pause: 30m}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out bytes.Buffer
	var interrupted time.Time
	progress := &trigger{text: "accept", fn: func() { interrupted = time.Now(); cancel() }}
	sh := &shell{in: strings.NewReader(""), out: &out, err: progress, getenv: func(string) string { return "" }, tty: true}
	code := run(ctx, sh, []string{"--timeout", "40m", "test", "run", "--junit", filepath.Join(dir, "r.xml"), story})
	if took := time.Since(interrupted); code != exitFailed || took > time.Minute { // of a pause of half an hour
		t.Errorf("code %d, %v after the interrupt", code, took)
	}
	text := out.String()
	for _, want := range []string{"FAILED", "pause 30m0s: interrupted", "answered 200"} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q: %s", want, text)
		}
	}
	if strings.Contains(text, "registered still") {
		t.Errorf("a phone is registered still: %s", text)
	}
	if junit, err := os.ReadFile(filepath.Join(dir, "r.xml")); err != nil || !bytes.Contains(junit, []byte("interrupted")) {
		t.Errorf("the JUnit report: %v: %s", err, junit)
	}
}
