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
		if refused == nil || refused.Code != agent.CodeFailed || !strings.Contains(refused.Error(), "make room on the disk") {
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
