package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent/control"
)

// standardTimeout is how long a wait lasts when --timeout is not given.
const standardTimeout = 30 * time.Second

// actionTimeout is the same for an action with its wait.
const actionTimeout = 2 * time.Minute

// run is the whole program: it reads args (without the program's name), does
// what they say and returns the exit code. Everything that it uses of the
// outside is in sh.
func run(ctx context.Context, sh *shell, args []string) exitCode {
	app := newApp(sh)
	line, err := arrange(app, args)
	switch {
	case err != nil:
	case line.help || len(line.command) == 0:
		return sh.delivered(sh.help(app, line), nil)
	default:
		err = app.RunContext(ctx, append([]string{"ringback"}, line.argv...))
	}
	return sh.delivered(sh.finish(err, wantsJSON(args)), err)
}

// finish tells an error and returns its code. With --json the one object on
// stdout is the error, unless a result has said it.
func (sh *shell) finish(err error, asJSON bool) exitCode {
	if err == nil {
		return exitDone
	}
	f := asFailure(err)
	if asJSON && !f.told {
		sh.emit(errorResult(f))
	}
	sh.progress("ringback: %s", f.message)
	if len(f.allowed) > 0 {
		sh.progress("allowed now: %s", strings.Join(f.allowed, " "))
	}
	if len(f.candidates) > 0 {
		sh.progress("there are: %s", strings.Join(f.candidates, " "))
	}
	if f.hint != "" && !(len(f.allowed) > 0 && strings.HasPrefix(f.hint, "allowed")) {
		sh.progress("%s", f.hint)
	}
	return f.code
}

func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.ContainsFunc(args, func(a string) bool {
		return a == "--json" || a == "-json" || a == "--json=true"
	})
}

func newApp(sh *shell) *cli.App {
	app := &cli.App{
		Name:            "ringback",
		Usage:           "a softphone for call-centre agents",
		Flags:           globalFlags(),
		Commands:        commands(sh),
		HideHelp:        true,
		HideHelpCommand: true,
		HideVersion:     true,
		Writer:          sh.out,
		ErrWriter:       sh.err,
		Reader:          sh.in,
		Before:          sh.checkGlobals,
		OnUsageError:    onUsageError,
		ExitErrHandler:  func(*cli.Context, error) {},
		// A note or a digit string may hold a comma.
		DisableSliceFlagSeparator: true,
	}
	for _, c := range app.Commands {
		finishCommand(c)
	}
	return app
}

// finishCommand gives a command what all of them have alike.
func finishCommand(c *cli.Command) {
	c.HideHelp, c.HideHelpCommand = true, true
	c.OnUsageError = onUsageError
	for _, sub := range c.Subcommands {
		finishCommand(sub)
	}
}

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "profile", Usage: "the agent of this `NAME`; several run side by side", Value: "default"},
		&cli.StringFlag{Name: "config", Usage: "a configuration `FILE` in place of the profile's own"},
		&cli.BoolFlag{Name: "json", Usage: "one JSON object per result on stdout"},
		&cli.StringFlag{Name: "log-level", Usage: "logs from this `LEVEL` on: debug, info, warn or error", Value: "warn"},
		&cli.StringFlag{Name: "log-format", Usage: "logs in this `FORM`: text or json", Value: "text"},
		&cli.DurationFlag{Name: "timeout", Usage: "how long to wait, a `DURATION`; 0 is for ever", Value: standardTimeout},
	}
}

// commands is the table of all commands, in the order of the help.
func commands(sh *shell) []*cli.Command {
	rows := []*cli.Command{
		demoCommand(sh), agentCommand(sh), statusCommand(sh), eventsCommand(sh), waitCommand(sh),
	}
	for _, v := range verbs(sh) {
		rows = append(rows, v.command(sh))
	}
	return append(rows,
		doctorCommand(sh), teamCommand(sh), devicesCommand(sh), registerCommand(sh), optionsCommand(sh), testCommand(sh), loadCommand(sh), traceCommand(sh), storeCommand(sh),
		versionCommand(sh), completionCommand(sh), completeCommand(sh),
	)
}

// checkGlobals refuses what no command could use.
func (sh *shell) checkGlobals(c *cli.Context) error {
	if err := control.CheckProfile(c.String("profile")); err != nil {
		return usageError("flag --profile: %v", err)
	}
	if c.Duration("timeout") < 0 {
		return usageError("flag --timeout %v: it is not negative", c.Duration("timeout"))
	}
	for _, name := range []string{"XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
		if dir := sh.getenv(name); dir != "" && !filepath.IsAbs(dir) {
			return usageError("%s %q: it must be an absolute path", name, dir).withHint("an agent that is started in another folder would not find what it has kept")
		}
	}
	_, err := sh.logger(c)
	return err
}

// onUsageError puts the flag library's complaint into our words.
func onUsageError(_ *cli.Context, err error, _ bool) error {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	text := err.Error()
	if value, rest, ok := cutInvalid(text); ok {
		f := usageError("flag --%s: %q is no such value", rest, value)
		if strings.HasPrefix(text, "invalid boolean") {
			return f.withHint("leave the value out, or write true or false")
		}
		return f.withHint("durations are written 500ms, 2s or 1m30s; numbers are whole")
	}
	return usageError("%s", text)
}

// cutInvalid reads `invalid value "x" for flag -timeout: parse error`.
func cutInvalid(text string) (value, flag string, ok bool) {
	rest, ok := strings.CutPrefix(text, `invalid value "`)
	if !ok {
		if rest, ok = strings.CutPrefix(text, `invalid boolean value "`); !ok {
			return "", "", false
		}
		value, rest, ok = strings.Cut(rest, `" for -`)
	} else {
		value, rest, ok = strings.Cut(rest, `" for flag -`)
	}
	flag, _, _ = strings.Cut(rest, ":")
	return value, flag, ok
}
