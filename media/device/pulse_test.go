//go:build linux && portaudio && pulse

package device

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"ringback/internal/pulse"
	"ringback/media/audio"
)

// patience is how long the test waits for what has to happen; it fails then.
const patience = 20 * time.Second

// sound is a virtual headset of the test's own.
type sound struct {
	t      *testing.T
	server *pulse.Server
}

// newSound starts a sound server and points this process at it.
func newSound(t *testing.T) *sound {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := pulse.Start(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	t.Setenv("HOME", dir)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	for key, value := range server.Environment() {
		t.Setenv(key, value)
	}
	return &sound{t: t, server: server}
}

func (s *sound) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *sound) unplug() { s.check(s.server.Unplug()) }
func (s *sound) plug()   { s.check(s.server.Plug()) }
func (s *sound) kill()   { s.server.Kill() }

func (s *sound) restart() {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	s.check(s.server.Restart(ctx))
}

// speak says a tone into the microphone until the returned function is called.
func (s *sound) speak(hz float64) (hush func()) {
	s.t.Helper()
	v, err := s.server.Speak(hz)
	s.check(err)
	s.t.Cleanup(v.Hush)
	return v.Hush
}

func newEar(hz float64) *pulse.Ear { return pulse.NewEar(hz, time.Second, 200*time.Millisecond) }

// listen waits until a tone comes out of the virtual headset.
func (s *sound) listen(hz float64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	ear := newEar(hz)
	if err := s.server.Listen(ctx, pulse.EarPiece, ear.Hear); err != nil {
		s.t.Fatalf("the headset: %v: %v", err, ear)
	}
}

// rig is the phone's side of a device: it plays a tone to it, and listens.
type rig struct {
	t        *testing.T
	io       IO
	mic, out *audio.Ring
	stop     chan struct{}
	done     chan struct{}

	mu  sync.Mutex
	ear *pulse.Ear
	yes chan struct{}
}

func newRig(t *testing.T, playHz float64) *rig {
	r := &rig{t: t, mic: audio.NewRing(4096), out: audio.NewRing(1024), stop: make(chan struct{}), done: make(chan struct{})}
	r.io = IO{Rate: 8000, Capture: r.mic, Playback: r.out}
	go r.run(playHz)
	t.Cleanup(func() { close(r.stop); <-r.done })
	return r
}

// run keeps the playback ring full, so that the device's clock leads.
func (r *rig) run(hz float64) {
	defer close(r.done)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	tone, frame, heard := audio.NewTone(audio.Sine(hz, -10), 8000), make([]int16, 80), make([]int16, 4096)
	for {
		for r.out.Free() >= len(frame) {
			tone.Fill(frame)
			r.out.Write(frame)
		}
		n := r.mic.Read(heard)
		r.mu.Lock()
		if r.ear != nil {
			if r.ear.Hear(heard[:n]) {
				r.ear = nil
				close(r.yes)
			}
		}
		r.mu.Unlock()
		select {
		case <-r.stop:
			return
		case <-tick.C:
		}
	}
}

// hears waits until a tone is heard in the microphone.
func (r *rig) hears(hz float64) {
	r.t.Helper()
	yes := make(chan struct{})
	e := newEar(hz)
	r.mu.Lock()
	r.ear, r.yes = e, yes
	r.mu.Unlock()
	select {
	case <-yes:
	case <-time.After(patience):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.t.Fatalf("the phone: %v", e)
	}
}

func await(t *testing.T, changes <-chan Change, device string) time.Duration {
	t.Helper()
	from := time.Now()
	limit := time.After(patience)
	for {
		select {
		case c := <-changes:
			t.Logf("change after %v: %+v", time.Since(from).Round(time.Millisecond), c)
			if c.Device == device {
				return time.Since(from)
			}
		case <-limit:
			t.Fatalf("no change to %q", device)
		}
	}
}

// PortAudio over ALSA's plug-in and a PulseAudio with null sinks: both directions
// at once, through both ends of the virtual headset.
func TestPortAudio_FullDuplex(t *testing.T) {
	s := newSound(t)
	for _, name := range []string{"portaudio:headset", "portaudio:ALSA/headset", "portaudio"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 600)
			hush := s.speak(440)
			defer hush()
			stream, err := parse(t, name).Start(r.io)
			if err != nil {
				t.Fatal(err)
			}
			r.hears(440)
			s.listen(600)
			if captured, played := stream.Frames(); captured == 0 || played == 0 {
				t.Errorf("%d samples captured, %d played", captured, played)
			}
			if err := stream.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("the list names it", func(t *testing.T) {
		list, err := List()
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range list {
			if info.Name == "portaudio:headset" && info.HostAPI == "ALSA" && info.Inputs > 0 && info.Outputs > 0 {
				return
			}
		}
		t.Errorf("got %+v", list)
	})
	t.Run("an unknown name says which there are", func(t *testing.T) {
		_, err := parse(t, "portaudio:Nonesuch").Start(IO{Rate: 8000, Capture: audio.NewRing(100)})
		if err == nil || !strings.Contains(err.Error(), "headset") || !strings.Contains(err.Error(), "Nonesuch") {
			t.Errorf("got %v", err)
		}
	})
}

func TestPortAudio_HeadsetGoesAndComesBack(t *testing.T) {
	s := newSound(t)
	r := newRig(t, 600)
	changes := make(chan Change, 100)
	devices, err := ParsePreference([]string{"portaudio:headset", "null"})
	if err != nil {
		t.Fatal(err)
	}
	super := NewSupervisor(SupervisorConfig{
		Devices: devices, IO: r.io, OnChange: func(c Change) { changes <- c },
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); super.Run(ctx) }()
	defer func() { cancel(); <-done }()
	await(t, changes, "portaudio:headset")

	check := func() {
		t.Helper()
		defer func() { // what happened until here is no news
			for len(changes) > 0 {
				t.Logf("on its own: %+v", <-changes)
			}
		}()
		hush := s.speak(440)
		defer hush()
		r.hears(440)
		s.listen(600)
	}
	check()
	for _, trouble := range []struct {
		name       string
		take, give func()
	}{
		{"unplugged", s.unplug, s.plug},
		{"unplugged again", s.unplug, s.plug},
		{"the sound server is killed", s.kill, s.restart},
	} {
		trouble.take()
		t.Logf("%s: null takes over after %v", trouble.name, await(t, changes, "null"))
		trouble.give()
		t.Logf("%s: the headset is back after %v", trouble.name, await(t, changes, "portaudio:headset"))
		check()
	}
}
