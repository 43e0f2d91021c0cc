package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"ringback/agent"
)

// outboxVerb is `ringback outbox`.
func outboxVerb() verb {
	return verb{
		name: "outbox", plain: true, usage: "the reports that the PBX does not have yet, and why", show: outboxText,
		example: `$ ringback outbox
outbox: 2 waiting, 0 failed; 404 Not Found, next try 10:02:45
r-1f40fc92da241694750979ee  waiting  cb-9  1  accepted  10:01  tries 2  404 Not Found
r-93f4a3d0f5f6a6a8a4c39a6b  waiting  cb-9  2  attempt   10:02  tries 0`,
		sub: []verb{{
			name: "retry", action: "outbox-retry", plain: true, usage: "send what waits or has failed now", show: retriedText,
			words: []operand{{name: "REPORT", arg: "report", optional: true}},
			example: `$ ringback outbox retry
2 reports are sent again`,
		}},
	}
}

func outboxText(result json.RawMessage) string {
	var list agent.OutboxList
	if err := json.Unmarshal(result, &list); err != nil {
		return "outbox: " + err.Error()
	}
	var t table
	for _, r := range list.Reports {
		t.row(r.ID, r.State, clean(r.Callback), fmt.Sprint(r.Seq), string(r.Type), clock(r.Created), fmt.Sprint("tries ", r.Tries), clean(r.Reason))
	}
	return outboxLine(list.OutboxState) + t.String()
}

// outboxLine is the outbox in one line, with what the first report waits for.
func outboxLine(o agent.OutboxState) string {
	text := fmt.Sprintf("outbox: %d waiting, %d failed", o.Waiting, o.Failed)
	var why []string
	if o.Reason != "" {
		why = append(why, clean(o.Reason))
	}
	if o.NextTry != nil {
		why = append(why, "next try "+o.NextTry.Local().Format("15:04:05"))
	}
	if len(why) > 0 {
		text += "; " + strings.Join(why, ", ")
	}
	return text + "\n"
}

func retriedText(result json.RawMessage) string {
	var done struct{ Retried int }
	if err := json.Unmarshal(result, &done); err != nil {
		return "outbox: " + err.Error()
	}
	return fmt.Sprintf("%d reports are sent again", done.Retried)
}
