package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ringback/internal/lab"
	"ringback/internal/script"
)

// scriptPatience is how long one thing in a script may take on a busy machine.
const scriptPatience = time.Minute

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ringback": main})
}

// TestScripts runs the program as people use it, against the lab PBX on
// loopback. Commands beside those of testscript:
//
//	exits N COMMAND...       the command ends with this code
//	lab start                starts a PBX; its addresses are $PBX and $PBX_TCP
//	lab offer KEY=VALUE...   a callback: id type number name reason origin first_leg contact
//	lab press PARTY DIGITS   a party sends digits; also: lab hangup PARTY, lab giveup ID, lab hold PARTY, lab unhold PARTY
//	lab hears PARTY HZ       waits until a party hears a tone; lab quiet PARTY HZ until it does not
//	lab got PARTY DIGITS     waits until a party has got digits
//	lab messages CODE        answers MESSAGE with this code from now on
//	lab reports ID TYPE...   waits until these reports about a callback have come, and no others
//	lab saw EVENT [PARTY]    waits for an event of the lab that no such line has seen
//	holds FILE SIDE HZ       the recording that FILE (a glob) names holds 600 ms of a tone on its left or right side; with ! none
//	far start [ARGS]         runs `load responder` on a free port, $FAR; far end TEXT interrupts it and looks for TEXT
//	secrets WORD...          what leaks looks for; @FILE: what the file holds, USER:PASSWORD: with what is proved of it
//	leaks PATH...            a secret stands in a file or folder; with ! none
//	config FILE USER [KEY=VALUE...]  writes a configuration for the lab
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		RequireExplicitExec: true,
		Setup:               setupScript,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": cmdExits, "lab": cmdLab, "config": cmdConfig, "secrets": cmdSecrets, "leaks": cmdLeaks, "holds": script.Holds, "expand": script.Expand, "far": cmdFar,
		},
	})
}

func setupScript(env *testscript.Env) error {
	env.Values["lab"], env.Values["far"], env.Values["secrets"] = &pbx{}, &farEnd{}, &[]string{}
	for _, dir := range []string{"run", "config", "state", "home"} {
		if err := os.Mkdir(filepath.Join(env.WorkDir, dir), 0o700); err != nil {
			return err
		}
	}
	scenarios, err := filepath.Abs(filepath.Join("..", "..", "testdata", "scenarios"))
	if err != nil {
		return err
	}
	env.Setenv("SCENARIOS", scenarios)
	// The race detector waits a second at each end of a program, and a script ends a dozen.
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
	env.Setenv("XDG_RUNTIME_DIR", filepath.Join(env.WorkDir, "run"))
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
	env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
	return nil
}

func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var ended *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// pbx is the lab of one script, and how far its log was read by `lab saw`.
type pbx struct {
	*lab.Lab
	seen int
}

func cmdLab(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: lab start|offer|order|press|hangup|giveup|hold|unhold|hears|quiet|got|saw")
	}
	if args[0] == "start" {
		startLab(ts)
		return
	}
	p := ts.Value("lab").(*pbx)
	if p.Lab == nil {
		ts.Fatalf("no lab: say lab start first")
	}
	ctx, cancel := context.WithTimeout(context.Background(), scriptPatience)
	defer cancel()
	word := func(i int) string {
		if i >= len(args) {
			ts.Fatalf("lab %s: a word is missing", args[0])
		}
		return args[i]
	}
	switch args[0] {
	case "offer":
		_, err := p.Offer(scriptCallback(ts, args[1:]))
		ts.Check(err)
	case "order": // lab order CODE USER FILE: a MESSAGE with a JSON body
		code, err := p.Send(ctx, word(2), "application/json", ts.ReadFile(word(3)))
		ts.Check(err)
		if strconv.Itoa(code) != word(1) {
			ts.Fatalf("the order got %d, want %s", code, word(1))
		}
	case "press":
		ts.Check(p.Press(word(1), word(2)))
	case "hangup":
		ts.Check(p.HangUp(word(1)))
	case "giveup":
		ts.Check(p.GiveUp(word(1)))
	case "hold":
		ts.Check(p.Hold(word(1), lab.HoldSendOnly))
	case "unhold":
		ts.Check(p.Unhold(word(1)))
	case "hears", "quiet":
		hz, err := strconv.Atoi(word(2))
		ts.Check(err)
		ts.Check(p.tone(ctx, word(1), hz, args[0] == "hears"))
	case "got":
		_, err := p.Log().Wait(ctx, 0, func(lab.Event) bool { return strings.Contains(p.Heard(word(1)).Digits, word(2)) })
		ts.Check(err)
	case "messages":
		code, err := strconv.Atoi(word(1))
		ts.Check(err)
		if code == 200 {
			code = 0 // as usual
		}
		p.SetMessages(lab.MessagePolicy{Refuse: code})
	case "reports":
		ts.Check(p.reports(ctx, word(1), args[2:]))
	case "saw":
		party := ""
		if len(args) > 2 {
			party = args[2]
		}
		e, err := p.Log().Wait(ctx, p.seen, lab.Is(lab.EventType(word(1)), party))
		ts.Check(err)
		p.seen = e.Seq
		fmt.Fprintln(ts.Stdout(), e)
	default:
		ts.Fatalf("lab: unknown word %q", args[0])
	}
}

// reports waits until the lab has got these reports, in their order.
func (p *pbx) reports(ctx context.Context, callback string, want []string) error {
	got := func() (types []string) {
		for _, r := range p.Reports(callback) {
			types = append(types, r.Type)
		}
		return types
	}
	if _, err := p.Log().Wait(ctx, 0, func(lab.Event) bool { return len(got()) >= len(want) }); err != nil || !slices.Equal(got(), want) {
		return fmt.Errorf("reports about %s: %v, want %v: %w", callback, got(), want, err)
	}
	return nil
}

// tone waits until a party hears a tone, or does not.
func (p *pbx) tone(ctx context.Context, party string, hz int, on bool) error {
	hears := func() bool {
		for _, now := range p.Heard(party).Now {
			if now == hz {
				return true
			}
		}
		return false
	}
	_, err := p.Log().Wait(ctx, 0, func(lab.Event) bool { return hears() == on })
	if err != nil {
		return fmt.Errorf("%s hears %v, not %d Hz: %w", party, p.Heard(party).Now, hz, err)
	}
	return nil
}

func startLab(ts *testscript.TestScript) {
	l, err := lab.Start(context.Background(), lab.Config{
		Queue: lab.QueuePolicy{Pause: 300 * time.Millisecond}, Hears: []float64{440}, Log: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	ts.Defer(func() {
		ctx, cancel := context.WithTimeout(context.Background(), scriptPatience)
		defer cancel()
		_ = l.Close(ctx)
	})
	ts.Setenv("PBX", l.Addr("udp").String())
	ts.Setenv("PBX_TCP", l.Addr("tcp").String())
	ts.Value("lab").(*pbx).Lab = l
}

func scriptCallback(ts *testscript.TestScript, pairs []string) lab.Callback {
	cb := lab.Callback{Type: "immediate"}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			ts.Fatalf("lab offer: %q is no KEY=VALUE", pair)
		}
		switch key {
		case "id":
			cb.ID = value
		case "type":
			cb.Type = value
		case "number":
			cb.Number = value
		case "name":
			cb.Name = value
		case "reason":
			cb.Reason = value
		case "origin":
			cb.Origin = value
		case "first_leg":
			cb.FirstLeg = value
		default:
			ts.Fatalf("lab offer: unknown key %q", key)
		}
	}
	return cb
}

// config FILE USER [KEY=VALUE...]: account of a user of the lab. Keys: audio
// (tone:440), start (ready), extra (lines with | between them).
func cmdConfig(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: config FILE USER [KEY=VALUE...]")
	}
	set := map[string]string{"audio": "tone:440", "start": "ready", "password": "lab-" + args[1]}
	for _, pair := range args[2:] {
		key, value, _ := strings.Cut(pair, "=")
		set[key] = value
	}
	secret := ts.MkAbs(args[0] + ".secret")
	ts.Check(os.WriteFile(secret, []byte(set["password"]+"\n"), 0o600))
	pbx := ts.Getenv("PBX")
	text := fmt.Sprintf("account:\n  aor: sip:%s@%s\n  registrar: sip:%s\n  password_file: %s\n  bind: 127.0.0.1\n", args[1], pbx, pbx, secret)
	text += fmt.Sprintf("audio:\n  headset: [%q]\nchannels:\n  start: %s\n", set["audio"], set["start"])
	text += strings.ReplaceAll(set["extra"], "|", "\n") + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
