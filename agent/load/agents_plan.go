package load

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AgentsPlan makes the users agents, each a whole phone as a person has it, who take
// the callbacks that the PBX offers. A share is of the callbacks that came up.
type AgentsPlan struct {
	For        time.Duration `yaml:"for"`        // how long they are ready
	Think      Spread        `yaml:"think"`      // from the offer to Accept, and from a preview to Call
	Talk       Spread        `yaml:"talk"`       // before what follows is done and the call ended
	WrapUp     Spread        `yaml:"wrap_up"`    // from the end of the call to Done
	Reject     Share         `yaml:"reject"`     // of the offers
	Hold       Share         `yaml:"hold"`       // held for HoldFor, then resumed
	HoldFor    Spread        `yaml:"hold_for"`   //
	DTMF       Share         `yaml:"dtmf"`       // Digits are sent
	Digits     string        `yaml:"digits"`     //
	Consult    Share         `yaml:"consult"`    // ConsultTo is asked for HoldFor, then the contact taken back
	ConsultTo  string        `yaml:"consult_to"` //
	Conference Share         `yaml:"conference"` // ConferTo joins for HoldFor, and is dropped
	ConferTo   string        `yaml:"conference_to"`
	Transfer   Share         `yaml:"transfer"` // the call ends by a transfer to TransferTo
	TransferTo string        `yaml:"transfer_to"`
	Reschedule Share         `yaml:"reschedule"` // for tomorrow, by the team
	Codes      []string      `yaml:"dispositions"`
	Note       string        `yaml:"note"`
	Report     string        `yaml:"report_to"`  // who is told of it; empty: nobody
	Media      string        `yaml:"media"`      // what an agent says: silence, tone, echo (what he hears) or file
	File       string        `yaml:"file"`       // WAV of any rate
	Codecs     []string      `yaml:"codecs"`     // of opus, g722, pcmu, pcma, by preference
	Encryption string        `yaml:"encryption"` // of media: off, sdes (keys in SDP, by any transport) or dtls
	Ptime      time.Duration `yaml:"ptime"`      // of sound in a packet, as calls.ptime

	// How the PBX's queue is told of readiness, as channels.pbx, pbx_by and publish of a phone's configuration.
	PBX     map[string]string `yaml:"pbx"`
	PBXBy   string            `yaml:"pbx_by"`
	Publish bool              `yaml:"publish"`
}

// Share is a part of a whole, from 0 to 1. A file writes 0.05 or 5%.
type Share float64

// UnmarshalYAML reads 0.05 and 5%.
func (s *Share) UnmarshalYAML(text []byte) error {
	word := strings.Trim(strings.TrimSpace(string(text)), `"'`)
	number, isPercent := strings.CutSuffix(word, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if isPercent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		return fmt.Errorf("share %s: write 0%% to 100%%, or 0 to 1", word)
	}
	*s = Share(v)
	return nil
}

func defaultAgents() AgentsPlan {
	return AgentsPlan{For: time.Minute, Think: Spread{Mean: 2 * time.Second}, Talk: Spread{Mean: 20 * time.Second, Spread: "exponential"}, WrapUp: Spread{Mean: 2 * time.Second},
		HoldFor: Spread{Mean: 3 * time.Second}, Digits: "1234#", Media: MediaSilence, Codecs: []string{"pcmu", "pcma"}}
}

// UnmarshalYAML begins with the defaults.
func (a *AgentsPlan) UnmarshalYAML(read func(any) error) error {
	type plain AgentsPlan
	p := plain(defaultAgents())
	if err := read(&p); err != nil {
		return err
	}
	*a = AgentsPlan(p)
	return nil
}

func (p *Plan) checkAgents() error {
	a := p.Agents
	if a == nil {
		return nil
	}
	if p.Calls.PeakRate() > 0 || p.Calls.PeakConcurrency() > 0 {
		return wrong("agents", "beside calls", "write agents, who take callbacks, or calls with a rate, a concurrency or steps, not both")
	}
	if p.Users.Count > maxAgents {
		return wrong("users.count", p.Users.Count, fmt.Sprintf("write at most %d where the users are agents", maxAgents))
	}
	if a.For < time.Second || a.For > maxTime {
		return wrong("agents.for", a.For, fmt.Sprintf("write 1s to %v", maxTime))
	}
	if a.Consult > 0 && a.ConsultTo == "" {
		return wrong("agents.consult_to", `""`, "write whom they consult, as sip:601@pbx.example.com")
	}
	if a.Conference > 0 && a.ConferTo == "" {
		return wrong("agents.conference_to", `""`, "write who joins them, as sip:601@pbx.example.com")
	}
	if a.Transfer > 0 && a.TransferTo == "" {
		return wrong("agents.transfer_to", `""`, "write where they transfer to, as sip:601@pbx.example.com")
	}
	if a.Digits == "" || strings.Trim(strings.ToUpper(a.Digits), "0123456789*#ABCD") != "" {
		return wrong("agents.digits", a.Digits, "write digits of 0-9 * # A-D")
	}
	if !slices.Contains(agentMedias(), a.Media) {
		return wrong("agents.media", a.Media, "write silence, tone, echo or file")
	}
	if err := checkSound("agents.", a.Codecs, []string{a.Media}, a.File, a.Encryption); err != nil {
		return err
	}
	if err := checkPtime("agents.", a.Ptime); err != nil {
		return err
	}
	return checkSpreads([]spreadField{{"agents.think", a.Think}, {"agents.talk", a.Talk}, {"agents.wrap_up", a.WrapUp}, {"agents.hold_for", a.HoldFor}})
}

func agentMedias() []string { return []string{MediaSilence, MediaTone, MediaEcho, MediaFile} }

// maxAgents bounds the agents of one generator.
const maxAgents = 5_000

type spreadField struct {
	name string
	s    Spread
}

func checkSpreads(all []spreadField) error {
	for _, f := range all {
		if f.s.Mean < 0 || f.s.Mean > maxTime {
			return wrong(f.name+".mean", f.s.Mean, fmt.Sprintf("write 0s to %v", maxTime))
		}
		if f.s.Spread != "" && !slices.Contains(spreads(), f.s.Spread) {
			return wrong(f.name+".spread", f.s.Spread, "write constant, uniform, exponential or lognormal")
		}
	}
	return nil
}
