package audio

import "time"

// Frame is mono audio, 16-bit linear samples, FrameTime long at its rate.
type Frame = []int16

// FrameTime is the length of one Frame and the step of the media clock.
const FrameTime = 20 * time.Millisecond

// The sample rates that codecs and devices here use, in Hz.
const (
	Rate8k  = 8000
	Rate16k = 16000
	Rate32k = 32000
	Rate48k = 48000
)

// The rates that Clip, Resampler and the WAV reader accept, in Hz.
const (
	MinRate = 1000
	MaxRate = 384000
)

// FrameSamples is the number of samples in a Frame at rate (Hz).
func FrameSamples(rate int) int { return rate / 50 }

// Saturate narrows a sum to 16 bits: beyond the range it stays at the edge and
// never wraps round.
func Saturate(v int32) int16 {
	if v > 32767 {
		return 32767
	}
	if v < -32768 {
		return -32768
	}
	return int16(v)
}
