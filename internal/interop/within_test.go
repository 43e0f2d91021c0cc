//go:build interop

package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// within PROFILE INTERACTION FROM TO DURATION: so much time at most lies between an interaction's first events of two
// types.
func cmdWithin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 5 {
		ts.Fatalf("usage: within PROFILE INTERACTION FROM TO DURATION")
	}
	limit, err := time.ParseDuration(args[4])
	ts.Check(err)
	at := map[string]time.Time{}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Getenv("RINGBACK"), "--profile", args[0], "--json", "events", "--since", "0")
	cmd.Env = []string{"XDG_RUNTIME_DIR=" + ts.Getenv("XDG_RUNTIME_DIR"), "HOME=" + ts.Getenv("HOME")}
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	for in := bufio.NewScanner(out); at[args[3]].IsZero() && in.Scan(); {
		var e struct {
			Type, Interaction string
			Time              time.Time
		}
		ts.Check(json.Unmarshal(in.Bytes(), &e))
		if e.Interaction == args[1] && at[e.Type].IsZero() {
			at[e.Type] = e.Time
		}
	}
	cancel()
	_ = cmd.Wait() // it was killed
	took := at[args[3]].Sub(at[args[2]])
	ts.Logf("%s to %s took %v", args[2], args[3], took)
	if at[args[2]].IsZero() || at[args[3]].IsZero() || took > limit {
		ts.Fatalf("from %s to %s within %v: took %v", args[2], args[3], limit, took)
	}
}
