package main

import (
	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/internal/ladder"
)

// traceCommand is `ringback trace`.
func traceCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "trace", Usage: "the SIP ladder of an interaction, secrets redacted", ArgsUsage: "[I]",
		Description: `$ ringback trace i7
   ms  127.0.0.10:5060                127.0.0.1:40312
    0  |--- INVITE c1 ------------------------------>|
    3  |<-- 180 Ringing ------------------------------|`,
		Action: func(c *cli.Context) error { return trace(c, sh) },
	}
}

func trace(c *cli.Context, sh *shell) error {
	id := c.Args().First()
	switch {
	case c.Args().Len() > 1:
		return usageError("%q is one word too many", c.Args().Get(1)).withHint("usage: ringback trace [I]")
	case id != "" && !interactionID.MatchString(id):
		return usageError("%q is no interaction: its id is such as i7", id).withHint("see: ringback status")
	}
	client, err := sh.client(c)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := patience(c)
	defer cancel()
	body, err := client.Trace(ctx, id)
	if err != nil {
		return err
	}
	text := "no messages are remembered"
	if len(body.Records) > 0 {
		text = ladder.Render(ladderOf(body.Records), ladder.Options{})
	}
	sh.result(c, body, text)
	return nil
}

func ladderOf(records []agent.TraceRecord) []ladder.Message {
	var messages []ladder.Message
	for _, r := range records {
		messages = append(messages, ladder.Message{At: r.Time, From: r.From, To: r.To, Raw: []byte(r.Message)})
	}
	return messages
}
