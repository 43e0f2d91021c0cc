package main

import (
	"time"

	"ringback/agent"
)

// blockedVerb is `ringback blocked`.
func blockedVerb() verb {
	number := operand{name: "NUMBER", arg: "number"}
	return verb{
		name: "blocked", records: true, usage: "the do-not-call list: numbers that are never dialled", show: shown(blockedText), words: []operand{query()},
		example: `$ ringback blocked
+81312345678  03-1234-5678  山田 太郎  2026-11-25  asked for it` + kept,
		sub: []verb{
			{name: "add", action: "blocked-add", records: true, usage: "put a number on the list", show: shown(blockedText), words: []operand{number},
				flags:   []argFlag{stringFlag("reason", "reason", "why, a `TEXT`")},
				example: "$ ringback blocked add 03-1234-5678 --reason 'asked for it'\n+81312345678  03-1234-5678  山田 太郎  2026-11-25  asked for it"},
			{name: "remove", action: "blocked-remove", records: true, usage: "take a number off the list", show: shown(blockedText), words: []operand{number},
				example: "$ ringback blocked remove 03-1234-5678\nremoved: +81312345678  03-1234-5678  山田 太郎"},
		},
	}
}

func blockedText(l agent.BlockedList) string {
	if len(l.Blocked) == 0 {
		return "no number is on the do-not-call list\n"
	}
	var t table
	for _, e := range l.Blocked {
		t.row(clean(e.Number), clean(e.Shown), clean(e.Name), e.Added.Local().Format(time.DateOnly), clean(e.Reason))
	}
	if l.Removed {
		return "removed: " + t.String()
	}
	return t.String()
}
