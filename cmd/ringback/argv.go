package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// The flag package stops at the first word that is no flag, and a person
// writes flags where they come to mind. arrange therefore puts a command line
// into the order that the library reads: global flags, command, its flags,
// "--", words.

// arranged is a command line in order.
type arranged struct {
	command []string // the path: "conference", "drop"
	argv    []string // what the library is given, without the program's name
	help    bool
}

type arranger struct {
	app      *cli.App
	level    *cli.Command // nil before the command's name was seen
	path     []string
	globals  []string
	flags    []string
	words    []string
	help     bool
	anyWords bool // "--" was seen: the rest are words
}

// arrange orders args (without the program's name) by the commands and flags
// of app. Everything it refuses is a usage error that names the value.
func arrange(app *cli.App, args []string) (arranged, error) {
	a := &arranger{app: app}
	for len(args) > 0 {
		used, err := a.take(args)
		if err != nil {
			return arranged{command: a.path}, err
		}
		args = args[used:]
	}
	argv := append(slices.Clone(a.globals), a.path...)
	if a.help {
		argv = append(argv, "--help")
	} else {
		argv = append(argv, a.flags...)
		if len(a.words) > 0 {
			argv = append(append(argv, "--"), a.words...)
		}
	}
	return arranged{command: a.path, argv: argv, help: a.help}, nil
}

// take reads one argument (and a flag's value) and says how many it used.
func (a *arranger) take(args []string) (int, error) {
	word := args[0]
	switch {
	case a.anyWords || len(word) < 2 || word[0] != '-' || isDigit(word[1]): // -6 dB is no flag
		return 1, a.takeWord(word)
	case word == "--":
		a.anyWords = true
		return 1, nil
	case word == "-h" || word == "--help":
		a.help = true
		return 1, nil
	}
	return a.takeFlag(word, args[1:])
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (a *arranger) takeWord(word string) error {
	var next *cli.Command
	if a.level == nil && word == "help" && !a.help {
		a.help = true
		return nil
	}
	if a.level == nil {
		next = find(a.app.Commands, word)
		if next == nil {
			return unknownCommand(a.app, word)
		}
	} else if len(a.words) == 0 && !a.anyWords {
		next = find(a.level.Subcommands, word)
	}
	if next == nil {
		a.words = append(a.words, word)
		return nil
	}
	a.level, a.path = next, append(a.path, next.Name)
	return nil
}

func (a *arranger) takeFlag(word string, rest []string) (int, error) {
	name, value, given := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if isSecretFlag(name) {
		return 0, usageError("flag --%s does not exist: a secret on the command line is seen by everyone on the machine", name).
			withHint("put it in a file and name that with --password-file, or set RINGBACK_PASSWORD")
	}
	flag, global := a.lookup(name)
	if flag == nil {
		return 0, a.unknownFlag(name)
	}
	long := "--" + flag.Names()[0]
	used := 1
	if _, isBool := flag.(*cli.BoolFlag); isBool {
		if !given {
			value = "true"
		}
	} else if !given {
		if len(rest) == 0 || a.isFlag(rest[0]) {
			return 0, usageError("flag %s needs a value", long)
		}
		value, used = rest[0], 2
	}
	if strings.TrimSpace(value) == "" {
		return 0, usageError("flag %s was given an empty value", long).withHint("leave the flag out, or give it a value")
	}
	if global {
		a.globals = append(a.globals, long+"="+value)
	} else {
		a.flags = append(a.flags, long+"="+value)
	}
	return used, nil
}

// isFlag says whether word is one of the flags known here, and so not the
// value of the flag before it.
func (a *arranger) isFlag(word string) bool {
	if !strings.HasPrefix(word, "--") {
		return false
	}
	name, _, _ := strings.Cut(word[2:], "=")
	flag, _ := a.lookup(name)
	return flag != nil || name == "" || name == "help"
}

func (a *arranger) lookup(name string) (flag cli.Flag, global bool) {
	if a.level != nil {
		if f := findFlag(a.level.Flags, name); f != nil {
			return f, false
		}
	}
	return findFlag(a.app.Flags, name), true
}

func (a *arranger) unknownFlag(name string) error {
	where, known := "ringback", slices.Clone(a.app.Flags)
	if a.level != nil {
		where, known = "ringback "+strings.Join(a.path, " "), append(known, a.level.Flags...)
	}
	var names []string
	for _, f := range known {
		names = append(names, f.Names()...)
	}
	f := usageError("unknown flag --%s of %s", name, where)
	if best := nearest(name, names); best != "" {
		return f.withHint("did you mean --%s?", best)
	}
	if a.level == nil {
		return f.withHint("flags of a command come after its name; see: ringback --help")
	}
	return f.withHint("see: %s --help", where)
}

func unknownCommand(app *cli.App, word string) error {
	var names []string
	for _, c := range app.Commands {
		if !c.Hidden {
			names = append(names, c.Names()...)
		}
	}
	f := usageError("unknown command %q", word)
	if best := nearest(word, names); best != "" {
		return f.withHint("did you mean %q?", best)
	}
	return f.withHint("see: ringback --help")
}

// isSecretFlag knows the names under which people try to pass a password.
func isSecretFlag(name string) bool {
	return slices.Contains([]string{"password", "pass", "passwd", "secret", "token"}, strings.ToLower(name))
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func findFlag(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// nearest is the known name that a slip of the fingers turned into word, or
// "" when none is near.
func nearest(word string, known []string) string {
	best, least := "", 1+max(1, len(word)/2-len(word)/5)
	for _, k := range known {
		d := distance(word, k)
		if len(word) >= 3 && strings.HasPrefix(k, word) {
			d = 1
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
