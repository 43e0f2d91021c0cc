//go:build portaudio

package device

import (
	"time"

	"ringback/media/audio"
)

// shape turns chunks between the phone's mono at its rate and what the hardware
// has: another rate, several channels. One for each direction.
type shape struct {
	channels int
	rates    *audio.Resampler // nil: both rates are the same
	mono     []int16          // a chunk at the rate that comes in
	pending  []int16          // at the rate that goes out
}

func newShape(from, to, channels int) shape {
	s := shape{channels: channels, mono: make([]int16, int(chunk)*from/int(time.Second))}
	if from != to {
		s.rates = audio.NewResampler(from, to)
	}
	return s
}

// fromDevice returns the average of all channels at the phone's rate; valid until
// the next call.
func (s *shape) fromDevice(buffer []int16) []int16 {
	mono := s.mono[:0]
	for i := 0; i+s.channels <= len(buffer); i += s.channels {
		sum := 0
		for _, x := range buffer[i : i+s.channels] {
			sum += int(x)
		}
		mono = append(mono, int16(sum/s.channels))
	}
	s.mono = mono
	if s.rates == nil {
		return mono
	}
	s.pending = s.rates.Process(s.pending[:0], mono)
	return s.pending
}

// toDevice fills buffer, the same on all channels, with silence where the phone
// has nothing.
func (s *shape) toDevice(buffer []int16, source Reader) {
	n := len(buffer) / s.channels
	for len(s.pending) < n {
		got := source.Read(s.mono)
		clear(s.mono[got:])
		if s.rates != nil {
			s.pending = s.rates.Process(s.pending, s.mono)
		} else {
			s.pending = append(s.pending, s.mono...)
		}
	}
	for i, x := range s.pending[:n] {
		for c := range s.channels {
			buffer[i*s.channels+c] = x
		}
	}
	s.pending = s.pending[:copy(s.pending, s.pending[n:])]
}
