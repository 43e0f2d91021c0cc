package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"ringback/agent/control"
)

// agentResult is what agent prints when its desk is open.
type agentResult struct {
	Schema  string `json:"schema"`
	Profile string `json:"profile"`
	AOR     string `json:"aor"`
	Socket  string `json:"socket"`
	Web     string `json:"web,omitempty"`        // URL of the listener on TCP; empty: there is none
	Token   string `json:"token_file,omitempty"` // the file with its token; empty: there is none
}

// agentCommand is `ringback agent`.
func agentCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "agent", Usage: "run the softphone until it is interrupted",
		Flags: append(append(accountFlags(), mediaFlags()...),
			&cli.StringFlag{Name: "report-to", Usage: "where reports on callbacks go, a SIP `URI`"},
			&cli.StringFlag{Name: "start", Usage: "begin ready or not-ready, a `STATE`"},
			&cli.BoolFlag{Name: "headless", Usage: "show no events, even on a terminal"},
			&cli.StringFlag{Name: "web", Usage: "serve the control API by HTTP, too, on this loopback `ADDRESS:PORT`, such as 127.0.0.1:8410; port 0 is any"},
			&cli.BoolFlag{Name: "web-to-network", Usage: "let --web be an address that other machines reach, without encryption: whoever reads the network reads the token"},
		),
		Description: `$ ringback agent --aor sip:1001@pbx.example.com --password-file 1001.secret
agent sip:1001@pbx.example.com of profile default: ringback status shows it

$ ringback agent --web 127.0.0.1:8410
agent sip:1001@pbx.example.com of profile default: ringback status shows it
control API at http://127.0.0.1:8410/; its token is in /run/user/1000/ringback/default.token

$ curl -H "Authorization: Bearer $(cat /run/user/1000/ringback/default.token)" http://127.0.0.1:8410/v1/state
{"schema":"ringback.state/1", …}

The token is new at each start, and only you can read its file. Other web pages, other names of
this machine, and whoever has no token are refused and counted: see ringback status.`,
		Action: func(c *cli.Context) error { return runAgent(c, sh) },
	}
}

func runAgent(c *cli.Context, sh *shell) error {
	if c.Args().Present() {
		return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback agent [FLAGS]")
	}
	log, err := sh.logger(c)
	if err != nil {
		return err
	}
	cfg, err := sh.loadConfig(c)
	if err != nil {
		return err
	}
	profile := c.String("profile")
	at, err := sh.placeOf(profile)
	if err != nil {
		return err
	}
	if at.web, err = webOf(c); err != nil {
		return err
	}
	if c.Bool("web-to-network") {
		sh.progress("warning: --web-to-network: other machines can reach the control API, and nothing is encrypted; whoever reads the network can do with this phone what you can")
	}
	r, err := startAgent(c.Context, at, cfg, log)
	if err != nil {
		return err
	}
	if err := r.started(c.Context); err != nil || c.Context.Err() != nil {
		return err
	}
	text := agentText(sh.self, profile, cfg.Account.AOR)
	url, tokenFile := r.web.url()
	if url != "" {
		text += "\ncontrol API at " + url + "; its token is in " + tokenFile
	}
	sh.result(c, agentResult{"ringback.agent/1", profile, cfg.Account.AOR, r.socket, url, tokenFile}, text)
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		if ctx := context.WithoutCancel(c.Context); sh.tty && !c.Bool("headless") {
			sh.feed(ctx, r.agent)
		} else {
			notices(ctx, r.agent, log)
		}
	}()
	err = r.wait()
	<-shown
	return err
}

// webOf is the address of --web; empty: it is not asked for.
func webOf(c *cli.Context) (string, error) {
	if !c.IsSet("web") {
		if c.Bool("web-to-network") {
			return "", usageError("--web-to-network: it needs --web ADDRESS:PORT")
		}
		return "", nil
	}
	at, err := control.WebAddress(c.String("web"), c.Bool("web-to-network"))
	if err != nil {
		return "", usageError("flag --web: %v", err)
	}
	return at, nil
}

func agentText(self, profile, aor string) string {
	command := self + " status"
	if profile != "default" {
		command = self + " --profile " + profile + " status"
	}
	return "agent " + clean(aor) + " of profile " + profile + ": " + command + " shows it"
}
