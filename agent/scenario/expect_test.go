package scenario

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent"
)

func TestExpect(t *testing.T) {
	h := measured{up: 5 * time.Second, sound: 2100 * time.Millisecond, tones: map[float64]time.Duration{1004: 900 * time.Millisecond, 440: 100 * time.Millisecond},
		digits: "91234#", code: 200, setup: 40 * time.Millisecond, answer: 3200 * time.Millisecond, first: 200 * time.Millisecond, speech: 1200 * time.Millisecond,
		state: agent.CallState{State: agent.CallPhaseConnected, HeldByMe: true}, phase: agent.PhaseOnHold,
		came: []string{"SIP/2.0 200 OK\r\nX-Case: 4711\r\n\r\nv=0\r\na=sendonly\r\n"}, quality: agent.Quality{RXPackets: 250, Lost: 3, JitterMS: 1.5, MOS: 4.2}}
	for _, row := range []struct {
		expr     string
		ok       bool
		measured string // or the error, when it begins with !
		by       string
	}{
		{"tone 1004", true, "440 Hz for 0.1 s, 1004 Hz for 0.9 s", ""},
		{"tone 1000hz", true, "440 Hz for 0.1 s, 1004 Hz for 0.9 s", ""},
		{"tone 620", false, "440 Hz for 0.1 s, 1004 Hz for 0.9 s", ""},
		{"tone 440>500ms", false, "440 Hz for 0.1 s, 1004 Hz for 0.9 s", "0.4 s too short"},
		{"audio", true, "2.1 s", ""},
		{"audio > 2s", true, "2.1 s", ""},
		{"audio>3s", false, "2.1 s", "0.9 s too short"},
		{"silence", false, "2.1 s of sound", ""},
		{"silence > 2s", true, "2.9 s", ""},
		{"dtmf 1234", true, "91234#", ""},
		{"dtmf 321", false, "91234#", ""},
		{"code 200", true, "200", ""},
		{"code 486", false, "200", ""},
		{"mos > 4.0", true, "4.2", ""},
		{"mos > 4.3", false, "4.2", "0.1 too low"},
		{"lost < 4", true, "3", ""},
		{"jitter < 1", false, "1.5", "0.5 too high"},
		{"lost < 3", false, "3", "just at the limit"},
		{"rx > 100", true, "250", ""},
		{"speech > 1s", true, "1.2 s", ""},
		{"loss < 1%", false, "1.186", "0.1858 too high"},
		{"post-dial < 100ms", true, "40 ms", ""},
		{"answer < 1s", false, "3200 ms", "2200 ms too long"},
		{"answer > 1s", true, "3200 ms", ""},
		{"first-sound < 500ms", true, "200 ms", ""},
		{"state on-hold", true, "connected, held, on-hold", ""},
		{"state ended", false, "connected, held, on-hold", ""},
		{"header X-Case = 4711", true, "4711", ""},
		{"header x-case", true, "4711", ""},
		{"header X-Case = 1", false, "4711", ""},
		{"header X-Other", false, "no such header came", ""},
		{"sdp a=sendonly", true, "a=sendonly", ""},
		{"sdp a=inactive", false, "not in the 1 that came (sendonly)", ""},
		{"both-ways", false, "250 packets came with 2.1 s of sound, 0 went", ""},
		{"clean", false, "loss: 1.2 % of the packets were lost: 3 of 253", ""},
		{"clean now", false, "!too much", ""},
		{"state busy", false, "!STATE is one of", ""},
		{"answer 1s", false, "!after it comes < or >", ""},
		{"header", false, "!NAME is missing", ""},
		{"sdp", false, "!TEXT is missing", ""},
		{"", false, "!it is empty", ""},
		{"joy", false, "!nothing is called", ""},
		{"tone", false, "!HZ is missing", ""},
		{"tone x", false, `!HZ "x"`, ""},
		{"tone 440 for 2s", false, "!after it comes", ""},
		{"audio > long", false, "!no duration", ""},
		{"dtmf 12x", false, "!DIGITS are", ""},
		{"code 42", false, "!no final SIP code", ""},
		{"mos 4", false, "!after it comes > or <", ""},
		{"mos > much", false, "!is no number", ""},
	} {
		t.Run(row.expr, func(t *testing.T) {
			e, err := ParseExpectation(row.expr)
			if want, bad := strings.CutPrefix(row.measured, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want the error %q", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if o := e.check(h); o.ok != row.ok || o.found != row.measured || o.by != row.by {
				t.Errorf("got %v, %q, by %q; want %v, %q, by %q", o.ok, o.found, o.by, row.ok, row.measured, row.by)
			}
		})
	}
}

func TestExpectNothingHeard(t *testing.T) {
	for expr, want := range map[string]string{"tone 440": "no tone", "dtmf 1": "no digit", "mos > 1": "no packet came", "lost < 5": "no packet came"} {
		e, err := ParseExpectation(expr)
		if err != nil {
			t.Fatal(err)
		}
		if o := e.check(measured{}); o.ok || o.found != want {
			t.Errorf("%s: got %v, %q; want false, %q", expr, o.ok, o.found, want)
		}
	}
}

func TestMeterAddsUpWhatIsHeard(t *testing.T) {
	begin := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	hear := func(after time.Duration, sound bool, tones ...float64) agent.Event {
		return agent.Event{Time: begin.Add(after), Type: agent.MediaHeard, Call: "c1", Change: &agent.Change{
			Calls: []agent.CallState{{ID: "c1", Heard: agent.Heard{Sound: sound, Tones: tones}}}}}
	}
	m := NewRecord("c1")
	for _, e := range []agent.Event{
		{Time: begin, Type: agent.CallConnected, Call: "c1"},
		hear(time.Second, true, 440), hear(2*time.Second, true, 440, 620), hear(3*time.Second, false),
		{Time: begin.Add(3500 * time.Millisecond), Type: agent.DTMFReceived, Call: "c1", Digits: "1a"},
		hear(4*time.Second, true),
		{Time: begin.Add(6 * time.Second), Type: agent.CallEnded, Call: "c1"},
	} {
		m.Note(e)
	}
	end := begin.Add(time.Minute)
	if got := []any{m.sound.at(end), m.tones[440].at(end), m.tones[620].at(end), m.digits}; !slices.Equal(got, []any{4 * time.Second, 2 * time.Second, time.Second, "1A"}) {
		t.Errorf("got %v", got)
	}
}
