package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/control"
)

// eventsCommand is `ringback events`.
func eventsCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "events", Usage: "follow what happens",
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "since", Usage: "begin after the event with this `SEQ`; 0 is the first"},
			&cli.StringSliceFlag{Name: "type", Usage: "only types that match this `GLOB`, such as 'call.*'; may be repeated"},
			&cli.IntFlag{Name: "count", Usage: "end after so many events, a `NUMBER`"},
		},
		Description: `$ ringback events --type 'call.*'
10:02:11.402    41  call.connected     i7  c12  sip:+81312345678@127.0.0.10
10:02:19.020    44  call.held          i7  c12`,
		Action: func(c *cli.Context) error { return follow(c, sh) },
	}
}

func follow(c *cli.Context, sh *shell) error {
	if c.Args().Present() {
		return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback events [--since SEQ] [--type GLOB]")
	}
	globs := c.StringSlice("type")
	for _, g := range globs {
		if _, err := path.Match(g, ""); err != nil {
			return usageError("flag --type %q: it is no pattern", g).withHint("write for example: --type 'call.*'")
		}
	}
	if c.IsSet("count") && c.Int("count") < 1 {
		return usageError("flag --count %d: it is 1 or more", c.Int("count"))
	}
	client, err := sh.client(c)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(c.Context)
	if c.IsSet("timeout") {
		ctx, cancel = patience(c)
	}
	defer cancel()
	err = sh.copyEvents(ctx, c, client, globs)
	// Both ends of a stream that was followed as long as asked are its end.
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (sh *shell) copyEvents(ctx context.Context, c *cli.Context, client *control.Client, globs []string) error {
	since := c.Uint64("since")
	if !c.IsSet("since") {
		s, err := client.State(ctx)
		if err != nil {
			return err
		}
		since = s.Seq
	}
	stream, err := client.Events(ctx, since)
	if err != nil {
		return err
	}
	defer stream.Close()
	for left := c.Int("count"); ; {
		e, err := stream.Next(ctx)
		if errors.Is(err, agent.ErrFellBehind) {
			return &failure{code: exitFailed, name: "fell_behind", message: "events are lost: the agent does not remember them any more", hint: "go on from now with: ringback events"}
		}
		if err != nil {
			return err
		}
		if !matches(globs, string(e.Type)) {
			continue
		}
		sh.result(c, e, eventLine(e))
		if left--; left == 0 {
			return nil
		}
	}
}

func matches(globs []string, name string) bool {
	for _, g := range globs {
		if ok, _ := path.Match(g, name); ok {
			return true
		}
	}
	return len(globs) == 0
}

// eventLine is an event in one line.
func eventLine(e agent.Event) string {
	cells := []string{fmt.Sprintf("%s %5d  %-22s", e.Time.Local().Format("15:04:05.000"), e.Seq, e.Type)}
	for _, s := range []string{string(e.Interaction), string(e.Call), string(e.Channel), e.State, e.Remote, e.Target, e.Digits, e.Device, e.File, lengthText(e.Duration)} {
		if s != "" {
			cells = append(cells, clean(s))
		}
	}
	if e.Code > 0 {
		cells = append(cells, fmt.Sprint(e.Code))
	}
	for _, s := range []string{e.Reason, e.Text} {
		if s != "" {
			cells = append(cells, clean(s))
		}
	}
	return strings.TrimRight(strings.Join(cells, "  "), " ")
}

// lengthText is how long something is; empty where that does not matter.
func lengthText(l agent.Length) string {
	if l == 0 {
		return ""
	}
	return l.String()
}
