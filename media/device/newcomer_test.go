package device

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringback/media/audio"
)

// shelf is a library that lists its devices when none of them is open, or is told to.
type shelf struct {
	plugged atomic.Bool // the late one is there
	listed  atomic.Bool // and in the list
	renewed atomic.Int32
}

// late is a device of a shelf that comes later.
type late struct {
	*fake
	shelf *shelf
}

func (d late) Start(io IO) (Stream, error) {
	d.absent.Store(!d.shelf.listed.Load())
	return d.fake.Start(io)
}
func (d late) unseen(_ IO, list []Info) bool { return len(list) > 0 && !d.shelf.listed.Load() }
func (d late) renew() error {
	d.shelf.renewed.Add(1)
	d.shelf.listed.Store(d.shelf.plugged.Load())
	return nil
}

// early is one that was there all along.
type early struct{ *fake }

func (early) unseen(IO, []Info) bool { return false }
func (early) renew() error           { return nil }

// TestSupervisor_TakesWhatComes: a device that only another process sees is moved to, without
// a loss; the other process is asked when devices have changed, and some times after, or now
// and then where nothing tells; not at rest, and not beside a device of no library.
func TestSupervisor_TakesWhatComes(t *testing.T) {
	for name, row := range map[string]struct {
		tells, rests, other bool // marks are told; at rest; what is at work is of no library
		fails               bool // the other process does
		quiet, after        int32
		moves               bool
	}{
		"devices change":             {tells: true, quiet: 4, after: 1, moves: true},
		"nothing tells":              {quiet: 5, after: 1, moves: true},
		"at rest":                    {tells: true, rests: true},
		"at work is a stand-in":      {tells: true, other: true},
		"the other process does not": {tells: true, fails: true, quiet: 4, after: 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s shelf
				var asked atomic.Int32
				better, worse := late{newFake("better", 1), &s}, newFake("worse", 2)
				var second Device = early{worse}
				if row.other {
					second = worse
				}
				changes, flows := make(chan Change, 10), make(chan Flow, 10)
				super := NewSupervisor(SupervisorConfig{Devices: []Device{better, second}, Resting: row.rests,
					IO:       IO{Rate: 8000, Capture: audio.NewRing(1 << 16), Playback: audio.NewRing(1024)},
					OnChange: func(c Change) { changes <- c }, OnFlow: func(f Flow) { flows <- f },
					Mark: func() (string, bool) { return map[bool]string{true: "both", false: "one"}[s.plugged.Load()], row.tells },
					Outside: func(context.Context) ([]Info, error) {
						if asked.Add(1); row.fails {
							return nil, errors.New("no other process")
						}
						if s.plugged.Load() {
							return []Info{{Name: "better"}}, nil
						}
						return nil, nil
					}})
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan struct{})
				go func() { defer close(ended); super.Run(ctx) }()
				defer func() { cancel(); <-ended }()
				pass := func(d time.Duration) { <-time.After(d); synctest.Wait() }
				better.absent.Store(true)
				pass(time.Minute + 10*time.Second)
				<-changes
				if n := asked.Load(); n != row.quiet {
					t.Errorf("asked %d times while nothing came, want %d", n, row.quiet)
				}
				asked.Store(0)
				s.plugged.Store(true)
				pass(20 * time.Second)
				if n := asked.Load(); n != row.after {
					t.Errorf("asked %d times when it came, want %d", n, row.after)
				}
				if want := map[bool]int{true: 1}[row.moves]; len(changes) != want || int(s.renewed.Load()) != want {
					t.Fatalf("%d changes, %d times listed anew, want %d", len(changes), s.renewed.Load(), want)
				}
				if row.moves {
					if c := <-changes; c != (Change{Device: "better"}) {
						t.Errorf("told %+v", c)
					}
				}
				if len(flows) > 0 {
					t.Errorf("told that sound stands still: %+v", <-flows)
				}
			})
		})
	}
}

func TestListed_ByTheNameOfThePreference(t *testing.T) {
	list := []Info{{Name: "portaudio:Headset", HostAPI: "ALSA", Inputs: 1, Outputs: 2}, {Name: "portaudio:ALSA/Speakers", HostAPI: "ALSA", Outputs: 2}, {Name: "null", Inputs: 1, Outputs: 1}}
	both, ear := IO{Capture: audio.NewRing(1), Playback: audio.NewRing(1)}, IO{Playback: audio.NewRing(1)}
	for _, row := range []struct {
		name string
		io   IO
		want bool
	}{{"headset", both, true}, {"ALSA/headset", both, true}, {"Speakers", ear, true}, {"speakers", both, false}, {"ALSA/Speakers", ear, true}, {"Jabra", ear, false}} {
		if got := listed(list, row.name, row.io); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}
