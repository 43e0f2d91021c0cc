package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ringback/agent"
	"ringback/agent/control"
	"ringback/agent/verdict"
)

// lookAtDesk asks the profile's agent how it is, before anything else: who runs beside
// it treads lightly.
func (e *exam) lookAtDesk(ctx context.Context) {
	if e.SocketErr != nil || e.Socket == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	client := control.Dial(e.Socket)
	defer client.Close()
	if s, err := client.State(ctx); err == nil {
		e.desk = &s
	}
}

// control looks at the place of the agent's socket.
func (e *exam) control() {
	if e.SocketErr != nil {
		e.tell("control", Wrong, verdict.ControlPath.Say("error", e.SocketErr.Error()))
		return
	}
	place, err := control.Look(e.Socket)
	switch {
	case errors.Is(err, control.ErrForeign):
		e.tell("control", Wrong, verdict.ControlForeign.Say("folder", place.Folder))
	case err != nil:
		e.tell("control", Wrong, verdict.ControlPath.Say("error", err.Error()))
	case e.desk != nil:
		e.ok("control", "%s answers", e.Socket)
	case place.Locked:
		e.tell("control", Wrong, verdict.ControlBusy.Say("pid", strconv.Itoa(place.PID), "profile", e.Profile))
	default:
		e.ok("control", "%s is free", e.Socket)
	}
}

// mostCauses is how many causes of refusal are named.
const mostCauses = 4

// agent looks at the agent that runs, if one does.
func (e *exam) agent() {
	s := e.desk
	if s == nil {
		e.tell("agent", NotChecked, verdict.AgentNone.Say("profile", e.Profile))
		return
	}
	before := len(e.report.Checks)
	if r := s.Registration; r.State == "failed" || r.State == "registering" && r.Reason != "" {
		e.tell("agent", Wrong, verdict.AgentFails.Say("state", r.State, "reason", r.Reason))
	}
	if o := s.Outbox; o.Failed > 0 || o.Waiting > 0 && o.Reason != "" {
		e.tell("agent", Warning, verdict.AgentOutbox.Say("waiting", strconv.Itoa(o.Waiting), "failed", strconv.Itoa(o.Failed), "reason", o.Reason))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Channels)) {
		if q := s.Channels[name].PBX; q != nil && q.Reason != "" {
			e.tell("agent", Warning, verdict.AgentQueue.Say("channel", string(name), "reason", q.Reason))
		}
	}
	if text := refusedText(s.Refused); text != "" {
		e.tell("agent", Warning, verdict.AgentRefused.Say("counts", text))
	}
	if len(e.report.Checks) == before {
		e.ok("agent", "%s, %s; nothing was refused, nothing waits", s.Registration.AOR, s.Registration.State)
	}
}

// refusedText names what was refused most.
func refusedText(refused map[string]uint64) string {
	words := map[string]string{}
	for _, c := range agent.Causes() {
		words[c.Name] = c.Words
	}
	names := slices.Sorted(maps.Keys(refused))
	slices.SortStableFunc(names, func(a, b string) int { return int(min(refused[b], 1<<30)) - int(min(refused[a], 1<<30)) })
	var list []string
	for i, name := range names {
		if i == mostCauses {
			list = append(list, fmt.Sprintf("%d more causes (ringback status has them)", len(names)-i))
			break
		}
		what := words[name]
		if what == "" {
			what = name
		}
		list = append(list, fmt.Sprintf("%d %s", refused[name], what))
	}
	return strings.Join(list, ", ")
}
