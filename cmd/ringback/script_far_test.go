package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// farEnd is a `ringback load responder` of a script.
type farEnd struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	drops  chan struct{} // closed when its standard error has ended
}

// cmdFar is `far start [ARGS]`, which runs a responder on a port that is free and sets
// $FAR to its address, and `far end TEXT`, which interrupts it and looks for TEXT in what
// it printed.
func cmdFar(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case neg || len(args) < 1:
	case args[0] == "start":
		startFar(ts, args[1:])
		return
	case args[0] == "end" && len(args) == 2:
		far, _ := ts.Value("far").(*farEnd)
		out := far.end(ts)
		ts.Logf("%s", out)
		if !strings.Contains(out, args[1]) {
			ts.Fatalf("far end: no %q", args[1])
		}
		return
	}
	ts.Fatalf("usage: far start [ARGS], far end TEXT")
}

func startFar(ts *testscript.TestScript, args []string) {
	far, _ := ts.Value("far").(*farEnd)
	path := ""
	for _, dir := range strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		if _, err := os.Stat(dir + "/ringback"); err == nil {
			path = dir + "/ringback"
			break
		}
	}
	far.cmd = exec.Command(path, append([]string{"--json", "load", "responder", "--listen", "127.0.0.1:0"}, args...)...)
	far.cmd.Dir, far.cmd.Env = ts.MkAbs("."), []string{"HOME=" + ts.Getenv("HOME")}
	far.cmd.Stdout, far.drops = &far.stdout, make(chan struct{})
	far.stdout.Reset()
	stderr, err := far.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(far.cmd.Start())
	lines := bufio.NewReader(stderr)
	line, err := lines.ReadString('\n')
	ts.Check(err)
	_, address, _ := strings.Cut(strings.TrimSpace(line), "answering on ")
	ts.Setenv("FAR", address)
	go func() {
		defer close(far.drops)
		_, _ = io.Copy(io.Discard, lines)
	}()
	ts.Defer(func() { _ = far.end(ts) })
}

// end interrupts it once and returns what it printed.
func (f *farEnd) end(ts *testscript.TestScript) string {
	if f.cmd.ProcessState == nil {
		_ = f.cmd.Process.Signal(os.Interrupt)
		stuck := time.AfterFunc(scriptPatience, func() { _ = f.cmd.Process.Kill() })
		<-f.drops
		err := f.cmd.Wait()
		stuck.Stop()
		if err != nil {
			ts.Logf("far end: %v", err)
		}
	}
	return f.stdout.String()
}
