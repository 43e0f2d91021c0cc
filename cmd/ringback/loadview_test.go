package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/term"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"

	"ringback/agent/load"
)

// standing is one with everything in it, more than a small terminal has room for.
func standing() *load.Standing {
	value := 1.5
	report := &load.Report{Began: 400, Answered: 390, Failed: 10, Dropped: 1, Rate: 9.8, Valid: false, Sounded: 390, Registered: 99, NotRegister: 1,
		Causes: []load.Cause{{Text: "486 Busy Here", Count: 7}, {Text: "503 Service Unavailable", Count: 2}, {Text: "timeout", Count: 1}},
		Why:    []string{"not valid: the generator itself was 9ms late at p99 (at most 5ms): use more cores or machines, or a lower rate"},
		Setup:  load.Times{Count: 390, P50: 1, P90: 2, P99: 3, Max: 4}, Answer: load.Times{Count: 390}, Registering: load.Times{Count: 99}, Self: load.Self{Resent: 7}}
	for range 12 {
		report.Thresholds = append(report.Thresholds, load.Verdict{Threshold: "p99(setup) < 1ms", Value: &value, Text: "1.5ms"})
		report.Generators = append(report.Generators, load.GeneratorReport{Generator: "1/12"})
	}
	return &load.Standing{Report: report, Begun: true, For: 40 * time.Second, Of: time.Minute, Up: 12, Allowed: 5 * time.Millisecond}
}

func viewOf(plan string, t *testing.T) (*loadView, *load.Steer) {
	t.Helper()
	p, err := load.ParsePlan([]byte("account: {registrar: 'sip:127.0.0.1'}\nusers: {first: 1, count: 9}\n" + plan))
	if err != nil {
		t.Fatal(err)
	}
	steer := load.NewSteer()
	ctx, cancel := context.WithCancel(t.Context())
	return newLoadView(ctx, cancel, "plan.yaml", p, steer, newHeldWriter(io.Discard)), steer
}

// The view tells the step that runs, and what it wants.
func TestLoadView_Steps(t *testing.T) {
	v, _ := viewOf("calls: {to: ['sip:1@127.0.0.1'], steps: [{rate: 10, for: 30s}, {rate: 30, ramp: 20s, for: 30s}]}", t)
	v.width, v.height = 120, 40
	v.now = standing()
	v.now.Steps = []load.StepReport{{Step: 1, Wanted: 10, Began: 300}, {Step: 2, Wanted: 30, Ramp: 20, Began: 100}}
	for _, want := range []string{"step 2 of 2: 20.0/s wanted (×1.00)", "step 1 (10/s): 300 began", "step 2 (30/s, over 20 s): 100 began"} {
		if screen := v.screen(); !strings.Contains(screen, want) {
			t.Errorf("no %q in\n%s", want, screen)
		}
	}
}

// The view fits into every terminal, and the keys are always there.
func TestLoadView_Fits(t *testing.T) {
	v, _ := viewOf("calls: {to: ['sip:1@127.0.0.1'], rate: 10}", t)
	for _, now := range []*load.Standing{nil, standing()} {
		v.now = now
		for width := 1; width < 140; width += 7 {
			for height := 1; height < 50; height += 3 {
				v.width, v.height = width, height
				lines := strings.Split(v.screen(), "\n")
				if len(lines) > height {
					t.Fatalf("%d lines on %dx%d", len(lines), width, height)
				}
				for _, l := range lines {
					if lipgloss.Width(l) > width {
						t.Fatalf("a line of %d cells on %dx%d: %q", lipgloss.Width(l), width, height, l)
					}
				}
				if width > 79 && !strings.Contains(lines[len(lines)-1], "q hang up") {
					t.Fatalf("no keys on %dx%d", width, height)
				}
			}
		}
	}
	v.width, v.height = 80, 24
	for _, want := range []string{"running  40s of 1m0s", "10.0/s wanted (×1.00)", "12 up", "10 failed (2.5%)", "NOT VALID: late p99", "0 datagrams dropped", "7 messages sent again", "not met", "7 × 486 Busy Here", "more"} {
		if !strings.Contains(plain(v.screen()), want) {
			t.Errorf("%q is missing on 80x24:\n%s", want, plain(v.screen()))
		}
	}
}

// plain is a text without its colours.
func plain(text string) string {
	e := vt.NewEmulator(200, 200)
	_, _ = e.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n")))
	return e.String()
}

func TestLoadView_Keys(t *testing.T) {
	for _, row := range []struct {
		plan, keys string
		rate       float64
		phase      string
	}{
		{"calls: {to: ['sip:1@127.0.0.1'], rate: 10}", "+ + -", 1.1, "running"},
		{"calls: {to: ['sip:1@127.0.0.1'], concurrency: 10}", "pgup 1 pgup pgup up down down", 2.9, "running"},
		{"calls: {to: ['sip:1@127.0.0.1'], rate: 10}", "pgdown pgdown", 0, "paused"},
		{"calls: {to: ['sip:1@127.0.0.1'], rate: 10}", "+ p", 0, "paused"},
		{"calls: {to: ['sip:1@127.0.0.1'], rate: 10}", "+ p p", 1.1, "running"},
		{"calls: {to: ['sip:1@127.0.0.1'], rate: 10}", "pgup pgup pgup pgup pgup pgup pgup pgup pgup pgup pgup", 10, "running"},
		{"calls: {to: ['sip:1@127.0.0.1'], rate: 10}", "s + p", 1, "the last calls"},
		{"calls: {to: ['sip:1@127.0.0.1'], rate: 10}", "q +", 1, "hanging up"},
		{"agents: {for: 1m}", "+", 1, "running"},
	} {
		v, steer := viewOf(row.plan, t)
		v.now = standing()
		for key := range strings.FieldsSeq(row.keys) {
			v.key(key)
		}
		if rate, _ := steer.Rate(); rate != row.rate || v.phase() != row.phase {
			t.Errorf("%s: keys %s: rate %v and %q, want %v and %q", row.plan, row.keys, rate, v.phase(), row.rate, row.phase)
		}
		select {
		case <-steer.Finished():
			if row.phase != "the last calls" {
				t.Errorf("keys %s: no call begins any more", row.keys)
			}
		default:
		}
		if (v.ctx.Err() != nil) != (row.phase == "hanging up") {
			t.Errorf("keys %s: the run is %v", row.keys, v.ctx.Err())
		}
	}
}

// Logs of a run come out after the view, and no longer log than there is room for.
func TestHeldWriter(t *testing.T) {
	var out strings.Builder
	w := newHeldWriter(&out)
	for range 4 * maxHeld / 10 {
		_, _ = w.Write([]byte("123456789\n"))
	}
	if out.Len() > 0 || w.last() != "123456789" {
		t.Errorf("%d bytes are out, the last line is %q", out.Len(), w.last())
	}
	w.release()
	_, _ = w.Write([]byte("after\n"))
	if text := out.String(); !strings.HasPrefix(text, "(the log's beginning had no room)\n123456789\n") || !strings.HasSuffix(text, "9\nafter\n") || len(text) > 2*maxHeld+100 {
		t.Errorf("%d bytes: %.60q … %q", len(text), text, text[len(text)-20:])
	}
}

// terminal is a program on a pseudo-terminal, with its screen as a person sees it.
type terminal struct {
	t      *testing.T
	pty    io.ReadWriteCloser
	resize func(width, height int)
	ended  chan struct{} // nothing comes any more

	mu     sync.Mutex
	screen *vt.Emulator
	news   chan struct{} // there is something new on the screen
}

func onTerminal(t *testing.T, width, height int, cmd *exec.Cmd) *terminal {
	t.Helper()
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)})
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, pty: f, screen: vt.NewEmulator(width, height), news: make(chan struct{}, 1), ended: make(chan struct{})}
	term.resize = func(width, height int) {
		term.mu.Lock()
		term.screen.Resize(width, height)
		term.mu.Unlock()
		if err := pty.Setsize(f, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
			t.Error(err)
		}
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = io.Copy(f, term.screen) // its answers to what the program asks of it
	}()
	go func() {
		defer close(term.ended)
		some := make([]byte, 4096)
		for {
			n, err := f.Read(some)
			term.mu.Lock()
			_, _ = term.screen.Write(some[:n])
			term.mu.Unlock()
			select {
			case term.news <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails where it has ended
		_ = f.Close()
		<-term.ended
		// The emulator's own Close races with its Read: the end of what it answers comes first.
		if answers, ok := term.screen.InputPipe().(io.Closer); ok {
			_ = answers.Close()
		}
		<-answered
		_ = term.screen.Close()
	})
	return term
}

func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.screen.String()
}

// shows waits until all of these texts are on the screen.
func (term *terminal) shows(wants ...string) {
	term.t.Helper()
	late := time.After(scriptPatience)
	for {
		text, missing := term.text(), ""
		for _, want := range wants {
			if !strings.Contains(text, want) {
				missing = want
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-term.news:
		case <-late:
			term.t.Fatalf("%q is not on the screen:\n%s", missing, text)
		}
	}
}

func (term *terminal) types(keys string) {
	term.t.Helper()
	if _, err := io.WriteString(term.pty, keys); err != nil {
		term.t.Fatal(err)
	}
}

// A load test on a terminal, as a person sees and steers it: alone, and with two
// generators.
func TestLoadView_OnATerminal(t *testing.T) {
	for _, generators := range []string{"", "2"} {
		t.Run("generators "+generators, func(t *testing.T) {
			far, err := load.StartResponder(load.ResponderPlan{Listen: []string{"127.0.0.1:0"}, Media: load.MediaNone, Busy: 0.2}, load.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer far.Close()
			page := filepath.Join(t.TempDir(), "page.html")
			args := []string{"load", "--html", page, writePlan(t, far.Addresses()[0])}
			if generators != "" {
				args = slices.Insert(args, 1, "--generators", generators)
			}
			cmd := exec.Command("ringback", args...)
			cmd.Env = append(cmd.Environ(), "TERM=xterm-256color")
			term := onTerminal(t, 80, 24, cmd)
			term.shows("running", "20.0/s wanted (×1.00)", "× 486 Busy Here", "setup", "itself", "ok        answered > 0: it is", "q hang up")
			if generators != "" {
				term.shows("1/2       late p99", "2/2       late p99")
			}
			term.types("++")
			term.shows("24.0/s wanted (×1.20)")
			term.types("p")
			term.shows("paused", "0.0/s wanted (×0.00)", "0 up")
			term.resize(100, 30)
			term.types("p")
			term.shows("running", "1 the plan's  p pause  s stop  q hang up, report")
			term.types("s")
			term.shows("answered > 0: it is", "by hand    no call began after", "by hand    1.2 times the plan's rate from") // the report, on the screen as it was before
			var ended *exec.ExitError
			if err := cmd.Wait(); err != nil && !(errors.As(err, &ended) && ended.ExitCode() == int(exitDone)) {
				t.Errorf("it ended with %v", err)
			}
			if left := far.Answers().Active; left != 0 {
				t.Errorf("%d calls are left", left)
			}
			if text, err := os.ReadFile(page); err != nil || strings.Count(string(text), "<svg") < 5 {
				t.Errorf("%v: the page has %d charts: the run was not told to whoever draws it", err, strings.Count(string(text), "<svg"))
			}
		})
	}
}

// q hangs up at once, and the report still comes.
func TestLoadView_Quit(t *testing.T) {
	far, err := load.StartResponder(load.ResponderPlan{Listen: []string{"127.0.0.1:0"}, Media: load.MediaNone}, load.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	cmd := exec.Command("ringback", "load", writePlan(t, far.Addresses()[0]))
	cmd.Env = append(cmd.Environ(), "TERM=xterm-256color")
	term := onTerminal(t, 80, 24, cmd)
	term.shows("running", "answered > 0: it is")
	term.types("q")
	term.shows("calls began at")
	var ended *exec.ExitError // the plan was not done
	if err := cmd.Wait(); !errors.As(err, &ended) || ended.ExitCode() != int(exitFailed) || far.Answers().Active != 0 {
		t.Errorf("it ended with %v, and %d calls are left", err, far.Answers().Active)
	}
}

// Who is told twice to end gives the terminal back before.
func TestLoadView_EndsAtOnce(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	cmd := exec.Command("ringback", "load", writePlan(t, silent.LocalAddr().String()))
	cmd.Env = append(cmd.Environ(), "TERM=xterm-256color")
	terminal := onTerminal(t, 80, 24, cmd)
	terminal.shows("running", "q hang up")
	mode := func() *term.State {
		state, err := term.GetState(terminal.pty.(*os.File).Fd())
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	raw := mode()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	terminal.shows("hanging up", "messages sent again") // nobody answers
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var outcome error
	for waits := true; waits; { // one that comes right behind the first is the same one
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case outcome = <-done:
			waits = false
		case <-time.After(sameSignal):
		}
	}
	var ended *exec.ExitError
	if !errors.As(outcome, &ended) || ended.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("it ended with %v", outcome)
	}
	if now := mode(); *now == *raw {
		t.Errorf("the terminal is raw still: %+v", now)
	}
	<-terminal.ended
	if text := terminal.text(); strings.Contains(text, "q hang up") {
		t.Errorf("the view is on the screen still:\n%s", text)
	}
}

func writePlan(t *testing.T, far string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plan.yaml")
	text := "account: {registrar: 'sip:FAR', bind: 127.0.0.1}\nusers: {first: 2001, count: 10}\nlateness: 10s\ncalls: {to: ['sip:601@FAR'], rate: 20, for: 10m, talk: {mean: 300ms}}\nthresholds: ['answered > 0']\n"
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "FAR", far)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
