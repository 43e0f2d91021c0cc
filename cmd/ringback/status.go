package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
)

// statusCommand is `ringback status`.
func statusCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "registration, channels, offers, interactions, calls, outbox",
		Description: `$ ringback status
sip:1001@127.0.0.10  registered  until 10:05
voice                ready       since 10:02, 12m

i7  connected  voicecallback  山田 太郎  +81312345678
    scheduled for 10:00 Asia/Tokyo: invoice 4711
    c12  connected  main  sip:+81312345678@127.0.0.10  PCMU  lost 0  jitter 1.2 ms  MOS 4.4
    can: end hold mute transfer conference dtmf consult dispose note case`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback status")
			}
			client, err := sh.client(c)
			if err != nil {
				return err
			}
			defer client.Close()
			ctx, cancel := patience(c)
			defer cancel()
			s, err := client.State(ctx)
			if err != nil {
				return err
			}
			sh.result(c, s, statusText(s, time.Now()))
			return nil
		},
	}
}

// statusText is the state as a person reads it. now is for what is counted
// down.
func statusText(s agent.State, now time.Time) string {
	var b strings.Builder
	b.WriteString(headLines(s, now))
	open := slices.DeleteFunc(slices.Clone(s.Interactions), func(i agent.InteractionState) bool { return i.State == agent.PhaseDone })
	for _, i := range open {
		b.WriteString("\n" + interactionText(s, i, now))
	}
	if len(open) == 0 {
		b.WriteString("\nno interactions\n")
	}
	if s.Outbox.Waiting+s.Outbox.Failed > 0 {
		b.WriteString("\n" + outboxLine(s.Outbox))
	}
	if text := refusedText(s.Refused); text != "" {
		b.WriteString("\nrefused since the start\n" + text)
	}
	return b.String()
}

// refusedText is what was refused, a line for each cause that happened; empty when
// nothing was.
func refusedText(refused map[string]uint64) string {
	var t table
	left := maps.Clone(refused)
	for _, c := range agent.Causes() {
		if n := left[c.Name]; n > 0 {
			t.row(fmt.Sprint(n), c.Words, "("+c.Name+")")
		}
		delete(left, c.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(left)) { // of an agent that is newer
		t.row(fmt.Sprint(left[name]), clean(name))
	}
	return t.String()
}

func headLines(s agent.State, now time.Time) string {
	var t table
	r := s.Registration
	cells := []string{clean(r.AOR), r.State}
	if r.State == "registered" && r.Expires != nil {
		cells = append(cells, "until "+clock(*r.Expires))
	}
	if r.State != "registered" {
		why := clean(r.Reason)
		if r.Code > 0 && !strings.Contains(why, fmt.Sprint(r.Code)) {
			why = strings.TrimSpace(fmt.Sprint(r.Code, " ", why))
		}
		if r.NextTry != nil {
			why = strings.TrimPrefix(why+", next try "+r.NextTry.Local().Format("15:04:05"), ", ")
		}
		cells = append(cells, why)
	}
	t.row(cells...)
	if r.State == "registered" && r.Reason != "" {
		t.row("but", clean(r.Reason))
	}
	channelRows(&t, s, now)
	if s.Audio.Headset != "" {
		t.row("headset", clean(s.Audio.Headset), chains(s.Audio))
	}
	if len(s.Team) > 0 {
		t.row("team", strings.Join(teamCounts(s.Team), ", "))
	}
	return t.String()
}

func channelRows(t *table, s agent.State, now time.Time) {
	for _, name := range slices.Sorted(maps.Keys(s.Channels)) {
		c := s.Channels[name]
		cells := []string{string(name), string(c.State)}
		if c.Reason != "" {
			cells = append(cells, clean(c.Reason))
		}
		if !c.Since.IsZero() {
			cells = append(cells, "since "+clock(c.Since)+", "+inState(now.Sub(c.Since)))
		}
		if c.WrapUpUntil != nil {
			cells = append(cells, inState(c.WrapUpUntil.Sub(now))+" left")
		}
		if c.Pending != "" {
			cells = append(cells, "then "+strings.TrimSpace(c.Pending+" "+clean(c.PendingReason)))
		}
		if c.PBX != nil {
			cells = append(cells, toldText("queue", *c.PBX))
		}
		if c.Presence != nil {
			cells = append(cells, toldText("presence", *c.Presence))
		}
		t.row(cells...)
	}
}

// toldText is what the PBX knows of a channel, and why it could not be told more.
func toldText(what string, q agent.QueueState) string {
	text := what + " " + q.State
	if q.Reason != "" {
		text += " (" + clean(q.Reason) + ")"
	}
	return text
}

// inState is the time in a state as a person reads it.
func inState(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

func channelLines(s agent.State, now time.Time) string {
	var t table
	channelRows(&t, s, now)
	return t.String()
}

// interactionLine is an interaction in one line.
func interactionLine(i agent.InteractionState) string {
	cells := []string{string(i.ID), string(i.State), string(i.Kind)}
	if i.Contact.Name != "" {
		cells = append(cells, clean(i.Contact.Name))
	}
	if i.Contact.Number != "" {
		cells = append(cells, clean(i.Contact.Number))
	}
	if r := i.Recording; r != nil {
		cells = append(cells, recordingText(*r))
	}
	if i.Playing != nil {
		cells = append(cells, "playing "+clean(filepath.Base(i.Playing.File)))
	}
	if i.Muted {
		cells = append(cells, "muted")
	}
	if i.Disposition != "" {
		cells = append(cells, clean(i.Disposition))
	}
	if i.Reschedule != nil {
		cells = append(cells, rescheduleText(*i.Reschedule))
	}
	return strings.Join(cells, "  ")
}

func interactionText(s agent.State, i agent.InteractionState, now time.Time) string {
	lines := []string{interactionLine(i)}
	indent := func(format string, args ...any) { lines = append(lines, "    "+fmt.Sprintf(format, args...)) }
	if i.OfferExpires != nil {
		left := max(0, i.OfferExpires.Sub(now).Round(time.Second))
		indent("accept means %s; %v left", i.AcceptMeans, left)
	}
	if i.Callback != nil && !i.Info.Configured {
		if text := callbackText(*i.Callback); text != "" {
			indent("%s", text)
		}
	}
	if n := i.Attempts - len(i.AttemptLog); n > 0 {
		indent("called before: %d", n)
	}
	for _, r := range i.Info.Callback {
		if i.Info.Configured {
			indent("%s", infoText(r))
		}
	}
	for _, line := range contactLines(i) {
		indent("%s", line)
	}
	for _, r := range i.Info.Case {
		indent("%s", infoText(r))
	}
	if r := i.Recording; r != nil {
		indent("recording since %s: %s", clock(r.Started), clean(r.File))
	}
	if i.Note != "" {
		indent("note: %s", clean(i.Note))
	}
	for _, t := range i.AttemptLog {
		indent("%s", attemptText(t))
	}
	calls := &table{}
	for _, id := range i.Calls {
		if call, found := s.Call(id); found {
			calls.row(callCells(call)...)
		}
	}
	for line := range strings.Lines(calls.String()) {
		indent("%s", strings.TrimRight(line, "\n"))
	}
	if len(i.Allowed) > 0 {
		indent("can: %s", strings.Join(i.Allowed, " "))
	}
	return strings.Join(lines, "\n") + "\n"
}

// recordingText is a recording in a line: its name, and whether it is paused.
func recordingText(r agent.RecordingState) string {
	text := "recording " + clean(filepath.Base(r.File))
	if r.State != "recording" {
		text += ", " + r.State
	}
	return text
}

// infoText is a row of case or callback information.
func infoText(r agent.InfoRow) string {
	text := clean(r.Label) + ": " + clean(r.Value)
	if r.Link != "" && r.Link != r.Value {
		text += "  " + clean(r.Link)
	}
	return strings.TrimRight(text, " ")
}

// callCells are a call's columns; what is so of it now stands in one of them.
func callCells(c agent.CallState) []string {
	var now []string
	for _, flag := range []struct {
		on   bool
		name string
	}{
		{c.Encrypted && c.State != agent.CallPhaseEnded, "encrypted"},
		{c.HeldByMe, "held by me"}, {c.HeldByRemote, "held by remote"}, {c.Muted, "muted"},
		{c.Suspended, "suspended"}, {c.Transferring, "transferring"},
		{c.State == agent.CallPhaseEnded && c.Reason != "", clean(c.Reason)},
	} {
		if flag.on {
			now = append(now, flag.name)
		}
	}
	cells := []string{string(c.ID), string(c.State), string(c.Role), clean(c.Remote), strings.Join(now, ", ")}
	if c.Codec != "" && c.Quality.RXPackets > 0 {
		q := c.Quality
		cells = append(cells, c.Codec, fmt.Sprintf("lost %d", q.Lost), fmt.Sprintf("jitter %.1f ms", q.JitterMS), q.Score())
		if q.Troubled {
			cells = append(cells, clean(q.Trouble))
		}
	}
	return cells
}

// clock is a time as a person at a desk reads it.
func clock(t time.Time) string { return t.Local().Format("15:04") }

// chains says what is done to the headset's sound.
func chains(a agent.AudioState) string {
	var parts []string
	if a.Microphone != "" {
		parts = append(parts, "microphone: "+a.Microphone)
	}
	if a.Ear != "" {
		parts = append(parts, "ear: "+a.Ear)
	}
	return strings.Join(parts, "; ")
}
