//go:build linux && portaudio && pulse

package device

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ringback/media/audio"
)

// patience is how long the test waits for what has to happen; it fails then.
const patience = 20 * time.Second

// sound is a PulseAudio of the test's own.
type sound struct {
	t   *testing.T
	dir string

	server  *exec.Cmd
	stopped chan struct{}
}

// newSound starts a sound server in a folder of its own and points ALSA and
// PulseAudio clients of this process at it.
func newSound(t *testing.T) *sound {
	s := &sound{t: t, dir: t.TempDir()}
	for _, name := range []string{"default.pa", "headset.pa", "asound.conf"} {
		text, err := os.ReadFile(filepath.Join("testdata", "pulse", name))
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("DIR"), []byte(s.dir))
		if err := os.WriteFile(filepath.Join(s.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for key, value := range map[string]string{
		"HOME": s.dir, "XDG_RUNTIME_DIR": s.dir, "PULSE_RUNTIME_PATH": s.dir, "PULSE_STATE_PATH": s.dir,
		"PULSE_CONFIG_PATH": s.dir, "PULSE_SERVER": "unix:" + s.dir + "/native",
		"ALSA_CONFIG_PATH": s.dir + "/asound.conf", "JACK_NO_START_SERVER": "1",
	} {
		t.Setenv(key, value)
	}
	s.startServer()
	t.Cleanup(s.killServer)
	return s
}

// command is one that ends with the test, also when that crashes.
func command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// startServer returns when the server says that it is up.
func (s *sound) startServer() {
	s.t.Helper()
	s.server = command("pulseaudio", "-n", "-F", s.dir+"/default.pa", "--daemonize=no", "--use-pid-file=no",
		"--exit-idle-time=-1", "--realtime=no", "--high-priority=no", "--log-level=info", "--log-target=stderr")
	stderr, err := s.server.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.server.Start(); err != nil {
		s.t.Fatalf("start pulseaudio: %v (apt-get install pulseaudio pulseaudio-utils libasound2-plugins)", err)
	}
	up := make(chan bool, 1)
	s.stopped = make(chan struct{})
	go func() {
		defer close(s.stopped)
		lines := bufio.NewScanner(stderr)
		var log strings.Builder
		for lines.Scan() {
			log.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), "Daemon startup complete") {
				up <- true
				break
			}
		}
		_, _ = io.Copy(io.Discard, stderr)
		_ = s.server.Wait()
	}()
	select {
	case <-up:
	case <-s.stopped:
		s.t.Fatal("pulseaudio ended at its start")
	case <-time.After(patience):
		s.t.Fatal("pulseaudio does not come up")
	}
}

func (s *sound) killServer() {
	_ = s.server.Process.Kill()
	<-s.stopped
	_ = os.Remove(s.dir + "/native")
}

// pactl runs a command of the server and returns its output.
func (s *sound) pactl(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("pactl", args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("pactl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// unplug takes the virtual headset away.
func (s *sound) unplug() {
	s.t.Helper()
	for _, kind := range []string{"module-remap-source", "module-null-sink"} {
		s.pactl("unload-module", kind)
	}
}

// plug brings it back.
func (s *sound) plug() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "headset.pa"))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		s.pactl(strings.Fields(line)...)
	}
}

// speak plays a tone into the virtual microphone until the returned function is
// called or the sink goes.
func (s *sound) speak(hz float64) (hush func()) {
	s.t.Helper()
	cmd := command("pacat", "-p", "-d", "mic_feed", "--raw", "--rate=48000", "--format=s16le", "--channels=1", "--latency-msec=40")
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		tone := audio.NewTone(audio.Sine(hz, -10), 48000)
		frame := make([]int16, 960)
		for {
			tone.Fill(frame)
			if binary.Write(in, binary.LittleEndian, frame) != nil {
				return
			}
		}
	}()
	var once sync.Once
	hush = func() {
		once.Do(func() {
			_ = cmd.Process.Kill()
			<-done
			_ = cmd.Wait()
		})
	}
	s.t.Cleanup(hush)
	return hush
}

// listen waits until a tone comes out of the virtual headset.
func (s *sound) listen(hz, other float64) {
	s.t.Helper()
	cmd := command("parec", "-d", "headset_out.monitor", "--raw", "--rate=8000", "--format=s16le", "--channels=1", "--latency-msec=40")
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	deadline := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer deadline.Stop()
	frame := make([]int16, 160)
	ear := ear{hz: hz, other: other}
	for !ear.sure() {
		if err := binary.Read(out, binary.LittleEndian, frame); err != nil {
			s.t.Fatalf("%.0f Hz does not come out of the headset: %v, %v", hz, ear.levels, err)
		}
		ear.hear(frame)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// ear is sure of a tone once 8 of 10 windows of 100 ms in a row have it, well
// above another one: a loaded machine drops a frame now and then.
type ear struct {
	hz, other float64
	window    []int16
	levels    []float64
	good      []bool
}

func (e *ear) hear(samples []int16) {
	e.window = append(e.window, samples...)
	for len(e.window) >= 800 {
		l := level(e.window[:800], 8000, e.hz)
		e.levels = append(e.levels, math.Round(l))
		e.good = append(e.good, l > -16 && l > level(e.window[:800], 8000, e.other)+20)
		e.window = e.window[800:]
	}
}

func (e *ear) sure() bool {
	if len(e.good) < 10 {
		return false
	}
	n := 0
	for _, good := range e.good[len(e.good)-10:] {
		if good {
			n++
		}
	}
	return n >= 8
}

// rig is the phone's side of a device: it plays a tone to it, and listens.
type rig struct {
	t        *testing.T
	io       IO
	mic, out *audio.Ring
	stop     chan struct{}
	done     chan struct{}

	mu  sync.Mutex
	ear *ear
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
			if r.ear.hear(heard[:n]); r.ear.sure() {
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
func (r *rig) hears(hz, other float64) {
	r.t.Helper()
	yes := make(chan struct{})
	e := &ear{hz: hz, other: other}
	r.mu.Lock()
	r.ear, r.yes = e, yes
	r.mu.Unlock()
	select {
	case <-yes:
	case <-time.After(patience):
		r.mu.Lock()
		defer r.mu.Unlock()
		r.t.Fatalf("%.0f Hz is not heard: %v", hz, e.levels)
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
			r.hears(440, 600)
			s.listen(600, 440)
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
		r.hears(440, 600)
		s.listen(600, 440)
	}
	check()
	for _, trouble := range []struct {
		name       string
		take, give func()
	}{
		{"unplugged", s.unplug, s.plug},
		{"unplugged again", s.unplug, s.plug},
		{"the sound server is killed", s.killServer, s.startServer},
	} {
		trouble.take()
		t.Logf("%s: null takes over after %v", trouble.name, await(t, changes, "null"))
		trouble.give()
		t.Logf("%s: the headset is back after %v", trouble.name, await(t, changes, "portaudio:headset"))
		check()
	}
}
