package main

import (
	"fmt"

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
		Name: "team", Usage: "colleagues, queues and routing points of the configuration, and their presence",
		Description: `$ ringback team
佐藤 花子  1002  agent  busy     since 10:02  On the phone
鈴木      1003  agent  unknown  since 09:00  the PBX has nobody to watch under this number (pbx answered 404 Not Found)
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
		t.row(append([]string{clean(m.Name), clean(m.Target), string(m.Kind)}, presenceCells(m)...)...)
	}
	return t.String()
}

// presenceCells is a presence in columns; nothing where none is asked for.
func presenceCells(m agent.TeamState) []string {
	if m.Since == nil && m.Presence == "unknown" {
		return nil
	}
	why := m.Note
	if m.Reason != "" {
		why = m.Reason
	}
	return []string{m.Presence, "since " + clock(*m.Since), clean(why)}
}

// teamCounts is the whole team in one line of columns: how many are idle, busy...
func teamCounts(team []agent.TeamState) []string {
	count := map[string]int{}
	for _, m := range team {
		count[m.Presence]++
	}
	var cells []string
	for _, presence := range []string{"idle", "ringing", "busy", "away", "offline", "unknown"} {
		if n := count[presence]; n > 0 {
			cells = append(cells, fmt.Sprint(n, " ", presence))
		}
	}
	return cells
}
