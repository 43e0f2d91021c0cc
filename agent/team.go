package agent

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"ringback/agent/presence"
	"ringback/sip"
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

// How presences are asked for.
const (
	TeamPresenceDialog = "dialog"   // the dialogs of a phone (RFC 4235): a busy lamp
	TeamPresenceState  = "presence" // presence documents (RFC 3863)
	TeamPresenceOff    = "off"
)

// Bounds of the configured team.
const (
	maxTeam     = 2000
	maxWatched  = 500
	maxTeamText = 200 // runes of a name or target
)

// member is an entry of the configured team, and what the PBX tells of it.
type member struct {
	entry     TeamEntry
	sub       *sip.Subscription // nil: it is not watched, or not yet
	notifiers []*notifier       // who tells, in the order in which they began
	presence  presence.Presence
	reason    string // why nothing is known; empty where something is
	since     time.Time
}

// TeamState is one entry of the configured team.
type TeamState struct {
	Target   string     `json:"target"`
	Name     string     `json:"name"`
	Kind     TeamKind   `json:"kind"`
	Presence string     `json:"presence"` // idle, ringing, busy, away, offline or unknown
	Note     string     `json:"note"`     // what the PBX says with it
	Reason   string     `json:"reason"`   // why it is unknown
	Since    *time.Time `json:"since"`    // of the presence; null before anything was told
}

func (m *member) view() TeamState {
	return TeamState{Target: m.entry.Target, Name: m.entry.Name, Kind: m.entry.Kind, Presence: string(m.presence.State),
		Note: m.presence.Note, Reason: m.reason, Since: timeOf(m.since)}
}

func newTeam(c Config) []*member {
	entries := c.Team
	team := make([]*member, 0, len(entries))
	for _, e := range entries {
		e.Name, e.Kind = cmp.Or(e.Name, e.Target), cmp.Or(e.Kind, TeamExtension)
		m := &member{entry: e, presence: presence.Presence{State: presence.Unknown}, reason: "presence is not asked for"}
		if e.Presence = e.Presence && c.TeamPresence != TeamPresenceOff; e.Presence {
			m.reason = notAsked
		}
		m.entry = e
		team = append(team, m)
	}
	return team
}

// changedTeam takes what is not published yet.
func (a *Agent) changedTeam(c *Change) {
	was := a.state.Team // in the same order
	for i, m := range a.team {
		if v := m.view(); i >= len(was) || !was[i].same(&v) {
			c.Team = append(c.Team, v)
		}
	}
}

// validateTeam checks the entries; a target stands in one of them only.
func (c *Config) validateTeam() error {
	if len(c.Team) > maxTeam {
		return &ConfigError{Field: "team", Value: fmt.Sprint(len(c.Team)), Why: "has too many entries", Remedy: fmt.Sprintf("leave %d", maxTeam)}
	}
	if err := oneOf("team_presence", c.TeamPresence, TeamPresenceDialog, TeamPresenceState, TeamPresenceOff); err != nil {
		return err
	}
	seen, watched := map[string]int{}, 0
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
		if e.Presence {
			watched++
		}
		if err := oneOf(name+".kind", string(cmp.Or(e.Kind, TeamExtension)), string(TeamAgent), string(TeamExtension), string(TeamQueue), string(TeamRoutingPoint)); err != nil {
			return err
		}
	}
	if watched > maxWatched {
		return &ConfigError{Field: "team", Value: fmt.Sprint(watched), Why: "asks for too many presences", Remedy: fmt.Sprintf("leave presence: true with %d entries", maxWatched)}
	}
	return nil
}
