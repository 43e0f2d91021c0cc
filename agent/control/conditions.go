package control

import (
	"fmt"
	"path"
	"strings"
	"time"

	"ringback/agent"
)

// UnmetError says that what is waited for cannot come any more, or did not come
// in time. Code is one of agent's error codes.
type UnmetError struct {
	Expr       string
	Code       string
	Message    string
	Candidates []string
}

// Error names the expression and what is the case instead.
func (e *UnmetError) Error() string { return fmt.Sprintf("wait for %s: %s", e.Expr, e.Message) }

// view is what a condition judges: the state, and the event that led to it (nil
// for the snapshot).
type view struct {
	state agent.State
	event *agent.Event
	past  bool // the event is from before the snapshot
}

// condition is one thing waited for. judge says whether it is met, or why it
// never will be; it is called for the snapshot and then for each event in
// order. now is how things stand, for the message of a time-out.
type condition interface {
	judge(v view) (bool, *UnmetError)
	now(s agent.State) string
}

// fromHistory is a condition that counts events from before the snapshot too.
type fromHistory interface{ history() }

// fromMark is a condition that counts events from the mark on; see mark.
type fromMark interface{ marked() }

// dwell is a condition that has to hold for a time before it counts.
type dwell interface{ dwell() time.Duration }

type registrationIs struct{ want string }

func (c *registrationIs) judge(v view) (bool, *UnmetError) {
	r := v.state.Registration
	if r.State == c.want {
		return true, nil
	}
	if c.want == "registered" && r.State == "failed" && r.NextTry == nil {
		return false, &UnmetError{Code: agent.CodeNotRegistered, Message: "the registration failed for good: " + because(r.Code, r.Reason)}
	}
	return false, nil
}

func (c *registrationIs) now(s agent.State) string {
	text := "the registration is " + s.Registration.State
	if why := because(s.Registration.Code, s.Registration.Reason); why != "" {
		text += ": " + why
	}
	return text
}

func because(code int, reason string) string {
	switch {
	case code == 0:
		return reason
	case strings.HasPrefix(reason, fmt.Sprint(code)):
		return reason
	}
	return strings.TrimSpace(fmt.Sprint(code, " ", reason))
}

type channelIs struct {
	channel agent.ChannelName
	want    string
}

func (c *channelIs) judge(v view) (bool, *UnmetError) {
	channel, known := v.state.Channels[c.channel]
	if !known && len(v.state.Channels) > 0 { // none: the agent is just starting
		return false, &UnmetError{Code: agent.CodeNotFound, Message: fmt.Sprintf("this agent has no channel %s", c.channel)}
	}
	return string(channel.State) == c.want, nil
}

func (c *channelIs) now(s agent.State) string {
	return fmt.Sprintf("channel %s is %s", c.channel, s.Channels[c.channel].State)
}

type interactionIs struct {
	id   agent.InteractionID // "" for any
	want agent.Phase
}

func (c *interactionIs) judge(v view) (bool, *UnmetError) {
	for _, i := range v.state.Interactions {
		if (c.id == "" || i.ID == c.id) && i.State == c.want {
			return true, nil
		}
	}
	if c.id == "" {
		return false, nil
	}
	i, found := v.state.Interaction(c.id)
	switch {
	case !found:
		return false, &UnmetError{Code: agent.CodeNotFound, Message: fmt.Sprintf("there is no interaction %s", c.id), Candidates: interactionIDs(v.state)}
	case i.State == agent.PhaseDone:
		return false, &UnmetError{Code: agent.CodeNotAllowed, Message: fmt.Sprintf("interaction %s is done", c.id)}
	case c.want == agent.PhaseOffered:
		return false, &UnmetError{Code: agent.CodeNotAllowed, Message: fmt.Sprintf("interaction %s is %s", c.id, i.State)}
	}
	return false, nil
}

func (c *interactionIs) now(s agent.State) string {
	var all []string
	for _, i := range s.Interactions {
		if c.id == "" || i.ID == c.id {
			all = append(all, fmt.Sprintf("%s is %s", i.ID, i.State))
		}
	}
	if len(all) == 0 {
		return "there is no interaction"
	}
	return strings.Join(all, ", ")
}

func interactionIDs(s agent.State) []string {
	ids := []string{}
	for _, i := range s.Interactions {
		ids = append(ids, string(i.ID))
	}
	return ids
}

type callIs struct {
	id   agent.CallID // "" for any
	want string
}

func (c *callIs) judge(v view) (bool, *UnmetError) {
	for _, call := range v.state.Calls {
		if (c.id == "" || call.ID == c.id) && callHas(call, c.want) {
			return true, nil
		}
	}
	if c.id == "" {
		return false, nil
	}
	call, found := v.state.Call(c.id)
	if !found {
		return false, &UnmetError{Code: agent.CodeNotFound, Message: fmt.Sprintf("there is no call %s", c.id), Candidates: callIDs(v.state)}
	}
	if call.State == agent.CallPhaseEnded {
		return false, Ended(call)
	}
	return false, nil
}

func (c *callIs) now(s agent.State) string {
	var all []string
	for _, call := range s.Calls {
		if c.id == "" || call.ID == c.id {
			all = append(all, fmt.Sprintf("%s is %s", call.ID, call.State))
		}
	}
	if len(all) == 0 {
		return "there is no call"
	}
	return strings.Join(all, ", ")
}

func callHas(call agent.CallState, want string) bool {
	up := call.State != agent.CallPhaseEnded
	switch want {
	case "held":
		return up && call.HeldByMe
	case "held-by-remote":
		return up && call.HeldByRemote
	case "muted":
		return up && call.Muted
	}
	return string(call.State) == want
}

func callIDs(s agent.State) []string {
	ids := []string{}
	for _, call := range s.Calls {
		ids = append(ids, string(call.ID))
	}
	return ids
}

// endedCode has the error code of each way in which a call ends unanswered.
var endedCode = map[string]string{
	"busy": agent.CodeBusy, "rejected": agent.CodeRejected, "no-answer": agent.CodeTimeout,
	"timed-out": agent.CodeTimeout, "forbidden": agent.CodeUnauthorized, "unauthorized": agent.CodeUnauthorized,
	"not-found": agent.CodeNotFound, "unavailable": agent.CodeRejected,
}

// Ended is why a call that has ended will not be anything else again.
func Ended(call agent.CallState) *UnmetError {
	code, known := endedCode[call.Reason]
	if !known || call.Connected != nil {
		code = agent.CodeFailed
	}
	text := fmt.Sprintf("call %s has ended", call.ID)
	if call.Reason != "" {
		text += " (" + because(call.Code, call.Reason) + ")"
	}
	return &UnmetError{Code: code, Message: text}
}

type presenceIs struct{ target, want string }

func (c *presenceIs) judge(v view) (bool, *UnmetError) {
	targets := []string{}
	for _, m := range v.state.Team {
		if m.Target == c.target {
			return m.Presence == c.want, nil
		}
		targets = append(targets, m.Target)
	}
	if len(v.state.Channels) == 0 { // the agent is just starting
		return false, nil
	}
	return false, &UnmetError{Code: agent.CodeNotFound, Message: fmt.Sprintf("there is no %s in the team", c.target), Candidates: targets}
}

func (c *presenceIs) now(s agent.State) string {
	for _, m := range s.Team {
		if m.Target == c.target {
			return strings.TrimSuffix(fmt.Sprintf("%s is %s: %s", c.target, m.Presence, m.Reason), ": ")
		}
	}
	return "there is no " + c.target + " in the team"
}

type idle struct{}

func (idle) judge(v view) (bool, *UnmetError) {
	for _, i := range v.state.Interactions {
		if i.State != agent.PhaseDone {
			return false, nil
		}
	}
	return true, nil
}

func (idle) now(s agent.State) string { return (&interactionIs{}).now(s) }

type eventCame struct{ glob string }

func (c *eventCame) marked() {}

func (c *eventCame) judge(v view) (bool, *UnmetError) {
	if v.event == nil || v.past {
		return false, nil
	}
	match, _ := path.Match(c.glob, string(v.event.Type))
	return match, nil
}

func (c *eventCame) now(agent.State) string { return "no such event came" }

// digitsCame counts the digits of calls that are up from their beginning: they
// may have come before anyone could wait for them.
type digitsCame struct {
	want  string
	heard map[agent.CallID]string
}

func (c *digitsCame) history() {}

func (c *digitsCame) judge(v view) (bool, *UnmetError) {
	if v.event == nil || v.event.Type != agent.DTMFReceived {
		return false, nil
	}
	if call, found := v.state.Call(v.event.Call); v.past && (!found || call.State == agent.CallPhaseEnded) {
		return false, nil
	}
	heard := c.heard[v.event.Call] + strings.ToUpper(v.event.Digits)
	c.heard[v.event.Call] = heard
	return strings.Contains(heard, c.want), nil
}

func (c *digitsCame) now(agent.State) string {
	for call, heard := range c.heard {
		return fmt.Sprintf("call %s brought %s", call, heard)
	}
	return "no digit came"
}
