package device

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"ringback/media/audio"
)

// TestSupervisor_TellsWhatStandsStill: a direction through which nothing moves is told before
// the device is given up, for as long as there is no other, and once it moves again.
func TestSupervisor_TellsWhatStandsStill(t *testing.T) {
	deaf, both := Flow{Microphone: true}, Flow{}
	for name, row := range map[string]struct {
		stop, again func(a, b *fake, super *Supervisor)
		others      bool // b takes over
		want        []Flow
		within      time.Duration
	}{
		"the ear": {func(a, _ *fake, _ *Supervisor) { a.deaf.Store(true) }, func(a, _ *fake, _ *Supervisor) { a.deaf.Store(false) },
			false, []Flow{deaf, both}, 800 * time.Millisecond},
		"both ways": {func(a, _ *fake, _ *Supervisor) { a.silent.Store(true) }, func(a, _ *fake, _ *Supervisor) { a.silent.Store(false) },
			false, []Flow{both}, 800 * time.Millisecond},
		"unplugged, with no other": {func(a, _ *fake, _ *Supervisor) { a.absent.Store(true); a.broken <- errors.New("unplugged") },
			func(a, _ *fake, _ *Supervisor) { a.absent.Store(false) }, false, []Flow{both}, 1200 * time.Millisecond},
		"unplugged, with another": {func(a, _ *fake, _ *Supervisor) { a.absent.Store(true); a.broken <- errors.New("unplugged") },
			func(a, _ *fake, _ *Supervisor) { a.absent.Store(false) }, true, nil, 0},
		"at rest": {func(_, _ *fake, super *Supervisor) { super.Rest() }, func(_, _ *fake, super *Supervisor) { super.Wake() }, false, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newFake("a", 1), newFake("b", 2)
				b.absent.Store(!row.others)
				type told struct {
					Flow
					after time.Duration
				}
				var flows []told
				from := time.Now()
				super := NewSupervisor(SupervisorConfig{Devices: []Device{a, b},
					IO:     IO{Rate: 8000, Capture: audio.NewRing(1 << 16), Playback: audio.NewRing(1024)},
					OnFlow: func(f Flow) { flows = append(flows, told{f, time.Since(from)}) }})
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan struct{})
				go func() { defer close(ended); super.Run(ctx) }()
				defer func() { cancel(); <-ended }()
				pass := func(d time.Duration) { <-time.After(d); synctest.Wait() }
				pass(3 * time.Second)
				if len(flows) != 0 {
					t.Fatalf("told %v of a device at work", flows)
				}
				from = time.Now()
				row.stop(a, b, super)
				pass(10 * time.Second)
				if len(flows) != len(row.want) {
					t.Fatalf("told %v, want %v", flows, row.want)
				}
				for i, f := range flows { // the first in time; what a device that was given up leaves, later
					if f.Flow != row.want[i] || i == 0 && f.after > row.within {
						t.Errorf("told %+v, want %+v within %v", f, row.want[i], row.within)
					}
				}
				flows = nil
				row.again(a, b, super)
				pass(5 * time.Second)
				if want := min(1, len(row.want)); len(flows) != want || want > 0 && flows[0].Flow != (Flow{true, true}) {
					t.Errorf("when it moves again: told %v", flows)
				}
			})
		})
	}
}
