package main

import (
	"fmt"
	"strings"
)

// results are what became of tests, by their String.
type results map[string]string

// draw makes the table. Rows that come with another issue say so; every other row
// names its tests, and passed only when all of them did.
func draw(rows []row, tests []test, outcome results) string {
	var b strings.Builder
	b.WriteString("# Conformance\n\nWritten by `make conformance`, which runs the tests. The rows, their stimuli and the reasons of corrections " +
		"are in [conformance.tsv](conformance.tsv); a test belongs to the rows whose ids its name carries.\n\n")
	passed, later := 0, 0
	var lines strings.Builder
	for _, r := range rows {
		var names, bad []string
		for _, t := range tests {
			if !has(t.rows, r.id) {
				continue
			}
			names = append(names, "`"+t.String()+"`")
			if got := outcome[t.String()]; got != "pass" {
				bad = append(bad, t.name+" "+got)
			}
		}
		result := "passed"
		switch {
		case len(bad) > 0:
			result = "FAILED: " + strings.Join(bad, ", ")
		case r.comesWith != "" && len(names) > 0:
			result = "in part, passed; the rest comes with " + r.comesWith
			later++
		case r.comesWith != "":
			result = "comes with " + r.comesWith
			later++
		case len(names) == 0:
			result = "no test yet"
		default:
			passed++
		}
		fmt.Fprintf(&lines, "| %s | %s | %s | %s | %s | %s |\n", r.id, r.priority, cell(r.behaviour), cell(r.reference), strings.Join(names, "<br>"), result)
	}
	fmt.Fprintf(&b, "%d rows: %d passed, %d come with another issue, %d failed or without a test.\n\n", len(rows), passed, later, len(rows)-passed-later)
	b.WriteString("| id | priority | behaviour | reference | test | result |\n| --- | --- | --- | --- | --- | --- |\n")
	return b.String() + lines.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func has(ids []string, id string) bool {
	for _, one := range ids {
		if one == id {
			return true
		}
	}
	return false
}
