package scenario

import (
	"path/filepath"
	"slices"
	"testing"

	"ringback/agent"
)

const shippedDir = "../../testdata/scenarios"

// TestShipped_ThereIsOneForEachActionOfACall, and each can be read. That they work is
// held by testdata/script/test_run.txtar and testdata/interop/scenarios.txtar.
func TestShipped_ThereIsOneForEachActionOfACall(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shippedDir, "*.yaml"))
	if err != nil || len(files) < 15 {
		t.Fatalf("%d scenarios: %v", len(files), err)
	}
	var used []string
	var note func(steps []Step)
	note = func(steps []Step) {
		for _, s := range steps {
			used = append(used, s.Do)
			note(s.Steps)
			for _, branch := range s.Parallel {
				note(branch)
			}
		}
	}
	for _, path := range files {
		f, err := ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		note(f.Steps)
	}
	for _, a := range agent.Actions() {
		ofCall := a.Targets == agent.OnInteraction || a.Targets == agent.OnChannel || a.Name == "dial" || a.Name == "order"
		if ofCall && !a.Records() && !slices.Contains(used, a.Name) {
			t.Errorf("no scenario in testdata/scenarios does %s", a.Name)
		}
	}
}
