package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files in place of comparing with them")

// Ladder compares got with testdata/ladder/NAME.txt.
func Ladder(t testing.TB, name, got string) {
	t.Helper()
	Compare(t, filepath.Join("ladder", name+".txt"), got)
}

// Compare compares got with the file at path below the module's testdata, and
// fails the test with the first line that differs.
func Compare(t testing.TB, path, got string) {
	t.Helper()
	file := filepath.Join(moduleRoot(t), "testdata", filepath.FromSlash(path))
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatalf("write golden file: %v", err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatalf("write golden file: %v", err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("read golden file: %v; run the test with -update, then read what it wrote. Got:\n%s", err, got)
	}
	if line, g, w, same := firstDifference(got, string(want)); !same {
		t.Errorf("testdata/%s differs in line %d (run with -update when the new one is right):\n got: %s\nwant: %s\nall of it:\n%s",
			path, line, g, w, got)
	}
}

func firstDifference(got, want string) (line int, g, w string, same bool) {
	gs, ws := strings.Split(got, "\n"), strings.Split(strings.ReplaceAll(want, "\r\n", "\n"), "\n")
	for i := range max(len(gs), len(ws)) {
		g, w = "(end)", "(end)"
		if i < len(gs) {
			g = gs[i]
		}
		if i < len(ws) {
			w = ws[i]
		}
		if g != w {
			return i + 1, g, w, false
		}
	}
	return 0, "", "", true
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("find module: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatalf("find module: no go.mod above the test")
		}
		dir = up
	}
}
