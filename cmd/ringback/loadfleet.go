package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent/load"
	"ringback/agent/load/fleet"
)

// fleetFlags are those of several generators under one test.
func fleetFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "generators", Usage: "coordinate `N` generators under this one test: processes of this machine, or with --nats those that are started elsewhere with --shard"},
		&cli.StringFlag{Name: "shard", Usage: "make part `i/N` of the plan, as 1/4; job/4 takes the index of a Kubernetes Indexed Job", EnvVars: []string{"RINGBACK_LOAD_SHARD"}},
		&cli.StringFlag{Name: "nats", Usage: "the `URL` of the NATS server where coordinator and generators meet, as nats://nats:4222 or tls://…", EnvVars: []string{"RINGBACK_NATS"}},
		&cli.StringFlag{Name: "nats-credentials", Usage: "a `FILE` with NATS credentials, as nsc writes it; a token stands in RINGBACK_NATS_TOKEN", EnvVars: []string{"RINGBACK_NATS_CREDENTIALS"}},
		&cli.StringFlag{Name: "nats-ca", Usage: "a `FILE` with the authority of the NATS server's certificate", EnvVars: []string{"RINGBACK_NATS_CA"}},
		&cli.StringFlag{Name: "run", Usage: "the `NAME` of this test among others on one NATS server", Value: "load", EnvVars: []string{"RINGBACK_LOAD_RUN"}},
		&cli.DurationFlag{Name: "wait", Usage: "how long server, coordinator and generators wait for each other, a `DURATION`", Value: time.Minute},
		&cli.StringFlag{Name: "raw", Usage: "what was counted in buckets and counters, in a `FILE` for load merge"},
	}
}

// loadRole is what this process is in a load test.
type loadRole struct {
	part   load.Part
	fleet  fleet.Config
	of     int  // generators that this process coordinates; 0: none
	shared bool // part of a run with a coordinator elsewhere
}

// role reads it from the flags.
func (sh *shell) role(c *cli.Context, log *slog.Logger) (*loadRole, error) {
	r := &loadRole{of: c.Int("generators"), fleet: fleet.Config{Run: c.String("run"), Wait: c.Duration("wait"), Log: log,
		Link: fleet.Link{URL: c.String("nats"), Token: os.Getenv(natsToken), Credentials: c.String("nats-credentials"), CA: c.String("nats-ca")}}}
	if r.fleet.Link.URL != "" {
		if err := r.fleet.Link.Check(); err != nil {
			return nil, usageError("flag --%v", err)
		}
	}
	shard := c.String("shard")
	switch {
	case c.IsSet("generators") && (r.of < 1 || r.of > load.MaxParts):
		return nil, usageError("flag --generators %d: write 1 to %d", r.of, load.MaxParts)
	case c.IsSet("generators") && shard != "":
		return nil, usageError("flags --generators and --shard: this process coordinates or makes a part, not both")
	case r.fleet.Link.URL != "" && shard == "" && r.of == 0:
		return nil, usageError("flag --nats: say --generators N to coordinate, or --shard i/N to make a part")
	case shard == "" && r.of == 0 && load.InJob():
		return nil, usageError("this is a pod of a Kubernetes Indexed Job, and each of them would make the whole plan").withHint("say --shard job/N, or --shard 1/1")
	case shard == "":
		return r, nil
	}
	var err error
	if r.part, err = load.ParsePart(shard, nil); err != nil {
		return nil, usageError("flag --%v", err)
	}
	r.shared = r.fleet.Link.URL != ""
	return r, nil
}

// natsToken is the variable with the token of a NATS server.
const natsToken = "RINGBACK_NATS_TOKEN" // #nosec G101 -- the name of a variable

// coordinate has the plan made by several generators.
func (sh *shell) coordinate(c *cli.Context, plan *load.Plan, r *loadRole, o load.Options) (*load.Result, error) {
	co := fleet.Coordination{Config: r.fleet, Generators: r.of, Ladders: o.Ladders, Steer: o.Steer, OnProgress: o.OnProgress, OnPhase: func(text string) { sh.progress("%s", clean(text)) }}
	if r.fleet.Link.URL == "" {
		server, err := fleet.StartServer()
		if err != nil {
			return nil, err
		}
		defer server.Close()
		co.Link = server.Link()
		processes, err := fleet.StartProcesses(r.of, func(p load.Part) *exec.Cmd { return generatorProcess(c, co.Config, p, percentFor(plan)) })
		if err != nil {
			return nil, err
		}
		defer processes.Close(co.Wait)
		co.Losses = processes.Losses()
		sh.progress("generators are the processes %s", strings.Trim(fmt.Sprint(processes.PIDs()), "[]"))
	}
	return fleet.Coordinate(c.Context, plan, co)
}

// generatorProcess is this program as one of several generators, with so much garbage.
func generatorProcess(c *cli.Context, f fleet.Config, p load.Part, percent int) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		program = os.Args[0]
	}
	cmd := exec.Command(program, "load", "--shard", p.String(), "--nats", f.Link.URL, "--run", f.Run, "--wait", f.Wait.String())
	if path := c.String("results"); path != "" {
		cmd.Args = append(cmd.Args, "--results", path, "--results-append")
	}
	cmd.Args = append(cmd.Args, c.Args().First())
	cmd.Env = append(append(os.Environ(), natsToken+"="+f.Link.Token), roomyEach(p.Of, percent)...)
	return cmd
}

// measure makes the plan, alone or with others. The result is nil where somebody else
// has it.
func (sh *shell) measure(c *cli.Context, plan *load.Plan, o load.Options) (*load.Result, error) {
	r, err := sh.role(c, o.Log)
	if err != nil {
		return nil, err
	}
	roomy(percentFor(plan))
	if loops := loopsFor(plan); loops > 0 {
		fewProcessors(loops)
	}
	var result *load.Result
	switch {
	case r.of > 0:
		result, err = sh.coordinate(c, plan, r, o)
	case r.shared:
		if err = fleet.Generate(c.Context, plan, r.part, r.fleet, o); err == nil {
			sh.result(c, generatorResult{"ringback.load-generator/1", r.part.String(), r.fleet.Run},
				fmt.Sprintf("ok  generator %v of run %s has handed over what it counted", r.part, r.fleet.Run))
		}
	default:
		o.Part = r.part
		if result, err = load.Run(c.Context, plan, o); err == nil && result.Partial() {
			sh.progress("this is part %v: thresholds are judged on all, by ringback load merge", r.part)
		}
	}
	if err == nil && result != nil {
		err = writeRaw(c.String("raw"), result)
	}
	if err != nil {
		return nil, loadFailure(err)
	}
	return result, nil
}

// generatorResult is what a generator prints with --json: the report is its
// coordinator's.
type generatorResult struct {
	Schema    string `json:"schema"`
	Generator string `json:"generator"`
	Run       string `json:"run"`
}

func loadFailure(err error) error {
	f := &failure{code: exitFailed, name: "failed", message: err.Error()}
	if missing := (*fleet.Missing)(nil); errors.As(err, &missing) {
		f.code, f.name = exitTimedOut, "timeout"
	}
	if errors.Is(err, context.Canceled) {
		f.message = "interrupted before it began"
	}
	return f
}

func writeRaw(path string, r *load.Result) error {
	if path == "" {
		return nil
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o644) // #nosec G306 -- figures, for whoever gathers them
	}
	if err != nil {
		return fmt.Errorf("write raw result: %w", err)
	}
	return nil
}

// mergeCommand is `ringback load merge`.
func mergeCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "merge", Usage: "one report from the raw results of several generators", ArgsUsage: "FILE...", Flags: reportFlags()[:2],
		Description: `$ ringback load --shard 1/2 --raw 1.json evening.yaml     # on one machine
$ ringback load --shard 2/2 --raw 2.json evening.yaml     # on another
$ ringback load merge 1.json 2.json
ok  600 calls began at 10.0/s, 600 answered, 0 failed, 0 dropped
    ...

Results hold buckets and counters: the report is exactly that of one generator.`,
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return usageError("FILE is missing").withHint("usage: ringback load merge FILE...")
			}
			var parts []*load.Result
			for _, path := range c.Args().Slice() {
				r, err := readRaw(path)
				if err != nil {
					return usageError("%s: %v", path, err)
				}
				parts = append(parts, r)
			}
			r, err := load.Merge(parts...)
			if err != nil {
				return usageError("%v", err)
			}
			return sh.loadReport(c, r.Complete(), &loadFiles{html: c.String("html"), junit: c.String("junit"), name: filepath.Base(c.Args().First())})
		},
	}
}

func readRaw(path string) (*load.Result, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return load.ReadResult(f)
}
