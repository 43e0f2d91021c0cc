package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
)

// registerResult is what register prints with --json.
type registerResult struct {
	Schema  string     `json:"schema"`
	OK      bool       `json:"ok"`
	AOR     string     `json:"aor"`
	State   string     `json:"state"`
	Code    int        `json:"code"`
	Reason  string     `json:"reason"`
	Contact string     `json:"contact"`
	Expires *time.Time `json:"expires"`
	MS      float64    `json:"ms"`
}

// registerCommand is `ringback register`.
func registerCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "register", Usage: "check once that the PBX takes the account, then unregister",
		Flags: accountFlags(),
		Description: `$ ringback register --aor sip:1001@pbx.example.com --password-file 1001.secret
sip:1001@pbx.example.com registered in 14.2 ms until 10:05`,
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
	r := registerResult{"ringback.register/1", s.State == "registered", cfg.Account.AOR, s.State, s.Code, s.Reason, s.Contact, s.Expires, milliseconds(took)}
	if r.OK {
		text := fmt.Sprintf("%s registered in %.1f ms", clean(r.AOR), r.MS)
		if s.Expires != nil {
			text += " until " + clock(*s.Expires)
		}
		sh.result(c, r, text)
		return nil
	}
	return sh.notRegistered(c, ctx, r)
}

func (sh *shell) notRegistered(c *cli.Context, ctx context.Context, r registerResult) error {
	f := &failure{code: answerCode(r.Code), name: "not_registered", told: true}
	why := clean(r.Reason)
	if r.Code > 0 {
		why = fmt.Sprintf("%d %s", r.Code, why)
	} else if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		f.code, f.name, why = exitTimedOut, "timeout", "no answer in time"
	}
	f.message = fmt.Sprintf("%s is not registered: %s", clean(r.AOR), why)
	if f.code == exitUnauthed {
		f.hint = "check the username and the password (--password-file, RINGBACK_PASSWORD)"
	}
	if c.Bool("json") {
		sh.emit(r)
	}
	return f
}
