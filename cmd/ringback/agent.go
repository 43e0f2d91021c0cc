package main

import (
	"context"

	"github.com/urfave/cli/v2"
)

// agentResult is what agent prints when its desk is open.
type agentResult struct {
	Schema  string `json:"schema"`
	Profile string `json:"profile"`
	AOR     string `json:"aor"`
	Socket  string `json:"socket"`
}

// agentCommand is `ringback agent`.
func agentCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "agent", Usage: "run the softphone until it is interrupted",
		Flags: append(append(accountFlags(), mediaFlags()...),
			&cli.StringFlag{Name: "report-to", Usage: "where reports on callbacks go, a SIP `URI`"},
			&cli.StringFlag{Name: "start", Usage: "begin ready or not-ready, a `STATE`"},
			&cli.BoolFlag{Name: "headless", Usage: "show no events, even on a terminal"},
		),
		Description: `$ ringback agent --aor sip:1001@pbx.example.com --password-file 1001.secret
agent sip:1001@pbx.example.com of profile default: ringback status shows it`,
		Action: func(c *cli.Context) error { return runAgent(c, sh) },
	}
}

func runAgent(c *cli.Context, sh *shell) error {
	if c.Args().Present() {
		return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback agent [FLAGS]")
	}
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	cfg, err := sh.loadConfig(c)
	if err != nil {
		return err
	}
	profile := c.String("profile")
	at, err := sh.placeOf(profile)
	if err != nil {
		return err
	}
	r, err := startAgent(c.Context, at, cfg, log)
	if err != nil {
		return err
	}
	if err := r.started(c.Context); err != nil || c.Context.Err() != nil {
		return err
	}
	sh.result(c, agentResult{"ringback.agent/1", profile, cfg.Account.AOR, r.socket}, agentText(sh.self, profile, cfg.Account.AOR))
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		if ctx := context.WithoutCancel(c.Context); sh.tty && !c.Bool("headless") {
			sh.feed(ctx, r.agent)
		} else {
			notices(ctx, r.agent, log)
		}
	}()
	err = r.wait()
	<-shown
	return err
}

func agentText(self, profile, aor string) string {
	command := self + " status"
	if profile != "default" {
		command = self + " --profile " + profile + " status"
	}
	return "agent " + clean(aor) + " of profile " + profile + ": " + command + " shows it"
}
