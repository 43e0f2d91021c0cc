package main

import (
	"encoding/json"

	"ringback/agent"
)

// rescheduleVerb is `ringback reschedule`.
func rescheduleVerb() verb {
	return verb{
		name: "reschedule", usage: "call the contact again at another time; takes effect on done",
		flags: []argFlag{
			stringFlag("at", "at", "the contact's `TIME`: 15:04, tomorrow 09:00, mon 09:00, +30m or RFC 3339"),
			stringFlag("zone", "zone", "whose clock is meant, an IANA `NAME`; the contact's when left out"),
			stringFlag("number", "number", "another `NUMBER` of the contact"),
			stringFlag("reason", "reason", "why, as one of the configured `REASONS`"),
			boolFlag("personal", "personal", "comes back to this agent; otherwise the team gets it"),
			boolFlag("drop", "drop", "forget what is armed"),
		},
		sub: []verb{{
			name: "presets", action: "reschedule-presets", plain: true, usage: "the times that the configuration offers, and which can be taken now", show: presetsText,
			words: []operand{{name: "I", arg: "interaction", optional: true}},
			example: `$ ringback reschedule presets
+15m            2026-11-25 18:15 JST
+1h             2026-11-25 19:00 JST
tomorrow 09:00  2026-11-26 09:00 JST`,
		}},
		example: `$ ringback reschedule --at "tomorrow 09:00" --reason busy --personal
i7  ready-to-call  webcallback  山田 太郎  +81312345678  again 2026-11-26 09:00 JST, personal, busy`,
	}
}

func presetsText(result json.RawMessage) string {
	var p agent.Presets
	if err := json.Unmarshal(result, &p); err != nil {
		return "reschedule: " + err.Error()
	}
	var t table
	for _, row := range p.Presets {
		t.row(row.Name, row.Local, row.Why)
	}
	return t.String()
}
