package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/control"
	"ringback/internal/ladder"
)

// traceCommand is `ringback trace`.
func traceCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "trace", Usage: "the SIP ladder of an interaction, secrets redacted", ArgsUsage: "[I]",
		Description: `$ ringback trace i7
   ms  127.0.0.10:5060                127.0.0.1:40312
    0  |--- INVITE c1 ------------------------------>|
    3  |<-- 180 Ringing ------------------------------|
$ ringback trace i7 --format pcapng --output i7.pcapng
i7.pcapng: 12 messages`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: "text", Usage: "write the trace as `FORM`: text, html (opens without a network) or pcapng (for Wireshark)"},
			&cli.StringFlag{Name: "output", Usage: "write it to this `FILE` in place of stdout"},
		},
		Action: func(c *cli.Context) error { return trace(c, sh) },
	}
}

// traceForms are the forms beside text: how each is written.
var traceForms = map[string]func(io.Writer, string, []agent.TraceRecord) error{
	"html": writeTraceHTML, "pcapng": writeTracePcapng,
}

func trace(c *cli.Context, sh *shell) error {
	id, form, output := c.Args().First(), c.String("format"), c.String("output")
	switch {
	case c.Args().Len() > 1:
		return usageError("%q is one word too many", c.Args().Get(1)).withHint("usage: ringback trace [I]")
	case id != "" && !interactionID.MatchString(id):
		return usageError("%q is no interaction: its id is such as i7", id).withHint("see: ringback status")
	case form != "text" && traceForms[form] == nil:
		return usageError("flag --format %q: it is text, html or pcapng", form)
	}
	body, err := sh.traceOf(c, id)
	if err != nil {
		return err
	}
	return showTrace(c, sh, body, form, output)
}

// traceOf is the trace of an interaction: from the running agent, or, of one that it
// does not remember, from the history.
func (sh *shell) traceOf(c *cli.Context, id string) (control.Trace, error) {
	client, err := sh.client(c)
	if err != nil {
		return control.Trace{}, err
	}
	defer client.Close()
	ctx, cancel := patience(c)
	defer cancel()
	body, err := client.Trace(ctx, id)
	if err == nil || id == "" {
		return body, err
	}
	if code := asFailure(err).code; code != exitNotFound && code != exitNoAgent {
		return body, err
	}
	raw, past := sh.records(c, "history-show", map[string]any{"interaction": id})
	var result agent.HistoryResult
	if past != nil || json.Unmarshal(raw, &result) != nil {
		return body, err
	}
	body = control.Trace{Schema: "ringback.trace/1", Interaction: agent.InteractionID(id), Records: []agent.TraceRecord{}}
	for _, call := range result.Interaction.Calls {
		var records []agent.TraceRecord
		if err := json.Unmarshal(call.Messages, &records); err != nil {
			return body, fmt.Errorf("read the messages of %s: %w", call.ID, err)
		}
		body.Records = append(body.Records, records...)
	}
	slices.SortStableFunc(body.Records, func(a, b agent.TraceRecord) int { return a.Time.Compare(b.Time) })
	return body, nil
}

func showTrace(c *cli.Context, sh *shell, body control.Trace, form, output string) error {
	text := "no messages are remembered"
	if len(body.Records) > 0 {
		text = ladder.Render(ladderOf(body.Records), ladder.Options{Parties: phoneOf(body.Records)})
	}
	if form == "text" && output == "" {
		sh.result(c, body, text)
		return nil
	}
	var out bytes.Buffer
	if write := traceForms[form]; write == nil {
		fmt.Fprintln(&out, text)
	} else if err := write(&out, text, body.Records); err != nil {
		return fmt.Errorf("write trace as %s: %w", form, err)
	}
	if output == "" {
		_, err := sh.out.Write(out.Bytes())
		return err
	}
	if err := os.WriteFile(output, out.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write trace: %w", err)
	}
	sh.result(c, traceFile{Schema: "ringback.trace-file/1", File: output, Format: form, Messages: len(body.Records)},
		fmt.Sprintf("%s: %d messages", output, len(body.Records)))
	return nil
}

// traceFile says what was written.
type traceFile struct {
	Schema   string `json:"schema"`
	File     string `json:"file"`
	Format   string `json:"format"`
	Messages int    `json:"messages"`
}

// phoneOf is this phone as one column, where it had several addresses: the machine
// moved, or a connection was made anew.
func phoneOf(records []agent.TraceRecord) []ladder.Party {
	var own []string
	for _, r := range records {
		at := r.To
		if r.Out {
			at = r.From
		}
		if !slices.Contains(own, at) {
			own = append(own, at)
		}
	}
	if len(own) < 2 {
		return nil
	}
	return []ladder.Party{{Name: "this phone", Addresses: own}}
}

func ladderOf(records []agent.TraceRecord) []ladder.Message {
	var messages []ladder.Message
	for _, r := range records {
		messages = append(messages, ladder.Message{At: r.Time, From: r.From, To: r.To, Raw: []byte(r.Message)})
	}
	return messages
}
