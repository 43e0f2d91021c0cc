package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
)

func TestExpect(t *testing.T) {
	h := heardCall{up: 5 * time.Second, audio: 2100 * time.Millisecond, tones: map[float64]time.Duration{1004: 900 * time.Millisecond, 440: 100 * time.Millisecond},
		digits: "91234#", code: 200, quality: agent.Quality{RXPackets: 250, Lost: 3, JitterMS: 1.5, MOS: 4.2}}
	for _, row := range []struct {
		expr     string
		ok       bool
		measured string // or the error, when it begins with !
	}{
		{"tone 1004", true, "440 Hz for 0.1 s, 1004 Hz for 0.9 s"},
		{"tone 1000hz", true, "440 Hz for 0.1 s, 1004 Hz for 0.9 s"},
		{"tone 620", false, "440 Hz for 0.1 s, 1004 Hz for 0.9 s"},
		{"tone 440>500ms", false, "440 Hz for 0.1 s, 1004 Hz for 0.9 s"},
		{"audio", true, "2.1 s"},
		{"audio > 2s", true, "2.1 s"},
		{"audio>3s", false, "2.1 s"},
		{"silence", false, "2.1 s of sound"},
		{"silence > 2s", true, "2.9 s"},
		{"dtmf 1234", true, "91234#"},
		{"dtmf 321", false, "91234#"},
		{"code 200", true, "200"},
		{"code 486", false, "200"},
		{"mos > 4.0", true, "4.2"},
		{"mos > 4.3", false, "4.2"},
		{"lost < 4", true, "3"},
		{"jitter < 1", false, "1.5"},
		{"rx > 100", true, "250"},
		{"", false, "!it is empty"},
		{"joy", false, "!nothing is called"},
		{"tone", false, "!HZ is missing"},
		{"tone x", false, `!HZ "x"`},
		{"tone 440 for 2s", false, "!after it comes"},
		{"audio > long", false, "!no duration"},
		{"dtmf 12x", false, "!DIGITS are"},
		{"code 42", false, "!no final SIP code"},
		{"mos 4", false, "!after it comes > or <"},
		{"mos > much", false, "!is no number"},
	} {
		t.Run(row.expr, func(t *testing.T) {
			e, err := readExpect(row.expr)
			if want, bad := strings.CutPrefix(row.measured, "!"); bad {
				var f *failure
				if !errors.As(err, &f) || f.code != exitUsage || !strings.Contains(f.message, want) || f.hint == "" {
					t.Errorf("got %v, want the usage error %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if ok, measured := e.check(h); ok != row.ok || measured != row.measured {
				t.Errorf("got %v, %q; want %v, %q", ok, measured, row.ok, row.measured)
			}
		})
	}
}

func TestExpectNothingHeard(t *testing.T) {
	for expr, want := range map[string]string{"tone 440": "no tone", "dtmf 1": "no digit", "mos > 1": "no packet came", "lost < 5": "no packet came"} {
		e, err := readExpect(expr)
		if err != nil {
			t.Fatal(err)
		}
		if ok, measured := e.check(heardCall{}); ok || measured != want {
			t.Errorf("%s: got %v, %q; want false, %q", expr, ok, measured, want)
		}
	}
}

func TestMeterAddsUpWhatIsHeard(t *testing.T) {
	begin := at("10:00:00")
	hear := func(after time.Duration, sound bool, tones ...float64) agent.Event {
		return agent.Event{Time: begin.Add(after), Type: agent.MediaHeard, Call: "c1", Change: &agent.Change{
			Calls: []agent.CallState{{ID: "c1", Heard: agent.Heard{Sound: sound, Tones: tones}}}}}
	}
	var m meter
	for _, e := range []agent.Event{
		{Time: begin, Type: agent.CallConnected, Call: "c1"},
		hear(time.Second, true, 440), hear(2*time.Second, true, 440, 620), hear(3*time.Second, false),
		{Time: begin.Add(3500 * time.Millisecond), Type: agent.DTMFReceived, Call: "c1", Digits: "1a"},
		hear(4*time.Second, true),
		{Time: begin.Add(6 * time.Second), Type: agent.CallEnded, Call: "c1"},
	} {
		m.note(e)
	}
	end := begin.Add(time.Minute)
	if got := []any{m.audio.at(end), m.tones[440].at(end), m.tones[620].at(end), m.digits}; !slices.Equal(got, []any{4 * time.Second, 2 * time.Second, time.Second, "1A"}) {
		t.Errorf("got %v", got)
	}
}
