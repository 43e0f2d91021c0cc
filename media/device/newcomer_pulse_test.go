//go:build linux && portaudio && pulse

package device

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ringback/internal/pulse"
)

// listTo is set in the environment of the process that lists devices for another.
const listTo = "RINGBACK_TEST_LISTS_DEVICES"

// TestPortAudio_ListsForAnother is that process, and nothing by itself.
func TestPortAudio_ListsForAnother(t *testing.T) {
	path := os.Getenv(listTo)
	if path == "" {
		return
	}
	list, err := List()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(list)
	if err != nil || os.WriteFile(path, text, 0o600) != nil {
		t.Fatal(err)
	}
}

func listOutside(t *testing.T) func(context.Context) ([]Info, error) {
	path := t.TempDir() + "/list.json"
	return func(ctx context.Context) (list []Info, err error) {
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestPortAudio_ListsForAnother$")
		cmd.Env = append(os.Environ(), listTo+"="+path)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &list)
		}
		return list, err
	}
}

// A device that did not exist when the phone started, and comes while it works on another
// of the same library, is used when it is preferred; what plays beside, on one that stays,
// goes on. Nothing was lost.
func TestPortAudio_ADeviceThatComesIsTaken(t *testing.T) {
	s := newSound(t)
	type worker struct {
		rig     *rig
		changes chan Change
		flows   chan Flow
	}
	work := func(hz float64, list ...string) *worker {
		w := &worker{rig: newRig(t, hz), changes: make(chan Change, 100), flows: make(chan Flow, 100)}
		devices, err := ParsePreference(list)
		s.check(err)
		super := NewSupervisor(SupervisorConfig{
			Devices: devices, IO: w.rig.io, OnChange: func(c Change) { w.changes <- c }, OnFlow: func(f Flow) { w.flows <- f },
			Outside: listOutside(t), Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); super.Run(ctx) }()
		t.Cleanup(func() { cancel(); <-ended })
		return w
	}
	agent := work(600, "portaudio:speakers", "portaudio:headset", "null")
	if c := <-agent.changes; c.Device != "portaudio:headset" || c.Lost != "portaudio:speakers" {
		t.Fatalf("at first: %+v", c)
	}
	beside := work(900, "portaudio:headset")
	await(t, beside.changes, "portaudio:headset")
	hush := s.speak(440)
	defer hush()
	agent.rig.hears(440)

	gap := func(w *worker) (g time.Duration) {
		w.rig.mu.Lock()
		defer w.rig.mu.Unlock()
		g, w.rig.gap = w.rig.gap, 0
		return g
	}
	gap(agent)
	gap(beside)
	s.check(s.server.Speakers())
	await(t, agent.changes, "portaudio:speakers")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ear := newEar(600)
	if err := s.server.Listen(ctx, pulse.Speakers, ear.Hear); err != nil {
		t.Errorf("the speakers: %v: %v", err, ear)
	}
	agent.rig.hears(440)
	beside.rig.hears(440)
	s.listen(900)
	t.Logf("the microphone was away for %v, and beside for %v", gap(agent), gap(beside))
	for _, w := range []*worker{agent, beside} {
		for len(w.changes) > 0 {
			t.Errorf("told besides: %+v", <-w.changes)
		}
		for len(w.flows) > 0 {
			t.Errorf("told that it stood still: %+v", <-w.flows)
		}
	}
}

// TestSystemMark_ChangesWithTheDevices: without one being opened.
func TestSystemMark_ChangesWithTheDevices(t *testing.T) {
	s := newSound(t)
	mark := func() string {
		mark, tells := SystemMark()
		if !tells {
			t.Fatal("the system does not tell")
		}
		return mark
	}
	before := mark()
	if !strings.Contains(before, "sink headset_out") || before != mark() {
		t.Errorf("%q, and then %q", before, mark())
	}
	s.check(s.server.Speakers())
	if after := mark(); !strings.Contains(after, "sink speakers_out") {
		t.Errorf("with speakers %q", after)
	}
	began := time.Now()
	s.hang()
	mark()
	t.Logf("with a sound server that hangs it takes %v", time.Since(began))
	s.goOn()
}
