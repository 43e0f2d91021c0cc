//go:build linux

package pulse

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

//go:embed etc
var etc embed.FS

// Server is a PulseAudio with a virtual headset.
type Server struct {
	dir     string
	cmd     *exec.Cmd
	stopped chan struct{}
	words   *lastWords
}

// Start starts a sound server in the folder dir, which has to be there, and
// returns when it is up. It fails when PulseAudio is not installed.
func Start(ctx context.Context, dir string) (*Server, error) {
	s := &Server{dir: dir}
	files, err := etc.ReadDir("etc")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := etc.ReadFile("etc/" + f.Name())
		if err != nil {
			return nil, err
		}
		made := strings.ReplaceAll(string(text), "DIR", dir)
		if err := os.WriteFile(filepath.Join(dir, f.Name()), []byte(made), 0o600); err != nil {
			return nil, err
		}
	}
	return s, s.Restart(ctx)
}

// Environment is what a program needs to find the headset.
func (s *Server) Environment() map[string]string {
	return map[string]string{
		"PULSE_RUNTIME_PATH": s.dir, "PULSE_STATE_PATH": s.dir, "PULSE_CONFIG_PATH": s.dir,
		"PULSE_COOKIE": filepath.Join(s.dir, "cookie"), "PULSE_SERVER": "unix:" + filepath.Join(s.dir, "native"),
		"ALSA_CONFIG_PATH": filepath.Join(s.dir, "asound.conf"), "JACK_NO_START_SERVER": "1",
	}
}

// command is one that ends with this process, also when that crashes.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_RUNTIME_DIR="+s.dir)
	for key, value := range s.Environment() {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	return cmd
}

// Restart starts the server again after Kill, and returns when it says that it
// is up.
func (s *Server) Restart(ctx context.Context) error {
	s.cmd = s.command("pulseaudio", "-n", "-F", filepath.Join(s.dir, "default.pa"), "--daemonize=no", "--use-pid-file=no",
		"--exit-idle-time=-1", "--realtime=no", "--high-priority=no", "--log-level=info", "--log-target=stderr")
	stderr, err := s.cmd.StderrPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("start pulseaudio: %w (apt-get install pulseaudio pulseaudio-utils libasound2-plugins)", err)
	}
	up, stopped, words := make(chan struct{}), make(chan struct{}), &lastWords{}
	s.stopped, s.words = stopped, words
	go func(cmd *exec.Cmd) {
		defer close(stopped)
		for lines, started := bufio.NewScanner(stderr), false; lines.Scan(); {
			words.add(lines.Text())
			if !started && strings.Contains(lines.Text(), "Daemon startup complete") {
				started = true
				close(up)
			}
		}
		if err := cmd.Wait(); err != nil {
			words.add(err.Error())
		}
	}(s.cmd)
	select {
	case <-up:
		return nil
	case <-stopped:
		return fmt.Errorf("start pulseaudio: it ended at its start: %v", words)
	case <-ctx.Done():
		s.Kill()
		return fmt.Errorf("start pulseaudio: it does not come up: %w", ctx.Err())
	}
}

// Kill ends the server as a crash would.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.stopped
	_ = os.Remove(filepath.Join(s.dir, "native"))
}

// LastWords is what the server said last, and how it ended, if it has.
func (s *Server) LastWords() string { return s.words.String() }

// Hang stops the server in the middle of what it does: who talks to it waits.
func (s *Server) Hang() error { return s.cmd.Process.Signal(syscall.SIGSTOP) }

// GoOn lets it go on. PulseAudio does not always survive that: then it is started anew,
// as a desktop does, and died is what it said last; "" when it lives.
func (s *Server) GoOn(ctx context.Context) (died string, err error) {
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		return "", err
	}
	if _, err = s.control("info"); err == nil {
		return "", nil
	}
	select {
	case <-s.stopped: // a server that lives has answered
	case <-ctx.Done():
		return "", err
	}
	_ = os.Remove(filepath.Join(s.dir, "native"))
	died = s.LastWords()
	return died, s.Restart(ctx)
}

// lastWords are the last lines that a program wrote, for any goroutine.
type lastWords struct {
	mu    sync.Mutex
	lines []string
}

func (w *lastWords) add(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines[max(0, len(w.lines)-9):], line)
}

func (w *lastWords) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.lines, "\n")
}

// control runs pactl and returns what it says.
func (s *Server) control(args ...string) (string, error) {
	out, err := s.command("pactl", args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pactl %v: %w: %s", args, err, out)
	}
	return string(out), nil
}

// Unplug takes the headset away.
func (s *Server) Unplug() error {
	for _, module := range []string{"module-remap-source", "module-null-sink"} {
		if _, err := s.control("unload-module", module); err != nil {
			return err
		}
	}
	return nil
}

// Plug brings it back.
func (s *Server) Plug() error {
	text, err := etc.ReadFile("etc/headset.pa")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		if _, err := s.control(strings.Fields(line)...); err != nil {
			return err
		}
	}
	return nil
}

// Speakers adds a second device to hear with and makes it the system's default, as a
// person does in the sound settings; what plays on the default moves there. ALSA, and with
// it PortAudio, knows no device called speakers before.
func (s *Server) Speakers() error {
	known, err := os.OpenFile(filepath.Join(s.dir, "asound.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(known, "pcm.speakers {\n\ttype asym\n\tplayback.pcm { type pulse device %q }\n\tcapture.pcm { type pulse device \"headset_mic\" }\n}\n", Speakers)
	if err := errors.Join(err, known.Close()); err != nil {
		return err
	}
	if _, err := s.control("load-module", "module-null-sink", "norewinds=1", "sink_name="+Speakers, "rate=48000", "channels=1", "channel_map=mono"); err != nil {
		return err
	}
	_, err = s.control("set-default-sink", Speakers)
	return err
}

// Couple lets the microphone hear the ear piece, as when the headset lies on the
// desk.
func (s *Server) Couple() error {
	_, err := s.control("load-module", "module-loopback", "source=headset_out.monitor", "sink=mic_feed", "latency_msec=20")
	return err
}

// Uncouple ends that.
func (s *Server) Uncouple() error {
	_, err := s.control("unload-module", "module-loopback")
	return err
}

// Mute mutes the microphone as a person does in the sound settings, or takes the mute off.
func (s *Server) Mute(on bool) error {
	_, err := s.control("set-source-mute", "headset_mic", map[bool]string{true: "1", false: "0"}[on])
	return err
}

// Open says how many programs hold the microphone open, and the ear piece.
func (s *Server) Open() (microphone, ear int, err error) {
	for what, n := range map[string]*int{"source-outputs": &microphone, "sink-inputs": &ear} {
		list, err := s.control("list", "short", what)
		if err != nil {
			return 0, 0, err
		}
		*n = strings.Count(list, "protocol-native")
	}
	return microphone, ear, nil
}
