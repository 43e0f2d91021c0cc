package codec

import (
	"fmt"
	"slices"
	"sync"

	"ringback/media/audio"

	"time"
)

// law is one of the two G.711 laws as tables: 256 samples one way, 64 k bytes
// the other, which is faster than looking for the highest bit.
type law struct {
	expand   [256]int16
	compress [65536]byte
}

func newLaw(expand func(byte) int16, compress func(int16) byte) *law {
	l := new(law)
	for i := range l.expand {
		l.expand[i] = expand(byte(i))
	}
	for i := range l.compress {
		l.compress[i] = compress(int16(uint16(i)))
	}
	return l
}

// The tables never change once made, and are made when first used.
var (
	mulawTables = sync.OnceValue(func() *law { return newLaw(audio.MulawToLinear, audio.LinearToMulaw) })
	alawTables  = sync.OnceValue(func() *law { return newLaw(audio.AlawToLinear, audio.LinearToAlaw) })
)

// Encode implements Encoder: one byte a sample.
func (l *law) Encode(dst []byte, pcm audio.Frame) ([]byte, error) {
	at := len(dst)
	dst = slices.Grow(dst, len(pcm))[:at+len(pcm)]
	out := dst[at:]
	for i, s := range pcm {
		out[i] = l.compress[uint16(s)]
	}
	return dst, nil
}

// Decode implements Decoder: one sample a byte.
func (l *law) Decode(dst audio.Frame, payload []byte) (audio.Frame, error) {
	if len(payload) > MaxPayload {
		return dst, fmt.Errorf("decode g.711 of %d bytes: %w", len(payload), ErrPayload)
	}
	at := len(dst)
	dst = slices.Grow(dst, len(payload))[:at+len(payload)]
	out := dst[at:]
	for i, b := range payload {
		out[i] = l.expand[b]
	}
	return dst, nil
}

// Measure implements Measurer.
func (l *law) Measure(payload []byte) (samples int, sum, most int64, err error) {
	if len(payload) > MaxPayload {
		return 0, 0, 0, fmt.Errorf("measure g.711 of %d bytes: %w", len(payload), ErrPayload)
	}
	var greatest int32
	for _, b := range payload {
		s := int32(l.expand[b])
		square := s * s // of at most 15 bits
		sum += int64(square)
		greatest = max(greatest, square)
	}
	return len(payload), sum, int64(greatest), nil
}

func g711(name string, payloadType uint8, tables func() *law) Codec {
	return Codec{
		Name: name, PayloadType: payloadType, ClockRate: 8000, SampleRate: 8000, Channels: 1,
		Ptime: 20 * time.Millisecond, MOSLoss: 25.1, MOSImpair: 0, Memoryless: true,
		newEncoder: func() Encoder { return tables() },
		newDecoder: func() Decoder { return tables() },
	}
}

func mulaw() Codec { return g711("PCMU", 0, mulawTables) }
func alaw() Codec  { return g711("PCMA", 8, alawTables) }
