//go:build linux

package pulse

import (
	"context"
	"encoding/binary"
	"fmt"
	"os/exec"
	"sync"

	"ringback/media/audio"
)

const (
	speakRate  = 48000
	speakLevel = -10.0 // dBFS
	listenRate = 8000
)

// Voice says a tone into the microphone.
type Voice struct {
	cmd  *exec.Cmd
	once sync.Once
	done chan struct{}
}

// Speak says a tone of so many Hz, at -10 dBFS, until Hush or until the headset is
// unplugged.
func (s *Server) Speak(hz float64) (*Voice, error) {
	v := &Voice{done: make(chan struct{})}
	v.cmd = s.command("pacat", "-p", "-d", "mic_feed", "--raw", fmt.Sprintf("--rate=%d", speakRate),
		"--format=s16le", "--channels=1", "--latency-msec=40")
	in, err := v.cmd.StdinPipe()
	if err == nil {
		err = v.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("speak: %w", err)
	}
	go func() {
		defer close(v.done)
		tone, frame := audio.NewTone(audio.Sine(hz, speakLevel), speakRate), make([]int16, speakRate/50)
		for {
			tone.Fill(frame)
			if binary.Write(in, binary.LittleEndian, frame) != nil {
				return
			}
		}
	}()
	return v, nil
}

// Hush ends the tone.
func (v *Voice) Hush() {
	v.once.Do(func() {
		_ = v.cmd.Process.Kill()
		<-v.done
		_ = v.cmd.Wait()
	})
}

// The devices that can be listened to.
const (
	EarPiece = "headset_out"
	Speakers = "speakers_out"
)

// Listen gives what comes out of a device, 8000 samples a second, to take until that
// has enough. It fails when ctx ends or the device goes before.
func (s *Server) Listen(ctx context.Context, device string, take func([]int16) (enough bool)) error {
	cmd := s.command("parec", "-d", device+".monitor", "--raw", fmt.Sprintf("--rate=%d", listenRate),
		"--format=s16le", "--channels=1", "--latency-msec=40")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	frame := make([]int16, listenRate/50)
	for {
		if err := binary.Read(out, binary.LittleEndian, frame); err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return fmt.Errorf("listen: %w", err)
		}
		if take(frame) {
			return nil
		}
	}
}
