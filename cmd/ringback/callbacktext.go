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

// rescheduleText is when a contact will be called again.
func rescheduleText(r agent.Reschedule) string {
	parts := []string{"again " + clean(r.Local), r.Scope}
	if r.Retry {
		parts[1] = "by itself"
	}
	if r.Reason != "" {
		parts = append(parts, clean(r.Reason))
	}
	if r.Untold {
		parts = append(parts, "but callbacks.report_to is not set: nobody else is told")
	}
	return strings.Join(parts, ", ")
}

// attemptText is one call to the contact.
func attemptText(t agent.Attempt) string {
	text := fmt.Sprintf("attempt %d at %s to %s", t.N, t.Started.Local().Format("15:04"), clean(t.Number))
	if t.Result != "" {
		text += ": " + t.Result
	}
	if t.Code >= 300 {
		text += fmt.Sprintf(" (%d)", t.Code)
	}
	return text
}
