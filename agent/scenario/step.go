package scenario

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringback/agent"
	"ringback/agent/control"
)

// lookAgain is how often an expectation with a time is held against a call: what is
// heard grows with time, without an event.
const lookAgain = 100 * time.Millisecond

// title is a step in words.
func (st *Step) title(s scope) string {
	var parts []string
	add := func(text string) {
		if filled, err := s.fill(text); err == nil {
			text = filled
		}
		parts = append(parts, text)
	}
	switch {
	case len(st.PBX) > 0:
		add("pbx " + strings.Join(st.PBX, " "))
	case st.Pause > 0:
		add("pause " + st.Pause.String())
	}
	if st.Do != "" {
		add(st.Do)
		for _, name := range []string{"target", "digits", "number", "party", "code"} {
			if text, ok := st.With[name].(string); ok {
				add(text)
			}
		}
	}
	if st.Wait != "" {
		add("wait " + st.Wait)
	}
	for _, e := range st.Expect {
		add("expect " + e)
	}
	if len(parts) == 0 {
		add("capture")
	}
	return clean(strings.Join(parts, ", "))
}

// perform does what a step says: the action, the wait, the expectations, and what
// is captured, in this order.
func (r *run) perform(ctx context.Context, st *Step, s scope, result *StepResult) error {
	switch {
	case len(st.PBX) > 0:
		return r.atPBX(ctx, st, s, result)
	case st.Pause > 0:
		return pause(ctx, st.Pause)
	}
	p := r.phones[st.Phone]
	found := finds{}
	call, err := s.fill(st.Call)
	if err != nil {
		return err
	}
	if st.Do != "" {
		out, err := r.act(ctx, p, st, s)
		if err != nil {
			return err
		}
		found.result = out.Result
		if call == "" {
			call = string(out.Call)
		}
	}
	if st.Wait != "" {
		if found.event, err = r.wait(ctx, p, st, s); err != nil {
			return err
		}
	}
	if len(st.Expect) > 0 {
		if err := r.expect(ctx, p, st, s, agent.CallID(call), result); err != nil {
			return err
		}
	}
	return r.capture(p, st, agent.CallID(call), found)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// atPBX lets the lab PBX do something. Another PBX is not ours: whoever runs it
// sees to it.
func (r *run) atPBX(ctx context.Context, st *Step, s scope, result *StepResult) error {
	if r.o.PBX == nil {
		result.Message = "left to whoever runs the PBX"
		return nil
	}
	var words []string
	for _, w := range st.PBX {
		filled, err := s.fill(w)
		if err != nil {
			return err
		}
		words = append(words, filled)
	}
	ctx, cancel := st.patience(ctx)
	defer cancel()
	return r.o.PBX.Do(ctx, words)
}

func (st *Step) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	d := st.Timeout
	if d == 0 {
		d = standardPatience
	}
	return context.WithTimeout(ctx, d)
}

// callMakers are the actions whose own call is meant by until.
func callMakers() []string {
	return []string{"dial", "call", "consult", "conference", "callbacks-call"}
}

// act does the step's action. One that has to fail and works is an unmet
// expectation.
func (r *run) act(ctx context.Context, p *phone, st *Step, s scope) (control.Outcome, error) {
	args, err := s.fillAll(st.With)
	if err != nil {
		return control.Outcome{}, err
	}
	order := control.Order{Action: st.Do, Until: st.Until, NewCall: slices.Contains(callMakers(), st.Do)}
	order.Args, _ = args.(map[string]any)
	if spec, _ := actionNamed(st.Do); spec.Targets == agent.OnChannel {
		order.Channel = agent.ChannelVoice
		if name, ok := order.Args["channel"].(string); ok {
			order.Channel = agent.ChannelName(name)
		}
	}
	ctx, cancel := st.patience(ctx)
	defer cancel()
	out, err := control.Perform(ctx, p.desk, order)
	if out.Interaction != "" {
		p.take(out.Interaction)
	}
	if st.Fails == "" {
		return out, err
	}
	if got := codeOf(err); got != st.Fails {
		return out, &UnmetError{fmt.Sprintf("%s has to fail with %s, and %s", st.Do, st.Fails, became(err, got))}
	}
	return out, nil
}

func became(err error, code string) string {
	if err == nil {
		return "it worked"
	}
	return "it failed with " + code + ": " + err.Error()
}

// codeOf is the code of an action's error, as agent has them; empty for none.
func codeOf(err error) string {
	var refused *agent.ActionError
	var unmet *control.UnmetError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.Code
	case errors.As(err, &unmet):
		return unmet.Code
	case errors.Is(err, context.DeadlineExceeded):
		return agent.CodeTimeout
	}
	return agent.CodeFailed
}

// UnmetError is something that was expected of an action, and is not so.
type UnmetError struct{ Message string }

// Error is what is the case instead.
func (e *UnmetError) Error() string { return e.Message }

func (r *run) wait(ctx context.Context, p *phone, st *Step, s scope) (*agent.Event, error) {
	text, err := s.fill(st.Wait)
	if err != nil {
		return nil, err
	}
	expr, err := control.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	ctx, cancel := st.patience(ctx)
	defer cancel()
	met, err := control.Wait(ctx, p.desk, expr, control.WaitOptions{})
	if err == nil && (strings.HasPrefix(text, "offer") || strings.HasPrefix(text, "event offer")) {
		p.take("")
	}
	return met.Event, err
}

// expect holds the step's expectations against the call that is meant, at once or
// as soon as all are met within the step's time. That one is not met is no error.
func (r *run) expect(ctx context.Context, p *phone, st *Step, s scope, call agent.CallID, result *StepResult) error {
	var all []Expectation
	for _, text := range st.Expect {
		filled, err := s.fill(text)
		if err != nil {
			return err
		}
		e, err := ParseExpectation(filled)
		if err != nil {
			return fmt.Errorf("expectation %q: %w", filled, err)
		}
		all = append(all, e)
	}
	if st.Within > 0 {
		limited, cancel := context.WithTimeout(ctx, st.Within)
		defer cancel()
		p.until(limited, call, all)
	}
	known := p.measure(call, func(r *Record, came []string, now time.Time) {
		r.Take()
		for _, e := range all {
			result.Expectations = append(result.Expectations, r.Expect(e, now, came))
		}
	})
	if !known {
		for _, e := range all {
			result.Expectations = append(result.Expectations, Check{Expr: e.text, Measured: "there is no call"})
		}
	}
	return ctx.Err()
}

// until returns when all expectations are met, or ctx is done.
func (p *phone) until(ctx context.Context, call agent.CallID, all []Expectation) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		news, met := p.news(), true
		known := p.measure(call, func(r *Record, came []string, now time.Time) {
			for _, e := range all {
				met = met && r.Meets(e, now, came)
			}
		})
		if known && met {
			return
		}
		select {
		case <-news:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *run) capture(p *phone, st *Step, call agent.CallID, found finds) error {
	if len(st.Capture) == 0 {
		return nil
	}
	p.measure(call, func(r *Record, came []string, _ time.Time) { found.call, found.came = r.state, came })
	s := p.agent.State()
	found.interaction, _ = s.Interaction(found.call.Interaction)
	if found.call.ID == "" && len(s.Interactions) > 0 { // a web callback has no call
		found.interaction = s.Interactions[len(s.Interactions)-1]
	}
	for _, c := range st.Capture {
		value, err := found.capture(c.Value)
		if err != nil {
			return err
		}
		r.vars.set(c.Name, value)
	}
	return nil
}
