package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// Who ends a command reads that, and not what a library calls it.
func TestInterruptedIsSaid(t *testing.T) {
	const account = " --aor sip:1001@127.0.0.1:9 --bind 127.0.0.1"
	for _, args := range []string{
		"register" + account, "options" + account, "doctor" + account, "devices test --audio null",
		"demo --script", "test call 601" + account, "test answer" + account,
	} {
		for _, form := range []string{"", "--json "} {
			t.Run(form+args, func(t *testing.T) {
				t.Parallel()
				ctx, end := context.WithCancel(context.Background())
				defer end()
				time.AfterFunc(200*time.Millisecond, end) // somebody presses Ctrl-C: whenever, the words are the same
				dir := t.TempDir()
				var stdout, stderr bytes.Buffer
				sh := &shell{in: strings.NewReader(""), out: &stdout, err: &stderr, getenv: func(name string) string {
					return map[string]string{"XDG_RUNTIME_DIR": dir, "XDG_STATE_HOME": dir, "XDG_CONFIG_HOME": dir}[name]
				}}
				code := run(ctx, sh, strings.Fields(form+args))
				said := stdout.String() + stderr.String()
				if code != exitFailed || !strings.Contains(stderr.String(), "interrupted") || strings.Contains(said, "context canceled") {
					t.Errorf("ended with %d: %s", code, said)
				}
			})
		}
	}
}
