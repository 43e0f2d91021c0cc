package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ringback/agent"
)

// Phone is an agent as orders and waits see it: behind its socket (Client), or in
// this process (Inside).
type Phone interface {
	// State is the agent's snapshot.
	State(ctx context.Context) (agent.State, error)
	// Do performs an action; its refusals are *agent.ActionError.
	Do(ctx context.Context, name string, args any) (json.RawMessage, error)

	marked(ctx context.Context) (agent.State, uint64, error)
	move(ctx context.Context, seq uint64) error
	follow(ctx context.Context, seq uint64) (follower, error)
}

// follower reads a phone's events in order.
type follower interface {
	Next(ctx context.Context) (agent.Event, error)
	Close()
}

func (c *Client) follow(ctx context.Context, seq uint64) (follower, error) { return c.Events(ctx, seq) }

// Inside is a phone in this process, worked without a socket: the same waits, the
// same mark. Any goroutine.
type Inside struct {
	agent Agent
	mark  mark
}

// NewInside is the way to an agent of this process.
func NewInside(a Agent) *Inside { return &Inside{agent: a} }

// State is the agent's snapshot.
func (p *Inside) State(ctx context.Context) (agent.State, error) { return p.agent.State(), ctx.Err() }

// Do performs an action; its refusals are *agent.ActionError.
func (p *Inside) Do(ctx context.Context, name string, args any) (json.RawMessage, error) {
	text, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("write arguments of %s: %w", name, err)
	}
	if string(text) == "null" {
		text = []byte("{}")
	}
	ctx, cancel := context.WithTimeout(ctx, actionTime)
	defer cancel()
	p.mark.move(p.agent.State().Seq)
	result, refused := p.agent.Do(ctx, name, text)
	if refused != nil {
		return nil, refused
	}
	if result == nil {
		result = struct{}{}
	}
	if text, err = json.Marshal(result); err != nil {
		return nil, fmt.Errorf("write result of %s: %w", name, err)
	}
	return text, nil
}

func (p *Inside) marked(ctx context.Context) (agent.State, uint64, error) {
	return p.agent.State(), p.mark.get(), ctx.Err()
}

func (p *Inside) move(_ context.Context, seq uint64) error {
	p.mark.move(seq)
	return nil
}

func (p *Inside) follow(ctx context.Context, seq uint64) (follower, error) {
	ctx, stop := context.WithCancel(ctx)
	return &insideEvents{p.agent.Since(seq), ctx, stop}, nil
}

// insideEvents reads an agent's own list; its end is that of the agent.
type insideEvents struct {
	reader Reader
	ctx    context.Context
	stop   context.CancelFunc
}

// Close ends a Next that waits.
func (e *insideEvents) Close() { e.stop() }

// Next waits for the next event.
func (e *insideEvents) Next(context.Context) (agent.Event, error) {
	ev, err := e.reader.Next(e.ctx)
	if errors.Is(err, io.EOF) {
		err = ErrEnded
	}
	return ev, err
}

// ErrEnded is what waits for an agent of this process return when it has ended.
var ErrEnded = errors.New("the phone has ended")
