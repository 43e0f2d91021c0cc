package main

import (
	"fmt"
	"strings"
	"time"

	"ringback/agent"
)

// callbackText is what a callback asks for, in one line.
func callbackText(c agent.Callback) string {
	text := clean(c.Type)
	switch {
	case c.DesiredLocal != "":
		text += " for " + clean(c.DesiredLocal)
	case c.DesiredTime != nil:
		text += " for " + c.DesiredTime.Local().Format("2006-01-02 15:04")
	}
	if c.DesiredTime != nil && c.Timezone != "" {
		text += fmt.Sprintf(" (%s there, %s here)", clean(c.Timezone), c.DesiredTime.Local().Format("15:04"))
	}
	parts := []string{text}
	for _, p := range []struct{ label, value string }{
		{"reachable ", reachable(c)}, {"", c.Reason}, {"instructions: ", c.Instructions}, {"from ", c.Origin}, {"waited ", c.Waited},
	} {
		if p.value != "" {
			parts = append(parts, p.label+clean(p.value))
		}
	}
	if c.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", c.Attempt))
	}
	return strings.Join(parts, "; ")
}

// reachable is the contact's window as the clock here shows it.
func reachable(c agent.Callback) string {
	var text []string
	for _, end := range []struct {
		word string
		at   *time.Time
	}{{"from", c.ReachableFrom}, {"until", c.ReachableUntil}} {
		if end.at != nil {
			text = append(text, end.word+" "+end.at.Local().Format("2006-01-02 15:04"))
		}
	}
	return strings.Join(text, " ")
}
