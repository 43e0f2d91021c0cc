package codec

import (
	"fmt"
	"time"

	"ringback/media/audio"
)

// raw is L16: samples in network byte order (RFC 3551 section 4.5.11).
type raw struct{}

// Encode implements Encoder: two bytes a sample.
func (raw) Encode(dst []byte, pcm audio.Frame) ([]byte, error) {
	for _, s := range pcm {
		dst = append(dst, byte(uint16(s)>>8), byte(s))
	}
	return dst, nil
}

// Decode implements Decoder: one sample in two bytes.
func (raw) Decode(dst audio.Frame, payload []byte) (audio.Frame, error) {
	if len(payload) > MaxPayload || len(payload)%2 != 0 {
		return dst, fmt.Errorf("decode L16 of %d bytes: %w", len(payload), ErrPayload)
	}
	for i := 0; i < len(payload); i += 2 {
		dst = append(dst, int16(uint16(payload[i])<<8|uint16(payload[i+1])))
	}
	return dst, nil
}

// Measure implements Measurer.
func (raw) Measure(payload []byte) (samples int, sum, most int64, err error) {
	if len(payload) > MaxPayload || len(payload)%2 != 0 {
		return 0, 0, 0, fmt.Errorf("measure L16 of %d bytes: %w", len(payload), ErrPayload)
	}
	for i := 0; i < len(payload); i += 2 {
		s := int64(int16(uint16(payload[i])<<8 | uint16(payload[i+1])))
		sum += s * s
		most = max(most, s*s)
	}
	return len(payload) / 2, sum, most, nil
}

// linear is L16 at a rate (Hz), which no static payload type has for one channel
// but 44,100. Its packets end where one datagram does.
func linear(rate int) Codec {
	c := Codec{
		Name: "L16", PayloadType: 118, ClockRate: rate, SampleRate: rate, Channels: 1, OnRequest: true, Memoryless: true,
		Ptime: 20 * time.Millisecond, MOSLoss: 25.1, MOSImpair: 0,
		newEncoder: func() Encoder { return raw{} },
		newDecoder: func() Decoder { return raw{} },
	}
	for _, ms := range []int{10, 20, 30, 40, 50, 60} {
		if ms*rate/1000*2 <= MaxPayload {
			c.Ptimes = append(c.Ptimes, time.Duration(ms)*time.Millisecond)
		}
	}
	return c
}
