package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestArrange(t *testing.T) {
	app := newApp(&shell{})
	for _, row := range []struct{ line, want string }{
		{"status", "status"},
		{"--json status", "--json=true status"},
		{"status --json", "--json=true status"},
		{"-json status", "--json=true status"},
		{"status --json=false", "--json=false status"},
		{"--profile a transfer i7 1003 --wait done --timeout 5s", "--profile=a --timeout=5s transfer --wait=done -- i7 1003"},
		{"dtmf 1234# --method info i9", "dtmf --method=info -- 1234# i9"},
		{"conference drop i7 c13 --json", "--json=true conference drop -- i7 c13"},
		{"conference --json drop c13", "--json=true conference drop -- c13"},
		{"conference i7 drop", "conference -- i7 drop"},
		{"note -- --json is a flag", "note -- --json is a flag"},
		{"note -", "note -- -"},
		{"dial 601 --header X-A:1 --header X-B:2", "dial --header=X-A:1 --header=X-B:2 -- 601"},
		{"test call 601 --expect", "!needs a value"},
		{"status --profile --json", "!flag --profile needs a value"},
		{"status --profile=", "!flag --profile was given an empty value"},
		{"status --jso", "!unknown flag --jso"},
		{"hold --target 5", "!unknown flag --target of ringback hold"},
		{"--wait done hold", "!unknown flag --wait of ringback"},
		{"help hold", "hold --help"},
		{"--json help hold", "--json=true hold --help"},
		{"--profile a help", "--profile=a --help"},
		{"note help", "note -- help"},
		{"hold help", "hold -- help"},
		{"stat", `!unknown command "stat"`},
		{"register --password secret", "!flag --password does not exist"},
		{"register --password=secret", "!flag --password does not exist"},
		{"", ""},
	} {
		t.Run(row.line, func(t *testing.T) {
			got, err := arrange(app, strings.Fields(row.line))
			if want, bad := strings.CutPrefix(row.want, "!"); bad {
				var f *failure
				if !errors.As(err, &f) || f.code != exitUsage || !strings.Contains(f.message, want) {
					t.Errorf("got %v, want the usage error %q", err, want)
				}
				return
			}
			if text := strings.Join(got.argv, " "); err != nil || text != row.want {
				t.Errorf("got %q, %v; want %q", text, err, row.want)
			}
		})
	}
}

func TestSecretsAreNotRepeated(t *testing.T) {
	_, err := arrange(newApp(&shell{}), []string{"register", "--password", "hunter2"})
	if f := asFailure(err); strings.Contains(f.message+f.hint, "hunter2") {
		t.Errorf("%s %s", f.message, f.hint)
	}
}

func TestArrangeHelp(t *testing.T) {
	app := newApp(&shell{})
	for _, line := range []string{"--help conference drop", "conference drop --help", "conference drop -h", "help conference drop", "conference -h drop c1"} {
		got, err := arrange(app, strings.Fields(line))
		if err != nil || !got.help || !slices.Equal(got.command, []string{"conference", "drop"}) {
			t.Errorf("%s: %v %v, %v", line, got.help, got.command, err)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"status", "events", "wait", "hold", "resume", "register"}
	for word, want := range map[string]string{"statsu": "status", "hodl": "hold", "wiat": "wait", "reg": "register", "xyzzy": "", "holdd": "hold"} {
		if got := nearest(word, known); got != want {
			t.Errorf("nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func FuzzArrange(f *testing.F) {
	f.Add("status\x00--json")
	f.Add("conference\x00drop\x00--\x00-x")
	f.Fuzz(func(_ *testing.T, text string) {
		_, _ = arrange(newApp(&shell{}), strings.Split(text, "\x00"))
	})
}
