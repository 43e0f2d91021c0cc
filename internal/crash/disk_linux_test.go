package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ringback/agent"
)

// TestFullDisk holds that a disk without room refuses what cannot be kept, in
// words, changes nothing, loses nothing that was acknowledged, and that the work
// goes on when there is room again. It mounts a small disk, and so runs as root.
func TestFullDisk(t *testing.T) {
	d := newDay(t, 3)
	if err := os.Mkdir(d.life.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("ringback-crash", d.life.Dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Fatalf("mount a small disk (run the tests as root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.life.Dir, syscall.MNT_DETACH) })
	d.round(d.life, func(d *day) bool {
		if !d.preview() || !d.note() {
			t.Fatal("no preview")
		}
		d.fill()
		in, _ := d.open()
		refused := d.notesUntilFull(string(in.ID))
		if refused == nil || refused.Code != agent.CodeFailed || !strings.Contains(refused.Error(), "is full (free some space, then do it again: nothing has changed)") {
			t.Fatalf("a full disk is told as %v", refused)
		}
		for _, action := range []string{"call", "done"} {
			if d.try(action, map[string]any{"interaction": string(in.ID)}) == nil {
				t.Errorf("%s is acknowledged on a full disk", action)
			}
		}
		if now, _ := d.open(); now.State != agent.PhasePreview || now.Note != d.notes[string(in.ID)][0] || len(now.Calls) != 0 {
			t.Errorf("a refused action changed something: %s %.20s %v", now.State, now.Note, now.Calls)
		}
		if key := d.order(); d.known[key].taken {
			t.Errorf("the order %s is acknowledged on a full disk", key)
		}
		if err := os.Remove(filepath.Join(d.life.Dir, "filler")); err != nil {
			t.Fatal(err)
		}
		if !d.note() || !d.do("done", map[string]any{"interaction": string(in.ID)}) {
			t.Error("with room again the work does not go on")
		}
		return true
	})
	d.finish()
}

// fill leaves no room on the disk.
func (d *day) fill() {
	f, err := os.Create(filepath.Join(d.life.Dir, "filler"))
	if err != nil {
		d.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.Fatal(err)
	}
}

// notesUntilFull writes long notes until one is refused.
func (d *day) notesUntilFull(id string) *agent.ActionError {
	for n := range 100 {
		text := fmt.Sprintf("%d %s", n, strings.Repeat("長", 10_000))
		if err := d.try("note", map[string]any{"interaction": id, "text": text}); err != nil {
			return err
		}
		d.notes[id] = []string{text}
	}
	return nil
}

// try has the agent do something that may be refused.
func (d *day) try(action string, args map[string]any) *agent.ActionError {
	ctx, cancel := d.child.patience()
	defer cancel()
	_, err := d.child.Do(ctx, action, args)
	var refused *agent.ActionError
	if err != nil && !errors.As(err, &refused) {
		d.Fatalf("%s: %v", action, err)
	}
	return refused
}

// TestFullDisk_Recording holds that a disk without room ends the recording in words,
// that its file can be read, and that the call goes on.
func TestFullDisk_Recording(t *testing.T) {
	d := newDay(t, 5)
	d.life.Folder = filepath.Join(t.TempDir(), "small")
	if err := os.Mkdir(d.life.Folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("ringback-crash", d.life.Folder, "tmpfs", 0, "size=48k"); err != nil {
		t.Fatalf("mount a small disk (run the tests as root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(d.life.Folder, syscall.MNT_DETACH) })
	d.child = start(d.T, d.life)
	if !d.talks() || !d.do("record-start", nil) {
		t.Fatal("nothing is recorded")
	}
	in, _ := d.open()
	path := in.Recording.File
	failed, stopped := d.event(agent.RecordingFailed), d.event(agent.RecordingStopped)
	if !strings.Contains(failed.Text, "no space left") || !strings.Contains(failed.Text, "make room on the disk; the call goes on") || failed.File != path {
		t.Errorf("told as %+v", failed)
	}
	if stopped.Reason != "disk-failed" || stopped.Duration == 0 {
		t.Errorf("ended as %+v", stopped)
	}
	if got := wholeRecording(t, path, 0); agent.Length(got) != stopped.Duration {
		t.Errorf("the file has %v, told were %v", got, stopped.Duration)
	}
	if refused := d.try("record-start", nil); refused == nil || !strings.Contains(refused.Error(), "make room on the disk") {
		t.Errorf("on a full disk: %v", refused)
	}
	if in, _ := d.open(); in.State != agent.PhaseConnected || in.Recording != nil {
		t.Errorf("afterwards: %s %+v", in.State, in.Recording)
	}
	if files, err := os.ReadDir(d.life.Folder); err != nil || len(files) != 1 {
		t.Errorf("an empty file is left: %v %v", files, err)
	}
	d.child.kill()
	d.check()
}

// event is the first event of a type, or the next that comes.
func (d *day) event(want agent.EventType) agent.Event {
	d.Helper()
	ctx, cancel := d.child.patience()
	defer cancel()
	events, err := d.child.Events(ctx, 0)
	if err != nil {
		d.Fatal(err)
	}
	defer events.Close()
	for {
		e, err := events.Next(ctx)
		if err != nil {
			d.Fatalf("waited for %s: %v", want, err)
		}
		if e.Type == want {
			return e
		}
	}
}
