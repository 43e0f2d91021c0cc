package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// emit writes one JSON object on one line. A result that cannot be written is
// no reason to lose the exit code.
func (sh *shell) emit(v any) {
	enc := json.NewEncoder(sh.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
}

// result writes v with --json and the text otherwise.
func (sh *shell) result(c *cli.Context, v any, text string) {
	if c.Bool("json") {
		sh.emit(v)
		return
	}
	fmt.Fprintln(sh.out, strings.TrimRight(text, "\n"))
}

// errorObject is what --json prints when a command failed.
type errorObject struct {
	Schema string      `json:"schema"`
	Exit   exitCode    `json:"exit"`
	Error  errorFields `json:"error"`
}

type errorFields struct {
	Code       string   `json:"code"`
	Message    string   `json:"message"`
	Hint       string   `json:"hint,omitempty"`
	Allowed    []string `json:"allowed"`
	Candidates []string `json:"candidates,omitempty"`
}

func errorResult(f *failure) errorObject {
	allowed := f.allowed
	if allowed == nil {
		allowed = []string{}
	}
	return errorObject{"ringback.error/1", f.code, errorFields{f.name, f.message, f.hint, allowed, f.candidates}}
}

// table lines up columns by what a terminal shows, with two blanks between.
type table struct{ rows [][]string }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue // empty in every row
			}
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-columns(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// columns is how wide a terminal shows s: East Asian characters take two.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r >= 0xff01 && r <= 0xff60 || r >= 0x3000 && r <= 0x303f:
			n += 2
		default:
			n++
		}
	}
	return n
}

// clean makes text from the network safe for a terminal: control characters,
// and with them escape sequences, become visible.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return '\ufffd'
		}
		return r
	}, s)
}
