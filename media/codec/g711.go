package codec

import (
	"fmt"
	"slices"
	"sync"

	"ringback/media/audio"

	"time"
)

// law is one of the two G.711 laws as tables: 256 samples one way, 64 k bytes
// the other, which is faster than looking for the highest bit; and the squares of the samples.
type law struct {
	expand   [256]int16
	squares  [256]uint32
	compress [65536]byte
}

func newLaw(expand func(byte) int16, compress func(int16) byte) *law {
	l := new(law)
	for i := range l.expand {
		s := expand(byte(i))
		l.expand[i], l.squares[i] = s, uint32(int32(s)*int32(s))
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
	var s0, s1 int64 // two sums side by side take less than the time of one
	var m0, m1 uint32
	n := len(payload) &^ 1
	for i := 0; i < n; i += 2 {
		pair := payload[i : i+2 : i+2]
		a, b := l.squares[pair[0]], l.squares[pair[1]]
		s0, s1 = s0+int64(a), s1+int64(b)
		m0, m1 = max(m0, a), max(m1, b)
	}
	if n < len(payload) {
		a := l.squares[payload[n]]
		s0, m0 = s0+int64(a), max(m0, a)
	}
	return len(payload), s0 + s1, int64(max(m0, m1)), nil
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
