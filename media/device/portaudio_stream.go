//go:build portaudio

package device

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gordonklaus/portaudio"

	"ringback/media/audio"
)

const (
	// chunk is how much a stream moves at a time.
	chunk = 10 * time.Millisecond
	// latency is asked of the sound system: less makes loaded machines crackle.
	latency = 40 * time.Millisecond
	// haltLimit is how long a stream may stay inside of a read or a write.
	haltLimit = 2 * time.Second
)

// soundStream is hardware at work: a half for each direction.
type soundStream struct {
	mic, ear *half // nil: not wanted
	failed   chan error
}

// half is a half-duplex stream and the goroutine inside of its reads or writes.
// The blocking calls are used because they, and not the callbacks, say when the
// device has gone, and because no Go code then runs on the sound system's thread.
type half struct {
	stream *portaudio.Stream
	buffer []int16 // one chunk, all channels
	shape  shape

	sink    Writer // of a microphone
	source  Reader // of a loudspeaker
	ceiling int16  // of what it plays

	frames atomic.Uint64
	halt   atomic.Bool
	done   chan struct{}
}

// openHalf opens a stream at the phone's rate, or at the device's own with a
// resampler; with one channel, or with two where the device has no mono.
func openHalf(info *portaudio.DeviceInfo, input bool, rate int) (*half, error) {
	own := int(info.DefaultSampleRate + 0.5)
	var first error
	for _, deviceRate := range []int{rate, own} {
		for channels := 1; channels <= 2; channels++ {
			h, err := tryHalf(info, input, rate, deviceRate, channels)
			if err == nil {
				return h, nil
			}
			if first == nil {
				first = err
			}
		}
	}
	return nil, fmt.Errorf("open %q: %w", info.Name, first)
}

func tryHalf(info *portaudio.DeviceInfo, input bool, rate, deviceRate, channels int) (*half, error) {
	if deviceRate < audio.MinRate || deviceRate > audio.MaxRate {
		return nil, fmt.Errorf("%d samples per second are out of range", deviceRate)
	}
	size := int(chunk) * deviceRate / int(time.Second)
	h := &half{buffer: make([]int16, size*channels), done: make(chan struct{})}
	p := portaudio.StreamParameters{SampleRate: float64(deviceRate), FramesPerBuffer: size}
	side := portaudio.StreamDeviceParameters{Device: info, Channels: channels}
	if input {
		h.shape = newShape(deviceRate, rate, channels)
		side.Latency = max(latency, info.DefaultLowInputLatency)
		p.Input = side
	} else {
		h.shape = newShape(rate, deviceRate, channels)
		side.Latency = max(latency, info.DefaultLowOutputLatency)
		p.Output = side
	}
	var err error
	h.stream, err = portaudio.OpenStream(p, &h.buffer)
	return h, err
}

func (s *soundStream) halves() (list []*half) {
	for _, h := range []*half{s.mic, s.ear} {
		if h != nil {
			list = append(list, h)
		}
	}
	return list
}

// run starts the goroutines.
func (s *soundStream) run() {
	for _, h := range s.halves() {
		step := h.play
		if h == s.mic {
			step = h.record
		}
		go h.loop(step, s.failed)
	}
}

// undo closes what was opened, inside of library.call, and passes err on.
func (s *soundStream) undo(err error) error {
	s.close()
	return err
}

// close closes the streams, inside of library.call, with no goroutine in them.
func (s *soundStream) close() { _ = s.shut() }

func (s *soundStream) shut() error {
	var errs []error
	for _, h := range s.halves() {
		errs = append(errs, h.stream.Close())
	}
	if _, open := library.open[s]; open {
		delete(library.open, s)
		errs = append(errs, library.leave())
	}
	return errors.Join(errs...)
}

func (s *soundStream) Frames() (captured, played uint64) {
	if s.mic != nil {
		captured = s.mic.frames.Load()
	}
	if s.ear != nil {
		played = s.ear.frames.Load()
	}
	return captured, played
}

func (s *soundStream) Failed() <-chan error { return s.failed }

// Stop asks the goroutines to leave and closes the streams behind them. Where one
// is stuck inside of the library, its streams are closed once it has come out.
func (s *soundStream) Stop() error {
	halves := s.halves()
	for _, h := range halves {
		h.halt.Store(true)
	}
	limit := time.NewTimer(haltLimit)
	defer limit.Stop()
	for i, h := range halves {
		select {
		case <-h.done:
		case <-limit.C:
			go s.closeLater(halves[i:])
			return fmt.Errorf("stop audio device: %w", ErrHangs)
		}
	}
	return s.closeNow()
}

func (s *soundStream) closeNow() error {
	if err := library.call(s.shut, nil); err != nil {
		return fmt.Errorf("stop audio device: %w", err)
	}
	return nil
}

func (s *soundStream) closeLater(halves []*half) {
	for _, h := range halves {
		<-h.done
	}
	_ = s.closeNow() // nobody is left to be told
}

// loop moves chunks until it is halted or the device fails.
func (h *half) loop(step func() error, failed chan<- error) {
	defer close(h.done)
	for !h.halt.Load() {
		if err := step(); err != nil {
			select {
			case failed <- err:
			default: // the other half was first
			}
			return
		}
	}
}

// lost says that a direction failed; the library's own text may be empty.
func lost(what string, err error) error {
	if err.Error() == "" {
		err = ErrGone
	}
	return fmt.Errorf("%s: %w", what, err)
}

// record reads a chunk from the microphone. An overflow lost some samples and is
// no failure.
func (h *half) record() error {
	if err := h.stream.Read(); err != nil && !errors.Is(err, portaudio.InputOverflowed) {
		return lost("read microphone", err)
	}
	mono := h.shape.fromDevice(h.buffer)
	h.sink.Write(mono)
	h.frames.Add(uint64(len(mono)))
	return nil
}

// play writes a chunk to the loudspeaker, silence where the phone has nothing. An
// underflow was heard as a gap and is no failure.
func (h *half) play() error {
	h.shape.toDevice(h.buffer, h.source)
	limit(h.buffer, h.ceiling)
	if err := h.stream.Write(); err != nil && !errors.Is(err, portaudio.OutputUnderflowed) {
		return lost("write loudspeaker", err)
	}
	h.frames.Add(uint64(len(h.buffer)))
	return nil
}
