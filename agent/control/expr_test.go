package control

import (
	"errors"
	"strings"
	"testing"
)

func TestParseExpr(t *testing.T) {
	for _, row := range []struct {
		words string
		want  string // normal spelling, or part of the error
		bad   bool
	}{
		{"registered", "registered", false},
		{"  call   c3  connected ", "call c3 connected", false},
		{"call connected", "call connected", false},
		{"interaction i7 on-hold", "interaction i7 on-hold", false},
		{"interaction done", "interaction done", false},
		{"offer", "offer", false},
		{"offer i2", "offer i2", false},
		{"dtmf 12*#ab", "dtmf 12*#ab", false},
		{"silence 2s", "silence 2s", false},
		{"audio", "audio", false},
		{"tone 1004", "tone 1004", false},
		{"tone 1004Hz", "tone 1004Hz", false},
		{"ready webcallback", "ready webcallback", false},
		{"registration failed", "registration failed", false},
		{"event call.*", "event call.*", false},
		{"idle", "idle", false},
		{"presence 1002 busy", "presence 1002 busy", false},
		{"presence.changed", "presence.changed", false},
		{"presence", "TARGET is missing", true},
		{"presence 1002", "STATE is missing", true},
		{"presence 1002 asleep", `STATE "asleep"`, true},
		{"", "missing", true},
		{"moon", `nothing is called "moon"`, true},
		{"registered now", `"now" is too much`, true},
		{"call c3", "STATE is missing", true},
		{"call c3 on-hold", `STATE "on-hold"`, true},
		{"call i3 connected", `"connected" is too much`, true},
		{"interaction i7 ringing", `STATE "ringing"`, true},
		{"dtmf", "DIGITS is missing", true},
		{"dtmf 12x", `DIGITS "12x"`, true},
		{"silence soon", `DURATION "soon"`, true},
		{"silence -2s", `DURATION "-2s"`, true},
		{"tone high", `HZ "high"`, true},
		{"tone 0", `HZ "0"`, true},
		{"tone NaN", `HZ "NaN"`, true},
		{"event [", `GLOB "["`, true},
		{"ready moon", `CHANNEL "moon"`, true},
	} {
		t.Run(row.words, func(t *testing.T) {
			e, err := ParseExpr(row.words)
			var syntax *SyntaxError
			switch {
			case row.bad && !errors.As(err, &syntax):
				t.Errorf("got %v, want a SyntaxError", err)
			case row.bad && (!strings.Contains(err.Error(), row.want) || len(syntax.Forms) < 10):
				t.Errorf("got %q with %d forms, want %q", err, len(syntax.Forms), row.want)
			case !row.bad && (err != nil || e.String() != row.want):
				t.Errorf("got %q, %v; want %q", e, err, row.want)
			}
		})
	}
}

func FuzzParseExpr(f *testing.F) {
	for _, form := range grammar() {
		f.Add(form.word + " " + form.rest)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpr(text)
		if err == nil && e.cond == nil {
			t.Errorf("%q gave neither a condition nor an error", text)
		}
	})
}
