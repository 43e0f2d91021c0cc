package main

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/control"
)

// startTime is how long wait gives an agent that is being started to appear.
const startTime = 10 * time.Second

// waitCommand is `ringback wait`.
func waitCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "wait", Usage: "wait for a state or an event", ArgsUsage: "EXPR",
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "since", Usage: "count what happened after the event with this `SEQ` too"},
		},
		Description: `$ ringback wait call c12 connected --timeout 20s
call c12 connected

EXPR is one of:
  ` + strings.Join(control.Forms(), "\n  "),
		Action: func(c *cli.Context) error { return waitFor(c, sh) },
	}
}

// waitResult is what a wait prints with --json.
type waitResult struct {
	Schema string       `json:"schema"`
	Expr   string       `json:"expr"`
	OK     bool         `json:"ok"`
	Seq    uint64       `json:"seq"`
	Event  *agent.Event `json:"event"`
}

func waitFor(c *cli.Context, sh *shell) error {
	expr, err := control.ParseExpr(c.Args().Slice()...)
	if err != nil {
		return err
	}
	client, err := sh.client(c)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := patience(c)
	defer cancel()
	starting, stop := context.WithTimeout(ctx, startTime)
	defer stop()
	if err := client.Appear(starting); err != nil {
		return err
	}
	var o control.WaitOptions
	if c.IsSet("since") {
		o.Since = new(c.Uint64("since"))
	}
	met, err := control.Wait(ctx, client, expr, o)
	if err != nil {
		return err
	}
	text := expr.String()
	if met.Event != nil {
		text = eventLine(*met.Event)
	}
	sh.result(c, waitResult{"ringback.wait/1", met.Expr, true, met.Seq, met.Event}, text)
	return nil
}
