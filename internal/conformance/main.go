package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// run tests all rows and writes the table; a test that fails is in the table,
// and an error at the end.
func run() error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	rows, err := readRows(root)
	if err != nil {
		return err
	}
	tests, err := findTests(root)
	if err != nil {
		return err
	}
	outcome, err := goTest(root, tests)
	if err != nil {
		return err
	}
	table := draw(rows, tests, outcome)
	if err := os.WriteFile(filepath.Join(root, "testdata", "conformance.md"), []byte(table), 0o644); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	for _, t := range tests {
		if got := outcome[t.String()]; got != "pass" {
			return fmt.Errorf("%s: %q; see testdata/conformance.md, and run go test -run %s ./%s", t, got, t.name, t.room)
		}
	}
	return nil
}

// goTest runs the tests and reads what go test says of each.
func goTest(root string, tests []test) (results, error) {
	args := []string{"test", "-json", "-count=1", "-timeout=10m", "-run", "^TestConformance_"}
	for _, t := range tests {
		if room := "./" + t.room; !slices.Contains(args, room) {
			args = append(args, room)
		}
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if len(out) == 0 && err != nil {
		return nil, fmt.Errorf("run go test: %w", err)
	}
	outcome := results{}
	for in := bufio.NewScanner(bytes.NewReader(out)); in.Scan(); {
		var e struct{ Action, Package, Test string }
		if json.Unmarshal(in.Bytes(), &e) != nil || e.Test == "" || strings.Contains(e.Test, "/") {
			continue
		}
		if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" {
			_, room, _ := strings.Cut(e.Package, "/")
			outcome[test{room: room, name: e.Test}.String()] = e.Action
		}
	}
	return outcome, nil
}
