package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ringback/agent"
	"ringback/agent/scenario"
	texts "ringback/agent/verdict"
	"ringback/sip"
	"ringback/sip/loop"
)

// optionsCommand is `ringback options`.
func optionsCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "options", Usage: "ask the PBX, or a target, what it can do", ArgsUsage: "[TARGET]",
		Flags: accountFlags(),
		Description: `$ ringback options --aor sip:1001@pbx.example.com
ok  sip:pbx.example.com  answered 200 OK in 3.1 ms, Asterisk PBX 22.1.0
    allow: OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, PUBLISH, INVITE, ACK, BYE, CANCEL`,
		Action: func(c *cli.Context) error {
			if c.Args().Len() > 1 {
				return usageError("%q is one word too many", c.Args().Get(1)).withHint("usage: ringback options [TARGET]")
			}
			cfg, err := sh.loadConfig(c)
			if err != nil {
				return err
			}
			return sh.options(c, cfg)
		},
	}
}

func (sh *shell) options(c *cli.Context, cfg agent.Config) error {
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	account, err := accountOf(cfg.Account)
	if err != nil {
		return usageError("%v", err)
	}
	to, err := optionsTarget(account, c.Args().First())
	if err != nil {
		return usageError("%v", err)
	}
	ctx, cancel := patience(c)
	defer cancel()
	bind, err := bindAddress(ctx, cfg, account)
	if err != nil {
		return err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := loop.New(log)
	ended := make(chan struct{})
	go func() { defer close(ended); l.Run(life) }()
	defer func() { stop(); <-ended }()
	ua, err := sip.NewUA(sip.Config{Loop: l, Log: log, Listen: []sip.Listen{{Transport: "udp", Address: bind}, {Transport: "tcp", Address: bind}},
		TLS: sip.TLSConfig{CAFile: cfg.Account.CAFile, CertFile: cfg.Account.CertFile, KeyFile: cfg.Account.KeyFile}})
	if err != nil {
		return err
	}
	replies := make(chan sip.Reply, 1)
	l.Post(func() {
		ua.Request(account, sip.RequestOptions{Method: "OPTIONS", To: to, Headers: []sip.Header{{Name: "Accept", Value: "application/sdp"}}}, func(r sip.Reply) { replies <- r })
	})
	var reply sip.Reply
	select {
	case reply = <-replies:
	case <-ctx.Done():
		reply.Err = plainly(ctx.Err())
	}
	over, done := context.WithCancel(life)
	done() // nothing more is waited for
	_ = ua.Close(over)
	return sh.optionsVerdict(c, to, account.Transport, reply)
}

// accountOf is the part of an account that a question needs.
func accountOf(c agent.AccountConfig) (*sip.Account, error) {
	a := &sip.Account{Display: c.Display, Username: c.Username, Password: sip.Secret(string(c.Password)), Transport: strings.ToLower(c.Transport),
		Algorithms: c.Algorithms, Realms: c.Realms}
	for _, f := range []struct {
		text string
		to   *sip.URI
	}{{c.AOR, &a.AOR}, {c.Registrar, &a.Registrar}} {
		if f.text == "" {
			continue
		}
		uri, err := sip.ParseURI(f.text)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", f.text, err)
		}
		*f.to = uri
	}
	if c.Proxy != "" {
		uri, err := sip.ParseURI(c.Proxy)
		if err != nil {
			return nil, fmt.Errorf("proxy %q: %w", c.Proxy, err)
		}
		a.Proxy = &uri
	}
	return a, nil
}

// optionsTarget is what a person named, or the registrar.
func optionsTarget(account *sip.Account, text string) (sip.URI, error) {
	switch {
	case text == "" && account.Registrar.Host != "":
		return account.Registrar, nil
	case text == "":
		uri := account.AOR
		uri.User = ""
		return uri, nil
	case !strings.Contains(text, ":"):
		uri := account.AOR
		uri.User = text
		return uri, nil
	}
	uri, err := sip.ParseURI(text)
	if err != nil {
		return uri, fmt.Errorf("target %q: %w", text, err)
	}
	return uri, nil
}

// bindAddress is the configured one, or the one that leads to the PBX, with any
// port where none is given.
func bindAddress(ctx context.Context, cfg agent.Config, account *sip.Account) (string, error) {
	if bind := cfg.Account.Bind; bind != "" {
		if _, _, err := net.SplitHostPort(bind); err == nil {
			return bind, nil
		}
		return net.JoinHostPort(strings.Trim(bind, "[]"), "0"), nil
	}
	host := account.AOR.Host
	if account.Registrar.Host != "" {
		host = account.Registrar.Host
	}
	if account.Proxy != nil {
		host = account.Proxy.Host
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", net.JoinHostPort(strings.Trim(host, "[]"), "5060"))
	if err != nil {
		return "", &failure{code: exitFailed, name: "failed", message: fmt.Sprintf("find the way to %s: %v", host, err), hint: "set --bind to the address to use"}
	}
	defer conn.Close()
	local, _, err := net.SplitHostPort(conn.LocalAddr().String())
	return net.JoinHostPort(local, "0"), err
}

func (sh *shell) optionsVerdict(c *cli.Context, to sip.URI, transport string, reply sip.Reply) error {
	v := scenario.NewVerdict("options", to.String(), "answered", reply.Code, reply.Reason, reply.RTT)
	v.Ability = &scenario.Ability{}
	for _, h := range reply.Headers {
		switch strings.ToLower(h.Name) {
		case "server", "user-agent":
			v.Server = h.Value
		case "allow":
			v.Allow = join(v.Allow, h.Value)
		case "supported", "k":
			v.Supported = join(v.Supported, h.Value)
		}
	}
	f := &failure{code: answerCode(v.Code), name: "failed", told: true, message: fmt.Sprintf("%s answered %d %s", clean(v.Target), v.Code, clean(v.Reason))}
	switch {
	case errors.Is(reply.Err, errInterrupted):
		f.message = errInterrupted.Error()
		v.OK, v.State, v.Cause = false, "failed", f.message
	case reply.Err != nil:
		f.code, f.name = noAnswerCode(reply.Err)
		v.OK, v.State, v.Cause, v.Reason = false, "failed", clean(reply.Err.Error()), reply.Err.Error()
		if found, ok := texts.OfError(reply.Err, texts.Case{Host: to.Host, Addr: to.HostPort(), Transport: transport, Now: time.Now()}); ok {
			v.Cause = clean(found.Error())
		}
		f.message, f.hint = fmt.Sprintf("%s did not answer: %s", clean(v.Target), v.Cause), "check the address, the transport (--transport) and the firewall"
		if f.code == exitTimedOut {
			f.message = clean(v.Target) + " did not answer in time"
			v.Unanswered()
		}
	}
	sh.result(c, v, v.Text())
	if v.OK {
		return nil
	}
	return f
}

// noAnswerCode tells a target that stays silent from one that cannot be reached.
func noAnswerCode(err error) (exitCode, string) {
	if errors.Is(err, sip.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) {
		return exitTimedOut, agent.CodeTimeout
	}
	return exitFailed, agent.CodeFailed
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}
