package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringback/agent/load"
)

// A plan that was interrupted was not done, whatever its thresholds say of a part of it.
func TestLoad_AnInterruptedPlanWasNotDone(t *testing.T) {
	far, err := load.StartResponder(load.ResponderPlan{Listen: []string{"127.0.0.1:0"}, Media: load.MediaNone}, load.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	at := far.Addresses()[0]
	plan := filepath.Join(t.TempDir(), "plan.yaml")
	text := fmt.Sprintf("account: {registrar: \"sip:%s\", bind: 127.0.0.1}\nusers: {first: 1, count: 2}\nlateness: 10s\nthresholds: [\"failures < 5%%\"]\n"+
		"calls: {to: [\"sip:echo@%s\"], rate: 10, for: 10m, media: none}\n", at, at)
	if err := os.WriteFile(plan, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var out bytes.Buffer
	told := &trigger{text: "2 s ", fn: cancel}
	sh := &shell{in: strings.NewReader(""), out: &out, err: told, getenv: func(string) string { return "" }}
	code := run(ctx, sh, []string{"load", "--lines", plan})
	if code != exitFailed || !strings.Contains(out.String(), "the rest of the plan was not done") || !strings.Contains(out.String(), "ok         failures < 5%") {
		t.Errorf("code %d: %s%s", code, out.String(), told.out.String())
	}
}
