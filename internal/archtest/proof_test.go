package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What testdata/load/PROOF.md names as proof is there: tests by package and name, files by
// path, and steps of the Makefile.
func TestProofIsThere(t *testing.T) {
	const root = "../.."
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	testName := regexp.MustCompile(`^([a-z][a-z/]*)\.(Test\w+)$`)
	makefile := read("Makefile")
	proofs := 0
	for row := range strings.Lines(read("testdata/load/PROOF.md")) {
		cells := strings.Split(row, " | ")
		if len(cells) != 2 || !strings.Contains(cells[1], "`") {
			continue
		}
		proofs++
		for i, named := range strings.Split(cells[1], "`") {
			if i%2 == 0 {
				continue
			}
			m := testName.FindStringSubmatch(named)
			step, isStep := strings.CutPrefix(named, "make ")
			switch {
			case m != nil:
				if !hasTest(t, filepath.Join(root, m[1]), m[2]) {
					t.Errorf("%s: there is no such test", named)
				}
			case isStep:
				if !strings.Contains(makefile, "\n"+step+":") {
					t.Errorf("%s: the Makefile has no such step", named)
				}
			case named == "headless":
				if !strings.Contains(read("Dockerfile"), " AS headless\n") {
					t.Error("the Dockerfile has no target headless")
				}
			default:
				if _, err := os.Stat(filepath.Join(root, named)); err != nil {
					t.Errorf("%s: %v", named, err)
				}
			}
		}
	}
	if proofs < 40 {
		t.Errorf("%d rows name a proof", proofs)
	}
}

func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}
