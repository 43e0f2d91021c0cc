package archtest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each guard that testdata/robustness/break removes is still where its substitution looks for
// it: one that finds nothing would show nothing, and says so only to who runs the script.
func TestGuards_AreStillThere(t *testing.T) {
	const root = "../.."
	list, err := os.ReadFile(filepath.Join(root, "testdata/robustness/guards.txt"))
	if err != nil {
		t.Fatal(err)
	}
	guards := 0
	for line := range strings.Lines(string(list)) {
		parts := strings.Split(line, " ~ ")
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		if len(parts) != 5 {
			t.Fatalf("%q has %d parts", line, len(parts))
		}
		guards++
		path := filepath.Join(root, strings.TrimSpace(parts[1]))
		before, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s: %v", parts[0], err)
			continue
		}
		after, err := exec.CommandContext(t.Context(), "perl", "-0pe", strings.TrimSpace(parts[2]), path).Output()
		if err != nil || bytes.Equal(before, after) {
			t.Errorf("%s: the substitution finds nothing in %s (%v): follow the code in testdata/robustness/guards.txt", parts[0], parts[1], err)
		}
	}
	if guards < 100 {
		t.Errorf("%d guards", guards)
	}
}
