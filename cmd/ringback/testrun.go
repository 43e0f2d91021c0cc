package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/scenario"
	"ringback/internal/ladder"
)

const testRunExample = `$ ringback test run hold.yaml
ok  hold and resume  9 steps, 2.4 s
  ok           24 ms  line 16   caller   dial, 1002
  ok           31 ms  line 17   desk     wait offer
  ok          240 ms  line 18   desk     accept, wait tone 440
  ...
  desk  ok  sip:1001@127.0.0.1:40181  answered 200 after 6 ms, 2.1 s
      PCMU  rx 104  tx 105  lost 0  late 0  made up 0  jitter 0.1 ms  MOS 4.4, listening 4.4 narrowband
      ok  tone 440: 440 Hz for 1.1 s

The file hold.yaml:
  name: hold and resume
  lab: true                    # a PBX of our own, unless --pbx names one
  phones:
    caller:
      account: {aor: "sip:1001@${pbx}"}
      audio: {headset: ["tone:440"]}
    desk:
      account: {aor: "sip:1002@${pbx}"}
  steps:
    - {phone: caller, do: dial, with: {target: "1002"}}
    - {phone: desk, wait: offer}
    - {phone: desk, do: accept, until: connected, wait: tone 440}
    - {phone: desk, expect: [tone 440, answer < 1s, clean]}
    - {phone: caller, do: hold, until: on-hold}
    - {phone: desk, wait: tone 392}
    - {phone: caller, do: resume, until: connected}
    - {phone: desk, wait: tone 440}
    - {phone: caller, do: end, until: ready-to-call}`

// testRunCommand is `ringback test run`.
func testRunCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "a scenario of several phones in this process", ArgsUsage: "FILE",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "pbx", Usage: "the `ADDRESS` of a PBX in the place of the lab PBX: ${pbx} in the file"},
			&cli.StringFlag{Name: "junit", Usage: "a report for build servers, JUnit XML in `FILE`"},
			&cli.StringFlag{Name: "html", Usage: "a page in `FILE` with the ladder and the levels of each call; it opens without a network"},
			&cli.StringSliceFlag{Name: "set", Usage: "a variable of the file, `NAME=VALUE`; may be repeated. Never a secret: those come from files or the environment"},
		},
		Description: testRunExample,
		Action: func(c *cli.Context) error {
			if c.Args().Len() != 1 || strings.TrimSpace(c.Args().First()) == "" {
				return usageError("FILE is missing or more than one: %q", strings.Join(c.Args().Slice(), " ")).withHint("usage: ringback test run FILE; see an example: ringback test run --help")
			}
			return sh.testRun(c, c.Args().First())
		},
	}
}

// testSchemaCommand is `ringback test schema`.
func testSchemaCommand(sh *shell) *cli.Command {
	return schemaCommand(sh, "test schema", "a scenario's file", "ringback.scenario-file/1", scenario.JSONSchema)
}

// schemaCommand prints the schema of a file that people write; words are those that
// ask for it.
func schemaCommand(sh *shell, words, of, id string, schema func() []byte) *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "the JSON schema of " + of + ", for editors",
		Description: "$ ringback " + words + "\n{\n  \"$id\": \"" + id + "\",\n  ...",
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback %s", words)
			}
			_, err := sh.out.Write(schema())
			return err
		},
	}
}

// testRun plays a scenario and prints what became of it.
func (sh *shell) testRun(c *cli.Context, path string) error {
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	f, err := scenario.ReadFile(path)
	var unread *fs.PathError
	if errors.As(err, &unread) {
		return usageError("%v", err).withHint("name the file of a scenario; see an example: ringback test run --help")
	}
	if err != nil {
		return scenarioFailure(err)
	}
	if c.IsSet("timeout") && c.Duration("timeout") > 0 {
		f.Timeout = c.Duration("timeout")
	}
	o, closePBX, err := sh.scenarioOptions(c, f, log)
	if err != nil {
		return err
	}
	rep, err := scenario.Run(c.Context, f, o)
	err = errors.Join(err, closePBX())
	if err != nil {
		return scenarioFailure(err)
	}
	sh.result(c, rep, rep.Text())
	if err := writeReports(c, rep); err != nil {
		return err
	}
	return scenarioOutcome(rep)
}

// writeReports writes the files that were asked for, whatever became of the scenario.
func writeReports(c *cli.Context, rep scenario.Report) error {
	forms := map[string]func(io.Writer) error{
		"junit": rep.JUnit,
		"html":  func(w io.Writer) error { return rep.HTML(w, reportLadder) },
	}
	for _, name := range []string{"junit", "html"} {
		if !c.IsSet(name) {
			continue
		}
		var out bytes.Buffer
		if err := forms[name](&out); err != nil {
			return fmt.Errorf("write report as %s: %w", name, err)
		}
		if err := os.WriteFile(c.String(name), out.Bytes(), 0o600); err != nil {
			return fmt.Errorf("write report as %s: %w", name, err)
		}
	}
	return nil
}

// reportLadder draws the messages of one call.
func reportLadder(records []agent.TraceRecord) string {
	return ladder.Render(ladderOf(records), ladder.Options{Parties: phoneOf(records), Bodies: true})
}

// scenarioOptions are the flags, and the PBX that the scenario needs.
func (sh *shell) scenarioOptions(c *cli.Context, f *scenario.File, log *slog.Logger) (scenario.Options, func() error, error) {
	o := scenario.Options{Vars: map[string]string{}, Address: c.String("pbx"),
		Getenv: func(name string) (string, bool) { value := sh.getenv(name); return value, value != "" },
		Deps: func(phone string) agent.Deps {
			return agent.Deps{Log: log.With("phone", phone), Version: buildVersion().Version}
		}}
	for _, pair := range c.StringSlice("set") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return o, nil, usageError("flag --set %q: it is NAME=VALUE", pair)
		}
		o.Vars[name] = value
	}
	if c.IsSet("pbx") {
		if err := checkAddress(o.Address); err != nil {
			return o, nil, err
		}
	}
	if sh.tty && !c.Bool("json") {
		o.Step = func(s scenario.StepResult) { sh.progress("%s", s.Text()) }
	}
	if !f.Lab || c.IsSet("pbx") {
		return o, func() error { return nil }, nil
	}
	p, err := startLabPBX(context.WithoutCancel(c.Context), log)
	if err != nil {
		return o, nil, err
	}
	o.Address, o.TCP, o.PBX, o.Password = p.Addr("udp").String(), p.Addr("tcp").String(), p, p.password
	return o, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return p.Close(ctx)
	}, nil
}

// scenarioFailure gives what is wrong before a scenario can run its exit code.
func scenarioFailure(err error) error {
	var file *scenario.FileError
	var field *agent.ConfigError
	switch {
	case errors.As(err, &file):
		f := usageError("%s", file.Error())
		if file.Remedy != "" {
			f = f.withHint("%s", file.Remedy)
		}
		return f
	case errors.As(err, &field):
		return configFailure(err, "")
	case errors.Is(err, fs.ErrNotExist):
		return usageError("%v", err)
	}
	return startFailure(err)
}

// scenarioOutcome gives a scenario that did not go well its exit code.
func scenarioOutcome(rep scenario.Report) error {
	if rep.OK {
		return nil
	}
	unmet := rep.Unmet()
	f := &failure{code: exitExpectation, name: "expectation", told: true,
		message: fmt.Sprintf("%d expectations were not met: %s", len(unmet), strings.Join(unmet, "; "))}
	if rep.Failure == nil {
		return f
	}
	var broken *scenario.UnmetError
	if !errors.As(rep.Failure.Err, &broken) {
		f = asFailure(startFailure(rep.Failure.Err))
		f.told = true
	}
	f.message = fmt.Sprintf("%s:%d: %s: %s", rep.File, rep.Failure.Line, rep.Failure.Step, rep.Failure.Message)
	return f
}
