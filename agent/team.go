package agent

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"
)

// TeamKind is what an entry of the team is.
type TeamKind string

// The kinds of entries.
const (
	TeamAgent        TeamKind = "agent"
	TeamExtension    TeamKind = "extension"
	TeamQueue        TeamKind = "queue"
	TeamRoutingPoint TeamKind = "routing-point"
)

// Bounds of the configured team.
const (
	maxTeam     = 2000
	maxTeamText = 200 // runes of a name or target
)

// member is an entry of the configured team.
type member struct {
	entry TeamEntry
}

// TeamState is one entry of the configured team.
type TeamState struct {
	Target string   `json:"target"`
	Name   string   `json:"name"`
	Kind   TeamKind `json:"kind"`
}

func (m *member) view() TeamState {
	return TeamState{Target: m.entry.Target, Name: m.entry.Name, Kind: m.entry.Kind}
}

func newTeam(entries []TeamEntry) []*member {
	team := make([]*member, 0, len(entries))
	for _, e := range entries {
		e.Name, e.Kind = cmp.Or(e.Name, e.Target), cmp.Or(e.Kind, TeamExtension)
		team = append(team, &member{entry: e})
	}
	return team
}

// changedTeam takes what is not published yet.
func (a *Agent) changedTeam(c *Change) {
	was := a.state.Team // in the same order
	for i, m := range a.team {
		if v := m.view(); i >= len(was) || was[i] != v {
			c.Team = append(c.Team, v)
		}
	}
}

// validateTeam checks the entries; a target stands in one of them only.
func (c *Config) validateTeam() error {
	if len(c.Team) > maxTeam {
		return &ConfigError{Field: "team", Value: fmt.Sprint(len(c.Team)), Why: "has too many entries", Remedy: fmt.Sprintf("leave %d", maxTeam)}
	}
	seen := map[string]int{}
	for i, e := range c.Team {
		name := fmt.Sprintf("team[%d]", i+1)
		if _, err := parseTarget(e.Target, "pbx.example.com"); err != nil || utf8.RuneCountInString(e.Target) > maxTeamText {
			return &ConfigError{Field: name + ".target", Value: e.Target, Why: "cannot be dialled", Remedy: "write an extension, an E.164 number or a SIP URI"}
		}
		if before, twice := seen[e.Target]; twice {
			return &ConfigError{Field: name + ".target", Value: e.Target, Why: fmt.Sprintf("stands in team[%d] too", before), Remedy: "remove one of them"}
		}
		seen[e.Target] = i + 1
		if cleanText(e.Name) != e.Name || strings.ContainsAny(e.Name, "\t\n") || utf8.RuneCountInString(e.Name) > maxTeamText {
			return &ConfigError{Field: name + ".name", Value: e.Name, Why: "is too long or has control characters", Remedy: fmt.Sprintf("write a text of up to %d characters", maxTeamText)}
		}
		if err := oneOf(name+".kind", string(cmp.Or(e.Kind, TeamExtension)), string(TeamAgent), string(TeamExtension), string(TeamQueue), string(TeamRoutingPoint)); err != nil {
			return err
		}
	}
	return nil
}
