package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// row is one line of testdata/conformance.tsv.
type row struct {
	id        string
	priority  string // 1 or 2
	behaviour string
	reference string // RFC and section
	stimulus  string
	expected  string
	comesWith string // the issue that brings it; empty: it is here
	remark    string
}

const columns = 9

// readRows reads the table of a module.
func readRows(root string) ([]row, error) {
	file := filepath.Join(root, "testdata", "conformance.tsv")
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	var rows []row
	seen := map[string]bool{}
	for i, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		c := strings.Split(line, "\t")
		switch {
		case len(c) != columns:
			return nil, fmt.Errorf("read rows: line %d of %s has %d columns, not %d", i+1, file, len(c), columns)
		case i == 0:
			continue
		case !isID(c[0]) || seen[c[0]]:
			return nil, fmt.Errorf("read rows: line %d of %s: id %q is no id, or there twice", i+1, file, c[0])
		}
		seen[c[0]] = true
		rows = append(rows, row{id: c[0], priority: c[1], behaviour: c[2], reference: c[3], stimulus: c[4],
			expected: c[5], comesWith: c[7], remark: c[8]})
	}
	return rows, nil
}

// isID says that s has the form of a row's id: a capital and two digits.
func isID(s string) bool {
	return len(s) == 3 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9'
}

// test is a test function that belongs to rows.
type test struct {
	room string // sip/transport
	name string
	rows []string
}

func (t test) String() string { return t.room + "." + t.name }

var declared = regexp.MustCompile(`(?m)^func (TestConformance_\w+)\(`)

// findTests reads the names of the conformance tests in all files of a module,
// in the order of rooms and files.
func findTests(root string) ([]test, error) {
	var found []test
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root:
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		room, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for _, m := range declared.FindAllSubmatch(text, -1) {
			found = append(found, test{room: filepath.ToSlash(room), name: string(m[1]), rows: rowsOf(string(m[1]))})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find tests: %w", err)
	}
	return found, nil
}

// rowsOf are the ids that a test's name begins with, TestConformance_ left out.
func rowsOf(name string) []string {
	var ids []string
	for part := range strings.SplitSeq(strings.TrimPrefix(name, "TestConformance_"), "_") {
		if !isID(part) {
			break
		}
		ids = append(ids, part)
	}
	return ids
}

// moduleRoot is the folder of go.mod above the working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find go.mod: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("find go.mod: not inside a module; run it in a checkout")
		}
		dir = up
	}
}
