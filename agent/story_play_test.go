package agent

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStory_PlayIntoACall: all who hear the agent hear the file, whatever its rate,
// also while he is muted.
func TestStory_PlayIntoACall(t *testing.T) {
	recordingStory(t, nil, func(b *bed, folder string) {
		b.talk()
		b.do("record-start", nil)
		b.do("mute", nil)
		file := digitsFile(t)
		b.do("play", map[string]any{"file": file})
		if e := b.wait(PlayStarted); e.File != file || e.Duration != Length(time.Second) {
			t.Errorf("%+v", e)
		}
		if v := b.phase(PhaseConnected); v.Playing == nil || v.Playing.File != file || !slices.Contains(v.Allowed, "play-stop") {
			t.Errorf("%+v", v.Playing)
		}
		if e := b.wait(PlayEnded); e.Reason != "completed" || e.Duration != Length(time.Second) {
			t.Errorf("%+v", e)
		}
		b.do("record-stop", nil)
		h := readTape(t, oneFile(t, folder))
		h.holds("played", 0, 852, 200*time.Millisecond, 800*time.Millisecond, true)
		h.holds("played", 0, 1336, 200*time.Millisecond, 800*time.Millisecond, true)

		b.do("play", map[string]any{"file": file})
		b.do("play", map[string]any{"file": file})
		if e := b.wait(PlayEnded); e.Reason != "replaced" {
			t.Errorf("%+v", e)
		}
		b.do("play-stop", nil)
		if e := b.wait(PlayEnded); e.Reason != "stopped" {
			t.Errorf("%+v", e)
		}
		b.fails("play-stop", nil, CodeNotAllowed)
		b.do("play", map[string]any{"file": file})
		b.do("hold", nil)
		if e := b.wait(PlayEnded); e.Reason != "held" {
			t.Errorf("%+v", e)
		}
		b.fails("play", map[string]any{"file": file}, CodeNotAllowed)
		b.do("resume", nil)
		b.do("play", map[string]any{"file": file})
		b.do("end", nil)
		if e := b.wait(PlayEnded); e.Reason != "call-ended" {
			t.Errorf("%+v", e)
		}
	})
}

func TestStory_PlayRefusesWhatItCannot(t *testing.T) {
	recordingStory(t, nil, func(b *bed, folder string) {
		b.talk()
		dir := t.TempDir()
		text := filepath.Join(dir, "text.wav")
		if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
			t.Fatal(err)
		}
		for file, says := range map[string]string{
			"welcome.wav": "whole path", filepath.Join(dir, "none.wav"): "there is no file", dir: "is no file", text: "not a WAV file",
			wavFile(t, 8000, 1, nil): "no sound", os.DevNull: "is no file",
		} {
			if err := b.fails("play", map[string]any{"file": file}, CodeInvalid); !strings.Contains(err.Error(), says) {
				t.Errorf("%s: %v", file, err)
			}
		}
		if v := b.phase(PhaseConnected); v.Playing != nil || slices.Contains(v.Allowed, "play-stop") {
			t.Errorf("%+v", v)
		}
	})
}
