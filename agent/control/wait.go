package control

import (
	"context"
	"errors"
	"time"

	"ringback/agent"
)

// WaitOptions narrow a Wait down. Without Since, a state is judged as it is now,
// and an event counts from the agent's mark on: from where the last action began
// or the last wait was met.
type WaitOptions struct {
	Since *uint64 // judge everything after the event with this seq
}

// Met is what fulfilled an expression.
type Met struct {
	Expr  string       `json:"expr"`
	Seq   uint64       `json:"seq"`
	Event *agent.Event `json:"event"` // nil when it was so already
	State agent.State  `json:"-"`
}

// Wait returns when expr is met, by the agent's snapshot or by an event after
// it. It returns *UnmetError when expr cannot be met any more or ctx's deadline
// passed, and *NoAgentError when the agent is not there or ends.
func Wait(ctx context.Context, c Phone, expr Expr, o WaitOptions) (Met, error) {
	w := &watch{client: c, expr: expr.text, cond: expr.cond}
	met, err := w.run(ctx, o.Since)
	if err == nil {
		err = c.move(ctx, met.Seq)
	}
	var unmet *UnmetError
	if errors.As(err, &unmet) {
		unmet.Expr = expr.text
	}
	return met, err
}

// watch folds the events after a snapshot and shows each step to a condition.
type watch struct {
	client Phone
	expr   string
	cond   condition
	state  agent.State
	timer  *time.Timer // runs while a condition that has to last holds
}

func (w *watch) run(ctx context.Context, since *uint64) (Met, error) {
	for {
		state, mark, err := w.client.marked(ctx)
		if err != nil {
			return Met{}, w.late(ctx, err)
		}
		first, all := w.first(state, mark, since)
		met, err := w.from(ctx, state, first, all)
		if errors.Is(err, agent.ErrFellBehind) {
			// What is forgotten cannot be judged any more; all that is new can.
			met, err = w.from(ctx, state, state.Seq, false)
		}
		if !errors.Is(err, agent.ErrFellBehind) {
			return met, w.late(ctx, err)
		}
		since = &state.Seq
	}
}

// first is the seq after which events are read, and whether those from before
// the snapshot count like any other.
func (w *watch) first(state agent.State, mark uint64, since *uint64) (first uint64, all bool) {
	if since != nil {
		return min(*since, state.Seq), true
	}
	switch w.cond.(type) {
	case fromMark:
		return min(mark, state.Seq), true
	case fromHistory:
		return 0, false
	}
	return state.Seq, false
}

// from judges the snapshot and then every event after first. all says that
// those from before the snapshot count like any other.
func (w *watch) from(ctx context.Context, state agent.State, first uint64, all bool) (Met, error) {
	w.state = state
	if ok, unmet := w.judge(view{state: state}); unmet != nil {
		return Met{}, unmet
	} else if ok {
		return w.met(nil), nil
	}
	stream, err := w.client.follow(ctx, first)
	if err != nil {
		return Met{}, err
	}
	events := w.pump(ctx, stream)
	defer func() { stream.Close(); drain(events) }()
	for {
		met, done, err := w.step(ctx, events, all)
		if done || err != nil {
			return met, err
		}
	}
}

// read is one event of a stream, or its end.
type read struct {
	event agent.Event
	err   error
}

// pump reads the stream on a goroutine of its own, so that a time can pass
// meanwhile. It ends with the stream.
func (w *watch) pump(ctx context.Context, stream follower) <-chan read {
	events := make(chan read)
	go func() {
		defer close(events)
		for {
			e, err := stream.Next(ctx)
			select {
			case events <- read{e, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return events
}

func drain(events <-chan read) {
	for range events {
	}
}

func (w *watch) step(ctx context.Context, events <-chan read, all bool) (Met, bool, error) {
	var lasted <-chan time.Time
	if w.timer != nil {
		lasted = w.timer.C
	}
	select {
	case <-ctx.Done():
		return Met{}, true, ctx.Err()
	case <-lasted:
		return w.met(nil), true, nil
	case r, open := <-events:
		if !open {
			return Met{}, true, ctx.Err()
		}
		if r.err != nil {
			return Met{}, true, r.err
		}
		return w.event(r.event, all)
	}
}

// event judges one event. One from before the snapshot is past, unless the
// caller asked for it by its seq.
func (w *watch) event(e agent.Event, all bool) (Met, bool, error) {
	v := view{event: &e, past: e.Seq <= w.state.Seq && !all}
	if e.Seq > w.state.Seq {
		w.state = w.state.Apply(e)
	}
	v.state = w.state
	ok, unmet := w.judge(v)
	switch {
	case unmet != nil:
		return Met{}, true, unmet
	case ok:
		return w.met(&e), true, nil
	}
	return Met{}, false, nil
}

// judge asks the condition, and lets one that has to last do so.
func (w *watch) judge(v view) (bool, *UnmetError) {
	ok, unmet := w.cond.judge(v)
	d, lasts := w.cond.(dwell)
	if !lasts || d.dwell() == 0 || unmet != nil {
		return ok, unmet
	}
	if !ok && w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	} else if ok && w.timer == nil {
		w.timer = time.NewTimer(d.dwell())
	}
	return false, nil
}

func (w *watch) met(e *agent.Event) Met {
	m := Met{Expr: w.expr, Seq: w.state.Seq, Event: e, State: w.state}
	if e != nil {
		m.Seq = e.Seq // it may be from before the snapshot
	}
	return m
}

// late turns the end of the caller's patience into what was the case instead.
func (w *watch) late(ctx context.Context, err error) error {
	var unmet *UnmetError
	if err == nil || errors.As(err, &unmet) || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	now := "the agent did not answer"
	if w.state.Schema != "" {
		now = w.cond.now(w.state)
	}
	return &UnmetError{Code: agent.CodeTimeout, Message: "timed out: " + now}
}
