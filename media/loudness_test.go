package media

import (
	"slices"
	"testing"
	"time"
)

// TestLoudness_WhenAMicrophoneIsOff: the end of a room's noise is told after 3 s; what pauses
// in digital silence on purpose is given the time that the other talks.
func TestLoudness_WhenAMicrophoneIsOff(t *testing.T) {
	room, speech, nothing := 40, 8000, 8
	times := func(n int, peaks ...int) []int { return slices.Repeat(peaks, n) }
	for name, row := range map[string]struct {
		before []int
		want   time.Duration
	}{
		"nothing ever":                       {nil, 5 * time.Second},
		"a room, then its switch":            {slices.Concat(times(20, room), times(20, speech), times(5, room)), 3 * time.Second},
		"a room with a switch used before":   {slices.Concat(times(20, room), times(40, nothing), times(5, room)), 3 * time.Second},
		"a voice behind a gate":              {slices.Concat(times(20, room, speech), times(5, nothing), times(20, room, speech)), 15 * time.Second},
		"a voice, and no room was heard":     {times(30, speech), 15 * time.Second},
		"a voice whose packets were lost":    {slices.Concat(times(30, room), times(2, nothing), times(5, room)), 3 * time.Second},
		"behind a gate, and resumed after":   {slices.Concat(times(20, room), times(5, nothing), times(5, room), []int{-1}), 15 * time.Second},
		"a room, and resumed after, silent":  {slices.Concat(times(20, room), []int{-1}), 5 * time.Second},
		"a room, resumed after, and a cough": {slices.Concat(times(20, room), []int{-1, speech}), 3 * time.Second},
	} {
		var l loudness
		for _, peak := range row.before {
			l.look(peak >= 0, peak)
		}
		after := time.Duration(0)
		for ; !l.nothing(oursAtFirst); after += lookEvery {
			l.look(true, nothing)
		}
		if after != row.want {
			t.Errorf("%s: told after %v, want %v", name, after, row.want)
		}
		if l.look(true, room); l.nothing(oursAtFirst) {
			t.Errorf("%s: it goes on, though something is heard", name)
		}
	}
}

// TestLoudness_WhenItIsTooLoud: full scale in syllables is told within a second; a knock is not.
func TestLoudness_WhenItIsTooLoud(t *testing.T) {
	var l loudness
	for i, loud := range []bool{true, true, false, false, false, false, false, false, false, false, false, true} {
		peak := 1000
		if loud {
			peak = 32767
		}
		if l.look(true, peak); l.clips(false) {
			t.Fatalf("a knock is told in look %d", i)
		}
	}
	looks := 0
	for ; !l.clips(false); looks++ {
		l.look(true, []int{32767, 1000}[looks%2])
	}
	if looks > 7 {
		t.Errorf("told after %d looks", looks)
	}
	calm := 0
	for ; l.clips(true); calm++ {
		l.look(true, 1000)
	}
	if calm < 29 || calm > 30 {
		t.Errorf("over after %d looks", calm)
	}
}
