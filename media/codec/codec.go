package codec

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"ringback/media/audio"
)

// MaxPayload is the longest payload, in bytes, that any codec here makes or
// takes: one UDP datagram without fragmentation.
const MaxPayload = 1400

// ErrPayload is wrapped by what a Decoder returns for a payload it cannot read.
var ErrPayload = errors.New("payload is not of this codec")

// Codec is one audio format as it is named in SDP and counted in RTP.
type Codec struct {
	Name        string          // as in a=rtpmap
	PayloadType uint8           // the static one (RFC 3551), or the one we like to offer
	ClockRate   int             // of RTP timestamps, Hz
	SampleRate  int             // of the frames, Hz
	Channels    int             // as in a=rtpmap; frames have one, whatever it says
	Ptime       time.Duration   // what we send without being asked otherwise
	Ptimes      []time.Duration // the packet times that it has, shortest first; nil: any of 10 ms
	OnRequest   bool            // only used where it is named
	Memoryless  bool            // each sample is coded by itself, whatever came before
	MOSLoss     float64         // robustness against loss, Bpl of ITU-T G.113
	MOSImpair   float64         // equipment impairment, Ie of ITU-T G.113; from 16 kHz on Ie,wb
	newEncoder  func() Encoder
	newDecoder  func() Decoder
}

// Encoder makes payloads out of samples.
type Encoder interface {
	// Encode appends the payload of pcm to dst. pcm holds a whole number of the
	// codec's blocks; 20 ms always is.
	Encode(dst []byte, pcm audio.Frame) ([]byte, error)
}

// Decoder makes samples out of payloads.
type Decoder interface {
	// Decode appends the samples of payload to dst. On an error dst is returned
	// as it was.
	Decode(dst audio.Frame, payload []byte) (audio.Frame, error)
}

// Measurer is a Decoder that tells what a payload holds without decoding it.
type Measurer interface {
	// Measure returns the number of samples in payload, the sum of their squares and the
	// greatest of those. It fails where Decode does.
	Measure(payload []byte) (samples int, sum, most int64, err error)
}

// Sends says that this build can encode it. One that cannot is only received.
func (c Codec) Sends() bool { return c.newEncoder != nil }

// NewEncoder starts one sending direction; nil when the codec does not send.
func (c Codec) NewEncoder() Encoder {
	if !c.Sends() {
		return nil
	}
	return c.newEncoder()
}

// Fit is the longest packet time of the codec that is not above want, or its
// shortest.
func (c Codec) Fit(want time.Duration) time.Duration {
	if len(c.Ptimes) == 0 {
		return want.Truncate(10 * time.Millisecond)
	}
	fit := c.Ptimes[0]
	for _, one := range c.Ptimes {
		if one <= want {
			fit = one
		}
	}
	return fit
}

// NewDecoder starts one receiving direction.
func (c Codec) NewDecoder() Decoder { return c.newDecoder() }

// FrameSamples is the number of samples in 20 ms.
func (c Codec) FrameSamples() int { return audio.FrameSamples(c.SampleRate) }

// FrameTicks is how far the RTP timestamp moves in 20 ms.
func (c Codec) FrameTicks() uint32 { return uint32(c.ClockRate / 50) }

// Ticks turns a number of samples into RTP timestamp units.
func (c Codec) Ticks(samples int) int { return samples * c.ClockRate / c.SampleRate }

// String is the name and clock rate, as in SDP.
func (c Codec) String() string { return fmt.Sprintf("%s/%d", c.Name, c.ClockRate) }

// All returns every codec of this build, best first.
func All() []Codec {
	return []Codec{opus(), g722(), alaw(), mulaw(), linear(audio.Rate16k), linear(audio.Rate8k)}
}

// Find returns the codec of a name (any case) and RTP clock rate; rate 0 takes
// the first of that name.
func Find(name string, clockRate int) (Codec, bool) {
	for _, c := range All() {
		if strings.EqualFold(c.Name, name) && (clockRate == 0 || clockRate == c.ClockRate) {
			return c, true
		}
	}
	return Codec{}, false
}
