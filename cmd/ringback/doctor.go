package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/control"
	"ringback/agent/doctor"
	texts "ringback/agent/verdict"
)

// doctorCommand is `ringback doctor`.
func doctorCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "look at everything that a phone needs, and say what is wrong and what to do",
		Flags: append(append(accountFlags(), mediaFlags()...),
			&cli.StringFlag{Name: "echo", Usage: "call this `TARGET`, which sends sound back; without it the way of the sound is not tested"},
		),
		Description: `$ ringback doctor --echo 600
ok           configuration  sip:1001@pbx.example.com of ~/.config/ringback/default.yaml
ok           dns            pbx.example.com is 192.0.2.10:5061 by tls
ok           tls            the certificate of pbx.example.com is good until 2027-01-01 00:00, signed by CN=R11
ok           transport      192.0.2.10:5061 answers by tls in 3.1 ms, Asterisk PBX 22.1.0
wrong        registration   the PBX refuses the password of 1001
             do: check account.username and the password (account.password_file, RINGBACK_PASSWORD) ...
not checked  nat            needs registration
…
It ends with 0 when nothing is wrong, 1 when something is, 2 when that is the configuration, 4 when it is the account.`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback doctor [--echo TARGET]")
			}
			if c.IsSet("echo") && strings.TrimSpace(c.String("echo")) == "" {
				return usageError("flag --echo is empty").withHint("give a target, such as --echo 600, or leave it out")
			}
			return sh.doctor(c)
		},
	}
}

func (sh *shell) doctor(c *cli.Context) error {
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	if !c.IsSet("log-level") {
		log = slog.New(slog.DiscardHandler) // the report says it
	}
	o := doctor.Options{Profile: c.String("profile"), Echo: c.String("echo"), Version: buildVersion().Version, Log: log}
	if o.ConfigFrom, err = sh.configPath(c); err != nil {
		return err
	}
	o.Config, o.ConfigErr = sh.loadConfig(c)
	o.Socket, o.SocketErr = control.SocketPath(o.Profile, sh.getenv)
	o.StateDir = sh.stateDir(o.Profile)
	ctx, cancel := patience(c)
	defer cancel()
	r := doctor.Run(ctx, o)
	if c.Context.Err() != nil {
		return plainly(c.Context.Err()) // the rest was not looked at
	}
	sh.result(c, r, reportText(r))
	return reportFailure(r)
}

// reportText is the report as a person reads it.
func reportText(r doctor.Report) string {
	var t table
	for _, c := range r.Checks {
		t.row(strings.ReplaceAll(string(c.State), "-", " "), c.Name, clean(c.Text))
		if c.Do != "" {
			t.row("", "", "do: "+clean(c.Do))
		}
	}
	return t.String()
}

// reportFailure is nil when nothing is wrong; else the exit code says where the first
// fault lies.
func reportFailure(r doctor.Report) error {
	first, wrong := r.First()
	if !wrong {
		return nil
	}
	f := &failure{code: exitFailed, name: agent.CodeFailed, told: true, message: fmt.Sprintf("%d of %d checks found something wrong; the first: %s", r.Wrong, len(r.Checks), clean(first.Text))}
	switch {
	case first.Verdict == texts.ConfigWrong:
		f.code, f.name = exitUsage, agent.CodeInvalid
	case strings.HasPrefix(string(first.Verdict), "auth."), first.Verdict == texts.SIPForbidden, first.Verdict == texts.SIPUnknown:
		f.code, f.name = exitUnauthed, agent.CodeUnauthorized
	}
	return f
}
