package agent

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
)

// conferenceOf talks with the contact and joins 2001.
func conferenceOf(b *bed) (call, party CallID) {
	b.t.Helper()
	_, call = b.talk()
	party = b.do("conference", map[string]any{"target": "2001"}).Call
	b.wait(ConferenceStarted)
	b.wait(ConferencePartyJoined)
	b.phase(PhaseConference)
	b.settle()
	return call, party
}

func TestStory_InstantConference(t *testing.T) {
	story(t, nil, func(b *bed) {
		call, party := conferenceOf(b)
		b.farHears(contact, lab.ColleagueHz, true)
		b.farHears(contact, micHz, true)
		b.farHears("2001", lab.ContactHz, true)
		b.agentHears(party, lab.ColleagueHz, true)
		b.do("conference-drop", map[string]any{"party": "2001"})
		b.wait(ConferencePartyLeft)
		b.wait(ConferenceEnded)
		b.phase(PhaseConnected)
		b.farHears(contact, micHz, true)
		b.farHears(contact, lab.ColleagueHz, false)
		b.agentHears(call, lab.ContactHz, true)
	})
}

func TestStory_ConferencePartyMuted(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, party := conferenceOf(b)
		b.do("conference-mute", map[string]any{"party": string(party)})
		b.farHears(contact, lab.ColleagueHz, false)
		b.farHears("2001", lab.ContactHz, true)
		if !b.call(party).Muted {
			t.Error("not shown as muted")
		}
		b.do("conference-unmute", map[string]any{"party": string(party)})
		b.farHears(contact, lab.ColleagueHz, true)
	})
}

func TestStory_ConferencePartySuspended(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, party := conferenceOf(b)
		b.do("conference-suspend", map[string]any{"party": string(party)})
		b.farHears(contact, lab.ColleagueHz, false)
		b.farHears("2001", lab.ContactHz, false)
		b.farHears(contact, micHz, true)
		if c := b.call(party); !c.Suspended || !c.HeldByMe {
			t.Errorf("%+v", c)
		}
		b.do("conference-reinstate", map[string]any{"party": string(party)})
		b.farHears(contact, lab.ColleagueHz, true)
		b.farHears("2001", lab.ContactHz, true)
	})
}

func TestStory_ConferenceHeldByTheAgent(t *testing.T) {
	story(t, nil, func(b *bed) {
		call, _ := conferenceOf(b)
		b.do("hold", nil)
		if in := b.phase(PhaseConference); !in.Held || !b.call(call).HeldByMe {
			t.Errorf("%+v", in)
		}
		b.farHears(contact, micHz, false)
		b.farHears(contact, lab.ColleagueHz, true)
		b.do("resume", nil)
		b.farHears(contact, micHz, true)
		b.do("mute", nil)
		b.farHears(contact, micHz, false)
		b.do("unmute", nil)
		b.farHears("2001", micHz, true)
	})
}

func TestStory_ConferenceLeftByEither(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, party := conferenceOf(b)
		if err := b.lab.HangUp(contact); err != nil {
			t.Fatal(err)
		}
		b.wait(CallEnded)
		b.phase(PhaseConference)
		b.farHears("2001", micHz, true)
		b.agentHears(party, lab.ColleagueHz, true)
		b.do("end", nil)
		b.phase(PhaseReadyToCall)
	})
	story(t, nil, func(b *bed) {
		call, _ := conferenceOf(b)
		if err := b.lab.HangUp("2001"); err != nil {
			t.Fatal(err)
		}
		b.wait(ConferenceEnded)
		b.phase(PhaseConnected)
		b.farHears(contact, micHz, true)
		b.agentHears(call, lab.ContactHz, true)
	})
}

func TestStory_ConferencePartyRefuses(t *testing.T) {
	for _, target := range []string{"2002", "2004", "999"} {
		story(t, nil, func(b *bed) {
			b.talk()
			b.do("conference", map[string]any{"target": target})
			b.wait(ConferencePartyLeft)
			b.phase(PhaseConnected)
			b.farHears(contact, micHz, true)
		})
	}
}

func TestStory_ConferenceFromHold(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.do("hold", nil)
		b.do("conference", map[string]any{"target": "2001"})
		b.wait(ConferencePartyJoined)
		b.settle()
		b.farHears(contact, lab.ColleagueHz, true)
		b.farHears(contact, micHz, true)
	})
}

// Frequencies of eight parties, all apart.
func TestStory_ConferenceOfNine(t *testing.T) {
	tones := []int{350, 480, 600, 700, 800, 1400, 2000, 2100}
	story(t, func(_ *Config, p *lab.Config) {
		p.Extensions = lab.DefaultExtensions()
		for i, hz := range tones {
			p.Extensions = append(p.Extensions, lab.Extension{Number: fmt.Sprint(3000 + i), Behaviour: lab.Behaviour{Say: lab.Tone(float64(hz))}})
		}
	}, func(b *bed) {
		b.talk()
		var calls []CallID
		for i := range 7 {
			calls = append(calls, b.do("conference", map[string]any{"target": fmt.Sprint(3000 + i)}).Call)
			b.wait(ConferencePartyJoined)
		}
		b.settle()
		for i := range 7 {
			b.agentHears(calls[i], float64(tones[i]), true)
			if level := b.lab.Heard(fmt.Sprint(3000 + i)).Level; level < -40 {
				t.Errorf("party %d hears nothing: %v dBFS", i, level)
			}
		}
		b.farHears(contact, micHz, true)
		b.farHears("3000", lab.ContactHz, true)
		b.farHears("3006", lab.ContactHz, true)
		for i := range 7 {
			b.do("conference-drop", map[string]any{"party": string(calls[i])})
		}
		b.phase(PhaseConnected)
		b.farHears(contact, micHz, true)
	})
}

// TestStory_ConferenceLevels: in a conference a voice comes at one level, and again as it
// is when the conference has ended.
func TestStory_ConferenceLevels(t *testing.T) {
	for _, on := range []bool{true, false} {
		story(t, func(c *Config, _ *lab.Config) { c.Calls.ConferenceLevels = on }, func(b *bed) {
			conferenceOf(b)
			b.do("mute", nil)
			b.passes(4 * time.Second)
			want := -10.0
			if on {
				want = -20
			}
			if level := b.lab.Heard(contact).Level; math.Abs(level-want) > 2.5 {
				t.Errorf("levels %v: the colleague is heard at %.1f dBFS, want %.0f", on, level, want)
			}
			b.do("conference-drop", map[string]any{"party": "2001"})
			b.wait(ConferenceEnded)
			b.do("unmute", nil)
			b.passes(2 * time.Second)
			if level := b.lab.Heard(contact).Level; math.Abs(level+10) > 2.5 {
				t.Errorf("levels %v: after the conference the agent is heard at %.1f dBFS", on, level)
			}
		})
	}
}

// TestStory_ConferenceOfThirtyFour: 32 parties with the contact and the agent.
func TestStory_ConferenceOfThirtyFour(t *testing.T) {
	const parties = 32
	tone := func(i int) float64 { return float64(350 + 25*i) }
	story(t, func(_ *Config, p *lab.Config) {
		p.Extensions = lab.DefaultExtensions()
		for i := range parties + 1 {
			p.Extensions = append(p.Extensions, lab.Extension{Number: fmt.Sprint(3000 + i),
				Behaviour: lab.Behaviour{Say: lab.Tone(tone(i))}})
		}
	}, func(b *bed) {
		b.talk()
		var calls []CallID
		for i := range parties {
			calls = append(calls, b.do("conference", map[string]any{"target": fmt.Sprint(3000 + i)}).Call)
			b.wait(ConferencePartyJoined)
		}
		err := b.fails("conference", map[string]any{"target": fmt.Sprint(3000 + parties)}, CodeFailed)
		if !strings.Contains(err.Error(), "full, with 32 parties") || !strings.Contains(err.Hint, "calls.conference_parties") {
			t.Errorf("the one too many is told %v (%s)", err, err.Hint)
		}
		b.settle()
		b.agentHears(calls[parties-1], tone(parties-1), true)
		for i := range parties {
			if level := b.lab.Heard(fmt.Sprint(3000 + i)).Level; level < -40 {
				t.Errorf("party %d hears nothing: %v dBFS", i, level)
			}
		}
		b.do("conference-drop", map[string]any{"party": string(calls[0])})
		b.phase(PhaseConference)
		b.do("end", nil)
		b.phase(PhaseReadyToCall)
	})
}

func TestStory_TheLastPartyLeavesASuspendedContact(t *testing.T) {
	story(t, nil, func(b *bed) {
		call, _ := conferenceOf(b)
		b.do("conference-suspend", map[string]any{"party": string(call)})
		b.farHears(contact, lab.ColleagueHz, false)
		if err := b.lab.HangUp("2001"); err != nil {
			t.Fatal(err)
		}
		b.wait(ConferenceEnded)
		b.phase(PhaseOnHold)
		b.do("resume", nil)
		b.farHears(contact, micHz, true)
	})
	story(t, nil, func(b *bed) {
		conferenceOf(b)
		b.do("hold", nil)
		if err := b.lab.HangUp("2001"); err != nil {
			t.Fatal(err)
		}
		b.wait(CallHeld)
		b.phase(PhaseOnHold)
	})
}

func TestStory_ConferenceActionsOnNobody(t *testing.T) {
	story(t, nil, func(b *bed) {
		call, party := conferenceOf(b)
		err := b.fails("conference-drop", map[string]any{"party": "nobody"}, CodeNotFound)
		if len(err.Candidates) != 2 || err.Candidates[0] != string(call) || err.Candidates[1] != string(party) {
			t.Errorf("%v", err.Candidates)
		}
		b.fails("conference", nil, CodeInvalid)
		b.do("conference-drop", map[string]any{"party": contact})
		b.phase(PhaseConference)
	})
}
