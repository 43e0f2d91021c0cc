package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringback/agent"
)

// Order is an action together with the state to wait for after it.
type Order struct {
	Action string
	Args   map[string]any
	Until  string // a state, or what happens: transferred, sent, played; "" does not wait
	// NewCall says that the action makes a call of its own, whose state is meant
	// by Until (dial, call, consult, conference).
	NewCall bool
	// Channel is the channel whose state is meant by Until, for readiness.
	Channel agent.ChannelName
}

// Outcome is what became of an Order.
type Outcome struct {
	Result      json.RawMessage // as the agent gave it
	Interaction agent.InteractionID
	Call        agent.CallID
	State       agent.State // after the action, or when Until was met
}

// happenings are the words that Until knows beside states, and their events.
var happenings = map[string][]agent.EventType{
	"transferred": {agent.CallTransferred, agent.ConsultationCompleted},
	"sent":        {agent.DTMFSent},
	"played":      {agent.PlayEnded},
}

// UntilStates lists what Until may be for a channel's actions and for others.
func UntilStates(channel bool) []string {
	if channel {
		return slices.Clone(channelStates)
	}
	all := slices.Clone(interactionStates)
	for _, s := range callStates {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return append(all, "transferred", "sent", "played")
}

// Perform does an order. Its state before the action is taken first, so that
// what passes quickly between the action and the wait is not missed.
func Perform(ctx context.Context, c Phone, o Order) (Outcome, error) {
	if known := UntilStates(o.Channel != ""); o.Until != "" && !slices.Contains(known, o.Until) {
		return Outcome{}, &SyntaxError{Expr: o.Until, Why: "no state to wait for", Forms: []string{strings.Join(known, " ")}}
	}
	before, err := c.State(ctx)
	if err != nil {
		return Outcome{}, err
	}
	result, err := c.Do(ctx, o.Action, o.Args)
	if err != nil {
		return Outcome{}, err
	}
	after, err := c.State(ctx)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Result: result, State: after}
	var named struct {
		Interaction agent.InteractionID `json:"interaction"`
		Call        agent.CallID        `json:"call"`
	}
	// A result without these names leaves them empty, and that is all right.
	_ = json.Unmarshal(result, &named)
	out.Interaction, out.Call = named.Interaction, named.Call
	if o.Until == "" {
		return out, nil
	}
	cond := &reached{order: o, interaction: out.Interaction, call: out.Call, before: before, ripe: after.Seq}
	w := &watch{client: c, expr: o.Until, cond: cond}
	met, err := w.from(ctx, before, before.Seq, false)
	if errors.Is(err, agent.ErrFellBehind) {
		cond.ripe = 0
		met, err = w.run(ctx, nil)
	}
	if err = w.late(ctx, err); err != nil {
		return out, ofOrder(err, o)
	}
	// What was waited for may have passed while the action was still at work.
	if met.State.Seq > after.Seq {
		out.State = met.State
	}
	return out, nil
}

// ofOrder says in an unmet error which action it was that was waited for.
func ofOrder(err error, o Order) error {
	var unmet *UnmetError
	if errors.As(err, &unmet) {
		unmet.Expr = fmt.Sprintf("%s after %s", o.Until, o.Action)
	}
	return err
}

// reached is met when the action's interaction, call or channel is in the
// state that was asked for. It is fed from the snapshot before the action on;
// that something cannot come any more counts only from the action's end on.
type reached struct {
	order       Order
	interaction agent.InteractionID
	call        agent.CallID
	before      agent.State
	ripe        uint64 // the seq at which the action had been done
}

func (r *reached) judge(v view) (bool, *UnmetError) {
	if v.event == nil && v.state.Seq < r.ripe {
		return false, nil // how it was before the action
	}
	if r.order.Channel != "" {
		return r.channelReached(v)
	}
	if v.event != nil && r.happened(v.event) {
		return true, nil
	}
	if r.order.NewCall {
		return r.newCallReached(v)
	}
	return r.interactionReached(v)
}

func (r *reached) channelReached(v view) (bool, *UnmetError) {
	if r.order.Channel != "all" {
		return string(v.state.Channels[r.order.Channel].State) == r.order.Until, nil
	}
	for _, channel := range v.state.Channels {
		if string(channel.State) != r.order.Until {
			return false, nil
		}
	}
	return true, nil
}

func (r *reached) happened(e *agent.Event) bool {
	if e.Type == agent.PlayEnded && e.Reason == "replaced" { // by the file that this order plays
		return false
	}
	return e.Interaction == r.interaction && slices.Contains(happenings[r.order.Until], e.Type)
}

// newCallReached looks at the call that the action made; states that only an
// interaction has are the interaction's.
func (r *reached) newCallReached(v view) (bool, *UnmetError) {
	made, found := r.made(v.state)
	if found && callHas(made, r.order.Until) {
		return true, nil
	}
	if !slices.Contains(callStates, r.order.Until) {
		if i, known := v.state.Interaction(r.interaction); known && string(i.State) == r.order.Until {
			return true, nil
		}
	}
	if found && made.State == agent.CallPhaseEnded && r.order.Until != "ready-to-call" && v.state.Seq >= r.ripe {
		return false, Ended(made)
	}
	return false, nil
}

// made is the newest call of the interaction that was not there before.
func (r *reached) made(s agent.State) (agent.CallState, bool) {
	if r.call != "" {
		return s.Call(r.call)
	}
	for _, call := range slices.Backward(s.Calls) {
		if _, old := r.before.Call(call.ID); !old && call.Interaction == r.interaction {
			return call, true
		}
	}
	return agent.CallState{}, false
}

func (r *reached) interactionReached(v view) (bool, *UnmetError) {
	i, found := v.state.Interaction(r.interaction)
	if !found {
		return false, nil
	}
	if string(i.State) == r.order.Until {
		return true, nil
	}
	var last agent.CallState
	for _, id := range i.Calls {
		if call, known := v.state.Call(id); known && call.Role == agent.RoleMain {
			last = call
		}
	}
	if last.ID != "" && r.order.Until != "connected" && callHas(last, r.order.Until) {
		return true, nil
	}
	return false, r.hopeless(v, i, last)
}

// hopeless says why the state cannot come any more, if that is so.
func (r *reached) hopeless(v view, i agent.InteractionState, last agent.CallState) *UnmetError {
	if v.state.Seq < r.ripe {
		return nil
	}
	if e := v.event; e != nil && e.Type == agent.CallTransferFailed && e.Interaction == r.interaction {
		code, known := endedCode[e.Reason]
		if !known {
			code = agent.CodeRejected
		}
		return &UnmetError{Code: code, Message: "the transfer failed: " + because(e.Code, e.Reason)}
	}
	if i.State == agent.PhaseDone {
		return &UnmetError{Code: agent.CodeNotAllowed, Message: fmt.Sprintf("interaction %s is done", i.ID)}
	}
	if i.State == agent.PhaseReadyToCall && r.order.Until != "done" && last.State == agent.CallPhaseEnded {
		return Ended(last)
	}
	return nil
}

func (r *reached) now(s agent.State) string {
	if r.order.Channel != "" {
		return (&channelIs{channel: r.order.Channel}).now(s)
	}
	return (&interactionIs{id: r.interaction}).now(s)
}
