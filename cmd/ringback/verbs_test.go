package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"ringback/agent"
)

// TestEveryActionIsACommand holds the commands against the agent's one table of
// actions: each has a command, and each argument a word or a flag.
func TestEveryActionIsACommand(t *testing.T) {
	commands := map[string]verb{}
	var collect func(v verb)
	collect = func(v verb) {
		if !v.onlySubs {
			commands[v.actionName()] = v
		}
		for _, s := range v.sub {
			collect(s)
		}
	}
	for _, v := range verbs(&shell{}) {
		collect(v)
	}
	for _, a := range agent.Actions() {
		v, found := commands[a.Name]
		if !found {
			t.Errorf("action %s has no command", a.Name)
			continue
		}
		delete(commands, a.Name)
		given := map[string]bool{"interaction": v.actsOnInteraction()}
		for _, w := range v.words {
			given[w.arg] = true
		}
		for _, f := range v.flags {
			given[f.arg] = true
		}
		for _, arg := range v.gives {
			given[arg] = true
		}
		for _, arg := range a.Args {
			if !given[arg.Name] {
				t.Errorf("%s: argument %s cannot be given", a.Name, arg.Name)
			}
			delete(given, arg.Name)
		}
		for name, used := range given {
			if used {
				t.Errorf("%s: the command gives %s, which the action does not know", a.Name, name)
			}
		}
	}
	if len(commands) > 0 {
		t.Errorf("commands without an action: %v", slices.Collect(maps.Keys(commands)))
	}
}

// TestEveryCommandHasHelpWithAnExample walks all commands.
func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	var walk func(path string, all []*cli.Command)
	walk = func(path string, all []*cli.Command) {
		for _, c := range all {
			name := strings.TrimSpace(path + " " + c.Name)
			command, output, _ := strings.Cut(strings.TrimSpace(c.Description), "\n")
			if !strings.HasPrefix(command, "$ ") || !strings.Contains(command, "ringback") || strings.TrimSpace(output) == "" {
				t.Errorf("%s: the example is %q", name, c.Description)
			}
			if c.Usage == "" || c.Action == nil {
				t.Errorf("%s: no usage or nothing to do", name)
			}
			walk(name, c.Subcommands)
		}
	}
	walk("", newApp(&shell{}).Commands)
}

// TestExitCodes holds the error names of the agent against the promised codes.
func TestExitCodes(t *testing.T) {
	for name, want := range map[string]exitCode{
		"invalid": 2, "not_registered": 4, "unauthorized": 4, "not_found": 5, "not_allowed": 6,
		"rejected": 7, "busy": 7, "timeout": 8, "failed": 1, "something new": 1,
	} {
		if got := asFailure(&agent.ActionError{Code: name}).code; got != want {
			t.Errorf("%s: exit code %d, want %d", name, got, want)
		}
	}
}
