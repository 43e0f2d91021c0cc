package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"

	"ringback/agent"
	"ringback/agent/control"
	texts "ringback/agent/verdict"
)

// running is an agent in this process with its desk open.
type running struct {
	agent  *agent.Agent
	client *control.Client
	socket string
	web    webDesk
	stop   context.CancelFunc // asks the agent to end
	ended  chan error         // gets what the agent ended with, once
}

// place is where an agent keeps what it has outside of itself.
type place struct {
	socket string
	state  string // folder of its store; empty: it keeps none
	web    string // address for the control API on TCP; empty: none
}

// placeOf is where the agent of a profile lives.
func (sh *shell) placeOf(profile string) (place, error) {
	socket, err := control.SocketPath(profile, sh.getenv)
	if err != nil {
		return place{}, usageError("%v", err)
	}
	return place{socket: socket, state: sh.stateDir(profile)}, nil
}

// startAgent runs an agent of cfg at its place until ctx ends. The desk opens
// before the agent does and closes after it, so that its last events can be
// read.
func startAgent(ctx context.Context, at place, cfg agent.Config, log *slog.Logger) (*running, error) {
	l, err := control.Listen(ctx, at.socket)
	if err != nil {
		return nil, err
	}
	web, err := openWeb(ctx, at)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	a, err := agent.New(cfg, agent.Deps{Log: log, StateDir: at.state, Version: buildVersion().Version, Outside: devicesOutside})
	if err != nil {
		return nil, errors.Join(startFailure(err), web.close(), l.Close())
	}
	ctx, stop := context.WithCancel(ctx)
	r := &running{agent: a, client: control.Dial(at.socket), socket: at.socket, web: web, stop: stop, ended: make(chan error, 1)}
	open, shut := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 2)
	go func() { served <- control.Serve(open, l, control.Of(a), buildVersion().Version, log) }()
	go func() { served <- web.serve(open, a, log) }()
	go func() {
		err := a.Run(ctx)
		shut()
		r.ended <- errors.Join(startFailure(err), <-served, <-served)
	}()
	return r, nil
}

// webDesk is the control API on TCP; the zero value is none.
type webDesk struct {
	listener net.Listener
	token    *control.Token
}

// openWeb opens it where it is asked for.
func openWeb(ctx context.Context, at place) (webDesk, error) {
	if at.web == "" {
		return webDesk{}, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at.web)
	if err != nil {
		f, _ := texts.OfError(err, texts.Case{Addr: at.web})
		return webDesk{}, asFailure(fmt.Errorf("open the listener of --web: %w", err)).withHint("%s", f.Wrong)
	}
	token, err := control.NewToken(at.socket)
	if err != nil {
		return webDesk{}, errors.Join(err, l.Close())
	}
	return webDesk{l, token}, nil
}

// url is where it is, and in which file its token; both are empty where there is none.
func (w webDesk) url() (url, tokenFile string) {
	if w.listener == nil {
		return "", ""
	}
	return "http://" + w.listener.Addr().String() + "/", w.token.File
}

func (w webDesk) serve(ctx context.Context, a *agent.Agent, log *slog.Logger) error {
	if w.listener == nil {
		return nil
	}
	err := control.ServeWeb(ctx, w.listener, control.Of(a), buildVersion().Version, w.token.Text(), log)
	return errors.Join(err, w.token.Close())
}

func (w webDesk) close() error {
	if w.listener == nil {
		return nil
	}
	return errors.Join(w.listener.Close(), w.token.Close())
}

// started waits for the agent's first event, or returns why it has ended before.
func (r *running) started(ctx context.Context) error {
	_, err := r.agent.Since(0).Next(ctx)
	if err == nil || errors.Is(err, agent.ErrFellBehind) {
		return nil
	}
	r.stop()
	return r.wait()
}

// wait returns when the agent and its desk have ended.
func (r *running) wait() error {
	defer r.client.Close()
	return <-r.ended
}

// startFailure gives what keeps an agent from starting its exit code.
func startFailure(err error) error {
	var field *agent.ConfigError
	if errors.As(err, &field) {
		return configFailure(err, "")
	}
	if f, ok := texts.OfError(err, texts.Case{}); ok {
		switch f.ID {
		case texts.NetPortTaken, texts.NetNotOurs, texts.TLSFiles:
			return asFailure(err).withHint("%s", f.Do)
		}
	}
	return err
}

// stateDir is where a profile's agent keeps its counters:
// $XDG_STATE_HOME/ringback/PROFILE, or nowhere when there is no home.
func (sh *shell) stateDir(profile string) string {
	dir := sh.getenv("XDG_STATE_HOME")
	if dir == "" {
		home := sh.getenv("HOME")
		if home == "" {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "ringback", profile)
}

// feed shows a person what happens, line by line on stderr, until the agent has
// ended.
func (sh *shell) feed(ctx context.Context, a *agent.Agent) { sh.feedOf(ctx, a, feedLines) }

// feedLines is an event as a person follows it.
func feedLines(e agent.Event) []string {
	if e.Type == agent.MediaQuality && e.Text == "" {
		return nil
	}
	line := []rune(eventLine(e))
	if len(line) > feedWidth {
		line = append(line[:feedWidth-1], '…')
	}
	return []string{string(line)}
}

// feedWidth is the longest line of the feed, in characters; ringback events has all.
const feedWidth = 160

func (sh *shell) feedOf(ctx context.Context, a *agent.Agent, linesOf func(agent.Event) []string) {
	events := a.Since(0)
	for {
		e, err := events.Next(ctx)
		if errors.Is(err, agent.ErrFellBehind) {
			events = a.Since(a.State().Seq)
			continue
		}
		if err != nil {
			return
		}
		for _, line := range linesOf(e) {
			sh.progress("%s", line)
		}
	}
}

// said are the facts of an event that are there, for a log.
func said(e agent.Event) []any {
	var facts []any
	if e.Code != 0 {
		facts = append(facts, "code", e.Code)
	}
	for _, fact := range [][2]string{{"reason", e.Reason}, {"device", e.Device}, {"text", e.Text}} {
		if fact[1] != "" {
			facts = append(facts, fact[0], fact[1])
		}
	}
	return facts
}

// notices logs what the one who runs a headless agent has to know.
func notices(ctx context.Context, a *agent.Agent, log *slog.Logger) {
	events := a.Since(0)
	for {
		e, err := events.Next(ctx)
		if errors.Is(err, agent.ErrFellBehind) {
			events = a.Since(a.State().Seq)
			continue
		}
		if err != nil {
			return
		}
		switch e.Type {
		case agent.RegistrationLost:
			if e.State == "unregistered" && e.Code == 0 { // by our own wish
				continue
			}
			log.Warn(string(e.Type), said(e)...)
		case agent.RegistrationFailed, agent.MediaDeviceLost, agent.ErrorHappened:
			log.Warn(string(e.Type), said(e)...)
		case agent.RegistrationRegistered, agent.MediaDeviceChanged:
			if e.Type == agent.RegistrationRegistered && e.Reason != "" { // it holds, but
				log.Warn(string(e.Type), said(e)...)
				continue
			}
			log.Info(string(e.Type), said(e)...)
		}
	}
}
