package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"ringback/agent"
	"ringback/agent/verdict"
	"ringback/media"
)

const (
	echoTone   = "tone:1004"     // what the echo call sends
	echoHears  = 5 * time.Second // for the sound to come back
	echoTalk   = 8 * time.Second // for enough packets to be measured: an agent tells them every 5 s
	echoEnough = 50              // packets
	mostLost   = 0.03            // of packets
)

// sound opens ports for media, and makes a call where a target for it is given.
func (e *exam) sound(ctx context.Context) bool {
	if err := e.ports(); err != nil {
		return e.tell("rtp", Wrong, verdict.MediaPorts.Say("error", err.Error()))
	}
	if e.Echo == "" {
		return e.tell("rtp", NotChecked, verdict.MediaUntested.Say())
	}
	return e.echo(ctx)
}

// ports opens a pair of ports as a call does.
func (e *exam) ports() error {
	local, err := e.localAddr()
	if err != nil {
		return err
	}
	ports, err := e.Config.MediaPorts()
	if err != nil {
		return err
	}
	engine := media.NewEngine(media.EngineConfig{Log: e.Log})
	defer engine.Close()
	session, err := engine.NewSession(media.SessionConfig{LocalIP: local, Ports: ports})
	if err != nil {
		return err
	}
	return session.Close()
}

// echo calls the target from a phone that does not register, sends a tone, and
// listens for it.
func (e *exam) echo(ctx context.Context) bool {
	cfg := e.Config
	cfg.Account.Register, cfg.Audio.Headset, cfg.Audio.Ring = false, []string{echoTone}, nil
	cfg.Channels.Start, cfg.Channels.PBX, cfg.Channels.Publish, cfg.Team, cfg.Callbacks.ReportTo = "not-ready", nil, false, nil, ""
	if cfg.Account.Bind != "" {
		cfg.Account.Bind = e.bindHost()
	}
	a, err := agent.New(cfg, agent.Deps{Log: e.Log, Version: e.Version})
	if err != nil {
		return e.tell("rtp", Wrong, verdict.MediaRefused.Say("target", e.Echo, "reason", err.Error()))
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(life) }()
	defer func() { stop(); <-ended }()
	args, err := json.Marshal(map[string]any{"target": e.Echo})
	if err == nil {
		dialling, cancel := context.WithTimeout(ctx, 3*e.Patience)
		defer cancel()
		if _, refused := a.Do(dialling, "dial", args); refused != nil {
			err = refused
		}
	}
	if err != nil {
		return e.tell("rtp", Wrong, verdict.MediaRefused.Say("target", e.Echo, "reason", err.Error()))
	}
	return e.listen(ctx, a)
}

// listen waits for the call's answer, its sound, and some seconds of it.
func (e *exam) listen(ctx context.Context, a *agent.Agent) bool {
	answered, cancel := context.WithTimeout(ctx, 3*e.Patience)
	defer cancel()
	c, err := until(answered, a, func(c agent.CallState) bool { return c.Connected != nil })
	if err != nil || c.Connected == nil {
		why := c.Reason
		if c.Code >= 300 {
			why = fmt.Sprintf("%d %s", c.Code, why)
		} else if why == "" {
			why = "no answer in time"
		}
		return e.tell("rtp", Wrong, verdict.MediaRefused.Say("target", e.Echo, "reason", why))
	}
	hearing, enough := context.WithTimeout(ctx, min(echoHears, 2*e.Patience))
	defer enough()
	c, err = until(hearing, a, func(c agent.CallState) bool { return c.Heard.Sound })
	if err != nil || !c.Heard.Sound {
		return e.tell("rtp", Wrong, verdict.MediaNoSound.Say("target", e.Echo, "time", time.Since(*c.Connected).Round(100*time.Millisecond).String(), "ports", e.portText()))
	}
	talking, done := context.WithTimeout(ctx, echoTalk)
	defer done()
	c, _ = until(talking, a, func(c agent.CallState) bool { return c.Quality.RXPackets >= echoEnough })
	q := c.Quality
	if q.RXPackets > 0 && float64(q.Lost) > mostLost*float64(q.RXPackets+q.Lost) {
		e.tell("rtp", Warning, verdict.MediaLoss.Say("lost", fmt.Sprint(q.Lost), "packets", fmt.Sprint(q.RXPackets+q.Lost)))
		return true
	}
	return e.ok("rtp", "%s sent sound back: %s, %d packets, lost %d, jitter %.1f ms", e.Echo, c.Codec, q.RXPackets, q.Lost, q.JitterMS)
}

// portText names the ports that media uses.
func (e *exam) portText() string {
	if e.Config.Media.Ports != "" {
		return e.Config.Media.Ports
	}
	return fmt.Sprintf("%d-%d", media.DefaultPorts().Min, media.DefaultPorts().Max)
}

// until follows the events until the one call of the agent is so, or has ended.
func until(ctx context.Context, a *agent.Agent, is func(agent.CallState) bool) (agent.CallState, error) {
	events := a.Since(0)
	for {
		e, err := events.Next(ctx)
		var c agent.CallState
		if calls := a.State().Calls; len(calls) > 0 {
			c = calls[0]
		}
		if err != nil || is(c) || c.Ended != nil {
			return c, err
		}
		_ = e
	}
}
