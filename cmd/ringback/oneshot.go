package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"ringback/agent"
)

// oneshot is an agent in this process for one errand, without a desk.
type oneshot struct {
	agent  *agent.Agent
	events *agent.Cursor
	stop   context.CancelFunc
	ended  chan error
}

// startOneshot runs an agent of cfg. Its events are read from the first one on.
func startOneshot(ctx context.Context, cfg agent.Config, log *slog.Logger) (*oneshot, error) {
	a, err := agent.New(cfg, agent.Deps{Log: log, Version: buildVersion().Version})
	if err != nil {
		return nil, startFailure(err)
	}
	ctx, stop := context.WithCancel(ctx)
	o := &oneshot{agent: a, events: a.Since(0), stop: stop, ended: make(chan error, 1)}
	go func() { o.ended <- startFailure(a.Run(ctx)) }()
	return o, nil
}

// next is the next event; it tells an agent that could not start from one whose
// time is over.
func (o *oneshot) next(ctx context.Context) (agent.Event, error) {
	e, err := o.events.Next(ctx)
	if err == nil || ctx.Err() != nil {
		return e, err
	}
	failed := <-o.ended
	o.ended <- nil // it was told
	if failed == nil {
		failed = errors.New("the agent has ended")
	}
	return e, failed
}

// close ends the agent: it hangs up, unregisters, and lets its sockets go.
func (o *oneshot) close() error {
	o.stop()
	return <-o.ended
}

// registered waits until the registration has worked or failed for the first
// time, and says how it stands.
func (o *oneshot) registered(ctx context.Context) (agent.RegistrationState, error) {
	for {
		e, err := o.next(ctx)
		if err != nil {
			return o.agent.State().Registration, err
		}
		switch e.Type {
		case agent.RegistrationRegistered, agent.RegistrationFailed:
			return o.agent.State().Registration, nil
		}
	}
}

// answerCode is the exit code for the PBX's answer to a request.
func answerCode(code int) exitCode {
	switch {
	case code >= 200 && code < 300:
		return exitDone
	case code == 401 || code == 403 || code == 407:
		return exitUnauthed
	case code == 404 || code == 604:
		return exitNotFound
	case code == 408 || code == 504:
		return exitTimedOut
	case code == 486 || code == 480 || code >= 600:
		return exitRejected
	}
	return exitFailed
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()/10) / 100
}
