package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T) (string, []row, []test) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := readRows(root)
	if err != nil {
		t.Fatal(err)
	}
	tests, err := findTests(root)
	if err != nil {
		t.Fatal(err)
	}
	return root, rows, tests
}

func TestEveryRowHasATest(t *testing.T) {
	_, rows, tests := read(t)
	if len(rows) != 172 {
		t.Errorf("%d rows, the specification has 172", len(rows))
	}
	known := map[string]bool{}
	for _, r := range rows {
		known[r.id] = true
		tested := slices.ContainsFunc(tests, func(x test) bool { return has(x.rows, r.id) })
		if !tested && r.comesWith == "" {
			t.Errorf("%s (%s) has no test: name one TestConformance_%s_…", r.id, r.behaviour, r.id)
		}
	}
	for _, x := range tests {
		if len(x.rows) == 0 {
			t.Errorf("%s names no row: begin its name with TestConformance_ and an id", x)
		}
		for _, id := range x.rows {
			if !known[id] {
				t.Errorf("%s names %s, which is no row of testdata/conformance.tsv", x, id)
			}
		}
	}
}

// Only what needs WebSocket, SRTP, DTLS or ICE waits for the media issue.
func TestWhatComesLater(t *testing.T) {
	_, rows, _ := read(t)
	waits := regexp.MustCompile(`\b(WebSocket|SRTP|SAVP|DTLS|ICE)\b`)
	for _, r := range rows {
		if r.comesWith != "" && !waits.MatchString(r.behaviour+" "+r.stimulus) {
			t.Errorf("%s (%s) comes with %q, though it needs none of these", r.id, r.behaviour, r.comesWith)
		}
	}
}

// What was corrected says why.
func TestTheTableIsOfThisTree(t *testing.T) {
	root, rows, tests := read(t)
	text, err := os.ReadFile(filepath.Join(root, "testdata", "conformance.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := results{}
	for _, x := range tests {
		all[x.String()] = "pass"
	}
	got, want := strings.Split(string(text), "\n"), strings.Split(draw(rows, tests, all), "\n")
	for i := range max(len(got), len(want)) {
		g, w := at(got, i), at(want, i)
		if g != w {
			t.Fatalf("testdata/conformance.md is not of this tree: run make conformance. Line %d:\n got: %s\nwant: %s", i+1, g, w)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}

func TestRowsOf(t *testing.T) {
	for name, want := range map[string]string{
		"TestConformance_T04_FortyTimes180": "T04", "TestConformance_T20_T21_NothingAfterAFinal": "T20 T21",
		"TestConformance_FortyTimes180": "", "TestConformance_T4_X": "", "TestConformance_R08_RFC7616_3_9_1": "R08",
	} {
		if got := strings.Join(rowsOf(name), " "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
