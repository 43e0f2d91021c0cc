package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/scenario"
)

// registerCommand is `ringback register`.
func registerCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "register", Usage: "check once that the PBX takes the account, then unregister",
		Flags: accountFlags(),
		Description: `$ ringback register --aor sip:1001@pbx.example.com --password-file 1001.secret
ok  sip:1001@pbx.example.com  registered in 14.2 ms until 10:05
    contact sip:1001@192.0.2.7:5060`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback register [FLAGS]")
			}
			cfg, err := sh.loadConfig(c)
			if err != nil {
				return err
			}
			return sh.register(c, cfg)
		},
	}
}

func (sh *shell) register(c *cli.Context, cfg agent.Config) error {
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	cfg.Audio.Headset, cfg.Audio.Ring = []string{"null"}, nil
	cfg.Channels.Start = "not-ready" // a check takes no calls
	begun := time.Now()
	o, err := startOneshot(c.Context, cfg, log)
	if err != nil {
		return err
	}
	ctx, cancel := patience(c)
	defer cancel()
	s, err := o.registered(ctx)
	took := time.Since(begun)
	if ended := o.close(); err == nil || ctx.Err() == nil {
		err = errors.Join(err, ended)
	}
	if err != nil && ctx.Err() == nil {
		return err
	}
	v := scenario.NewVerdict("register", cfg.Account.AOR, "registered", s.Code, s.Reason, took)
	v.Binding = &scenario.Binding{Contact: s.Contact, Expires: s.Expires}
	if s.State == "registered" {
		v.OK, v.State, v.Cause = true, "registered", "registered"
	} else if v.OK = false; v.State == "registered" {
		v.State, v.Cause = "failed", "not registered"
	}
	switch {
	case s.Code == 0 && errors.Is(ctx.Err(), context.DeadlineExceeded):
		v.Unanswered()
	case s.Code == 0 && ctx.Err() != nil:
		v.Cause, v.AnswerMS = errInterrupted.Error(), 0
	}
	sh.result(c, v, v.Text())
	if v.OK {
		return nil
	}
	return unregistered(v)
}

func unregistered(v scenario.Verdict) error {
	f := &failure{code: answerCode(v.Code), name: "not_registered", told: true, message: fmt.Sprintf("%s is not registered: %s", clean(v.Target), v.Cause)}
	switch {
	case v.State == "unanswered":
		f.code, f.name = exitTimedOut, "timeout"
		f.hint = "check the address, the transport (--transport) and the firewall; ringback doctor looks at each"
	case f.code == exitUnauthed:
		f.hint = "check the username and the password (--password-file, RINGBACK_PASSWORD)"
	}
	return f
}
