package main

import (
	"github.com/urfave/cli/v2"

	"ringback/agent"
)

// teamResult is what team prints with --json.
type teamResult struct {
	Schema string            `json:"schema"`
	Team   []agent.TeamState `json:"team"`
}

// teamCommand is `ringback team`.
func teamCommand(sh *shell) *cli.Command {
	return &cli.Command{
		Name: "team", Usage: "colleagues, queues and routing points of the configuration",
		Description: `$ ringback team
佐藤 花子  1002  agent
Sales     800   queue`,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usageError("%q is one word too many", c.Args().First()).withHint("usage: ringback team")
			}
			client, err := sh.client(c)
			if err != nil {
				return err
			}
			defer client.Close()
			ctx, cancel := patience(c)
			defer cancel()
			s, err := client.State(ctx)
			if err != nil {
				return err
			}
			sh.result(c, teamResult{"ringback.team/1", s.Team}, teamLines(s.Team))
			return nil
		},
	}
}

func teamLines(team []agent.TeamState) string {
	if len(team) == 0 {
		return "the configuration names nobody; list them in its section team\n"
	}
	var t table
	for _, m := range team {
		t.row(clean(m.Name), clean(m.Target), string(m.Kind))
	}
	return t.String()
}
