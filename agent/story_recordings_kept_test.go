package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/agent/store"
	"ringback/internal/lab"
	"ringback/media/audio"
)

// TestStory_RecordingsAreForgotten: files go with their rows when they are old, and
// nothing that is not a recording of ours.
func TestStory_RecordingsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, folder := t.TempDir(), t.TempDir()
		old := time.Now().Add(-100 * time.Hour)
		path := func(name string) string { return filepath.Join(folder, name) }
		made := func(name, id string) {
			f, err := os.Create(path(name))
			if err != nil {
				t.Fatal(err)
			}
			w, err := audio.NewNotedWAVWriter(f, 8000, 2, recordingMark+id)
			if err == nil {
				err = w.Write(make([]int16, 16000))
			}
			if err != nil || f.Close() != nil {
				t.Fatal(err)
			}
		}
		for name, id := range map[string]string{"old.wav": "r-old", "young.wav": "r-young", "foreign.wav": "r-of-somebody-else", "open.wav": "r-open", "unknown.wav": "r-unknown"} {
			made(name, id)
		}
		for n := range 2 * forgetStep {
			made(fmt.Sprintf("many-%d.wav", n), fmt.Sprintf("r-many-%d", n))
		}
		for name, text := range map[string]string{"letter.wav": "dear sir", "empty.txt": ""} {
			if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(path("young.wav"), path("link.wav")); err != nil {
			t.Fatal(err)
		}
		s := openStore(t, dir)
		err := s.Update(func(tx *store.Tx) error {
			put := func(id, name string, ended time.Time) error {
				return tx.PutRecording(store.Recording{ID: id, File: path(name), Interaction: "i1", Started: old, Ended: ended, Duration: time.Second})
			}
			for n := range 2 * forgetStep {
				if err := put(fmt.Sprintf("r-many-%d", n), fmt.Sprintf("many-%d.wav", n), old); err != nil {
					return err
				}
			}
			for _, row := range [][2]string{{"r-old", "old.wav"}, {"r-foreign", "foreign.wav"}, {"r-letter", "letter.wav"}, {"r-gone", "gone.wav"}, {"r-link", "link.wav"}, {"r-dir", "."}, {"r-empty", "empty.txt"}} {
				if err := put(row[0], row[1], old); err != nil {
					return err
				}
			}
			if err := put("r-young", "young.wav", time.Now().Add(-46*time.Hour)); err != nil {
				return err
			}
			return put("r-open", "open.wav", time.Time{})
		})
		if err != nil || s.Close() != nil {
			t.Fatal(err)
		}
		cfg := testConfig()
		cfg.Store.KeepRecordings = 47 * time.Hour
		b := newBed(t, dir, cfg, lab.Config{})
		defer b.close()
		b.wait(RegistrationRegistered)
		there := func() string {
			entries, err := os.ReadDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			rows, err := b.agent.store.Recordings("i1")
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rows {
				names = append(names, r.ID)
			}
			return strings.Join(names, " ")
		}
		b.passes(10 * forgetPause)
		const foreign = "empty.txt foreign.wav letter.wav link.wav"
		// The one that was open when the phone ended is as old as its start and its length.
		if got, want := there(), foreign+" unknown.wav young.wav r-young"; got != want && got != foreign+" open.wav unknown.wav young.wav r-open r-young" {
			t.Errorf("after the start: %s\nwant %s", got, want)
		}
		var told []string
		for _, e := range eventsOf(t, b.agent) {
			if e.Type == ErrorHappened {
				told = append(told, e.Text)
			}
		}
		if len(told) != 5 || !strings.Contains(strings.Join(told, "\n"), "letter.wav: it is not the recording") {
			t.Errorf("told %q", told)
		}
		b.passes(2 * forgetEvery)
		if got, want := there(), foreign+" unknown.wav"; got != want {
			t.Errorf("two hours later: %s\nwant %s", got, want)
		}
	})
}

// TestStory_RecordingOfAPhoneThatDied is ended at the next start, with what its file
// has.
func TestStory_RecordingOfAPhoneThatDied(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	file, gone := filepath.Join(dir, "a.wav"), filepath.Join(dir, "gone.wav")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w, err := audio.NewNotedWAVWriter(f, 16000, 2, recordingMark+"r-1")
	if err == nil {
		err = w.Write(make([]int16, 2*16000*3))
	}
	if err == nil {
		_, err = f.Write(make([]byte, 1000)) // what the header did not learn of
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	started := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	err = s.Update(func(tx *store.Tx) error {
		if err := tx.PutInteraction(store.Interaction{ID: "i1", Created: started, Closed: started}); err != nil {
			return err
		}
		if err := tx.PutRecording(store.Recording{ID: "r-2", File: gone, Interaction: "i1", Started: started}); err != nil {
			return err
		}
		return tx.PutRecording(store.Recording{ID: "r-1", File: file, Interaction: "i1", Started: started, Pauses: json.RawMessage(`[{"from":"2s","until":"0s"}]`)})
	})
	if err != nil || s.Close() != nil {
		t.Fatal(err)
	}
	storyIn(t, dir, func(c *Config, _ *lab.Config) { c.Store.KeepHistory = 0 }, func(b *bed) {
		b.settle()
		w := asked[HistoryResult](b, "history-show", map[string]any{"interaction": "i1"}).Interaction
		if len(w.Recordings) != 2 {
			t.Fatalf("%+v", w.Recordings)
		}
		r, lost := w.Recordings[0], w.Recordings[1]
		if r.Reason != "interrupted" || r.Duration != "3s" || r.Ended == nil || r.Missing || len(r.Pauses) != 1 || r.Pauses[0].Until != "3s" {
			t.Errorf("%+v", r)
		}
		if !lost.Missing || lost.Ended == nil || lost.Duration != "0s" {
			t.Errorf("%+v", lost)
		}
	})
}
