package control

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"ringback/agent"
)

const (
	standardSilence = time.Second
	toneTolerance   = 0.02 // of a frequency: a meter names its own nominal one
)

// connected are the calls with media, on hold or not.
func connected(s agent.State) []agent.CallState {
	var calls []agent.CallState
	for _, c := range s.Calls {
		if c.State == agent.CallPhaseConnected || c.State == agent.CallPhaseEarly {
			calls = append(calls, c)
		}
	}
	return calls
}

// audible are the calls that the agent hears: one that it holds may bring sound,
// and is not listened to.
func audible(s agent.State) []agent.CallState {
	return slices.DeleteFunc(connected(s), func(c agent.CallState) bool { return c.HeldByMe })
}

// soundIs is met when a far end is heard, or, for silence, when there is a call
// and nothing is heard in any; each for so long without a break.
type soundIs struct {
	on    bool
	lasts time.Duration
}

func (c *soundIs) dwell() time.Duration { return c.lasts }

func (c *soundIs) judge(v view) (bool, *UnmetError) {
	sound := slices.ContainsFunc(audible(v.state), func(call agent.CallState) bool { return call.Heard.Sound })
	return len(connected(v.state)) > 0 && sound == c.on, nil
}

func (c *soundIs) now(s agent.State) string { return heardNow(s) }

// toneHeard is met when a far end is heard to say a tone.
type toneHeard struct{ hz float64 }

func (c *toneHeard) judge(v view) (bool, *UnmetError) {
	for _, call := range audible(v.state) {
		for _, hz := range call.Heard.Tones {
			if math.Abs(hz-c.hz) <= toneTolerance*c.hz {
				return true, nil
			}
		}
	}
	return false, nil
}

func (c *toneHeard) now(s agent.State) string { return heardNow(s) }

// heardNow says what every live call brings.
func heardNow(s agent.State) string {
	calls := audible(s)
	if len(calls) == 0 {
		return "there is no call that is heard"
	}
	var all []string
	for _, c := range calls {
		switch {
		case len(c.Heard.Tones) > 0:
			all = append(all, fmt.Sprintf("call %s brings %v Hz", c.ID, c.Heard.Tones))
		case c.Heard.Sound:
			all = append(all, fmt.Sprintf("call %s brings sound", c.ID))
		default:
			all = append(all, fmt.Sprintf("call %s is silent", c.ID))
		}
	}
	return strings.Join(all, ", ")
}

func readAudio(words []string) (condition, error) {
	d, err := readFor(words, 0)
	return &soundIs{true, d}, err
}

func readSilence(words []string) (condition, error) {
	d, err := readFor(words, standardSilence)
	return &soundIs{false, d}, err
}
