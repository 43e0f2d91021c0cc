//go:build linux && portaudio && pulse

package device

import (
	"context"
	"errors"
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
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the sound server said last: %s", server.LastWords())
		}
		server.Kill()
	})
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
func (s *sound) hang()   { s.check(s.server.Hang()) }

func (s *sound) goOn() {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	died, err := s.server.GoOn(ctx)
	s.check(err)
	if died != "" {
		s.t.Logf("the sound server died of going on, and was started anew: %s", died)
	}
}

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
	s.listenAt(pulse.EarPiece, hz)
}

// listenAt waits until a tone comes out of one of the sinks.
func (s *sound) listenAt(sink string, hz float64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	ear := newEar(hz)
	if err := s.server.Listen(ctx, sink, ear.Hear); err != nil {
		s.t.Fatalf("%s: %v: %v", sink, err, ear)
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
	gap time.Duration // the longest without anything from the microphone since it was set to 0
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
	came := time.Now()
	for {
		for r.out.Free() >= len(frame) {
			tone.Fill(frame)
			r.out.Write(frame)
		}
		n := r.mic.Read(heard)
		r.mu.Lock()
		if n > 0 {
			r.gap, came = max(r.gap, time.Since(came)), time.Now()
		}
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

// TestPortAudio_SecondEar: what goes into two devices at once comes out of both sinks, as it
// was said; the second one has no microphone, and goes on without the first.
func TestPortAudio_SecondEar(t *testing.T) {
	s := newSound(t)
	s.check(s.server.Speakers()) // from here on the system's default, which portaudio alone is
	first, second := newRig(t, 600), newRig(t, 850)
	second.io.Capture = nil
	hush := s.speak(440)
	defer hush()
	headset, err := parse(t, "portaudio:headset").Start(first.io)
	s.check(err)
	ear, err := parse(t, "portaudio").Start(second.io)
	s.check(err)
	first.hears(440)
	s.listenAt(pulse.EarPiece, 600)
	s.listenAt(pulse.Speakers, 850)
	s.check(headset.Stop())
	s.listenAt(pulse.Speakers, 850)
	s.check(ear.Stop())
}

// desktop is a supervisor at work on the virtual headset, and null behind it.
type desktop struct {
	*sound
	rig     *rig
	changes chan Change
	hung    chan string   // what was logged of a call that hangs
	end     func()        // and waits for it
	ended   chan struct{} // closed when it has
}

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	d := &desktop{sound: newSound(t), rig: newRig(t, 600), changes: make(chan Change, 100), hung: make(chan string, 100), ended: make(chan struct{})}
	devices, err := ParsePreference([]string{"portaudio:headset", "null"})
	d.check(err)
	super := NewSupervisor(SupervisorConfig{
		Devices: devices, IO: d.rig.io, OnChange: func(c Change) { d.changes <- c },
		Log: slog.New(hangs{slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}), d.hung}),
	})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { defer close(d.ended); super.Run(ctx) }()
	d.end = func() { cancel(); <-d.ended }
	t.Cleanup(d.end)
	await(t, d.changes, "portaudio:headset")
	return d
}

// hangs is a log that tells of calls that hang.
type hangs struct {
	slog.Handler
	to chan<- string
}

func (h hangs) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if err, is := a.Value.Any().(error); is && errors.Is(err, ErrHangs) {
			h.to <- r.Message
		}
		return true
	})
	return h.Handler.Handle(ctx, r)
}

// hangsIn waits until a call hangs.
func (d *desktop) hangsIn(message string) {
	d.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case m := <-d.hung:
			if m == message {
				return
			}
		case <-limit:
			d.t.Fatalf("it was never logged: %s", message)
		}
	}
}

// works holds that both ways work.
func (d *desktop) works() {
	d.t.Helper()
	hush := d.speak(440)
	defer hush()
	d.rig.hears(440)
	d.listen(600)
	for len(d.changes) > 0 { // what happened until here is no news
		d.t.Logf("on its own: %+v", <-d.changes)
	}
}

func TestPortAudio_HeadsetGoesAndComesBack(t *testing.T) {
	d := newDesktop(t)
	d.works()
	for _, trouble := range []struct {
		name       string
		take, give func()
	}{
		{"unplugged", d.unplug, d.plug},
		{"unplugged again", d.unplug, d.plug},
		{"the sound server is killed", d.kill, d.restart},
		{"the sound server hangs for a moment", d.hang, d.goOn},
	} {
		trouble.take()
		t.Logf("%s: null takes over after %v", trouble.name, await(t, d.changes, "null"))
		trouble.give()
		t.Logf("%s: the headset is back after %v", trouble.name, await(t, d.changes, "portaudio:headset"))
		d.works()
	}
}

// A sound server that hangs for long: the next of the list takes over and is left in peace,
// though neither an end nor a start of the headset comes back; the headset is at work
// again once the server goes on, and the phone can end while it hangs.
func TestPortAudio_TheSoundServerHangs(t *testing.T) {
	d := newDesktop(t)
	d.works()
	d.hang()
	t.Logf("null takes over after %v", await(t, d.changes, "null"))
	d.hangsIn("audio device does not stop cleanly")
	d.hangsIn("audio device does not start")
	if n := len(d.changes); n > 0 {
		t.Errorf("it changed %d times meanwhile, to %+v", n, <-d.changes)
	}
	d.goOn()
	t.Logf("the headset is back after %v", await(t, d.changes, "portaudio:headset"))
	d.works()

	d.hang()
	await(t, d.changes, "null")
	d.hangsIn("audio device does not stop cleanly")
	began := time.Now()
	d.end()
	if took := time.Since(began); took >= hangLimit {
		t.Errorf("the end took %v", took)
	} else {
		t.Logf("the end took %v", took)
	}
	d.goOn()
	for open := 1; open > 0; { // other tests need the library
		d.check(library.call(func() error { open = len(library.open); return nil }, nil))
	}
}
