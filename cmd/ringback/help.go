package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

const exitCodesHelp = `Exit codes: 0 done, 1 failed, 2 usage, 3 no agent, 4 not registered,
5 not found, 6 not allowed now, 7 rejected or busy, 8 timed out,
9 an expectation was not met.`

// help shows the help of the program or of one command. To start the program
// without a command is a mistake, to ask for help is none.
func (sh *shell) help(app *cli.App, line arranged) exitCode {
	if !line.help {
		writeAppHelp(sh.err, app)
		return exitUsage
	}
	level := app.Commands
	var c *cli.Command
	for _, name := range line.command {
		c = find(level, name)
		level = c.Subcommands
	}
	if c == nil {
		writeAppHelp(sh.out, app)
	} else {
		writeCommandHelp(sh.out, app, c, line.command)
	}
	return exitDone
}

func writeAppHelp(w io.Writer, app *cli.App) {
	fmt.Fprintf(w, "ringback: %s\n\nUsage: ringback [FLAGS] COMMAND [WORDS]\n\nCommands:\n", app.Usage)
	var t table
	for _, c := range app.Commands {
		if !c.Hidden {
			t.row("  "+strings.TrimSpace(c.Name+" "+c.ArgsUsage), c.Usage)
		}
	}
	fmt.Fprintf(w, "%s\nFlags of all commands:\n%s\n", t.String(), flagLines(app.Flags))
	fmt.Fprintf(w, "Try it: ringback demo\nHelp of a command, with an example: ringback COMMAND --help\n%s\n", exitCodesHelp)
}

func writeCommandHelp(w io.Writer, app *cli.App, c *cli.Command, path []string) {
	fmt.Fprintf(w, "ringback %s: %s\n\n", strings.Join(path, " "), c.Usage)
	usage := "Usage: ringback " + strings.Join(path, " ") + " " + c.ArgsUsage
	fmt.Fprintln(w, strings.TrimRight(usage, " "))
	for _, sub := range c.Subcommands {
		fmt.Fprintln(w, strings.TrimRight("       ringback "+strings.Join(path, " ")+" "+sub.Name+" "+sub.ArgsUsage, " ")+"   "+sub.Usage)
	}
	fmt.Fprintf(w, "\nExample:\n%s\n", indented(c.Description))
	if len(c.Flags) > 0 {
		fmt.Fprintf(w, "\nFlags:\n%s", flagLines(c.Flags))
	}
	fmt.Fprintf(w, "\nFlags of all commands:\n%s\n%s\n", flagLines(app.Flags), exitCodesHelp)
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

func flagLines(flags []cli.Flag) string {
	var t table
	for _, f := range flags {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		name := "--" + f.Names()[0]
		usage := doc.GetUsage()
		if before, value, found := strings.Cut(usage, "`"); found {
			value, after, _ := strings.Cut(value, "`")
			usage = before + value + after
			name += " " + value
		}
		if text := doc.GetDefaultText(); doc.TakesValue() && text != "" && doc.GetValue() != "" && doc.GetValue() != "0" && doc.GetValue() != "[]" && doc.GetValue() != "0s" {
			usage += " (default: " + strings.ReplaceAll(text, `"`, "") + ")"
		}
		t.row("  "+name, usage)
	}
	return t.String()
}
