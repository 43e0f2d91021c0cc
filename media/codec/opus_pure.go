//go:build !opus || !cgo

package codec

import (
	"fmt"
	"slices"

	pion "github.com/pion/opus"

	"ringback/media/audio"
)

// opusEncoders: there is no encoder in pure Go, hence nothing to send with.
func opusEncoders() func() Encoder { return nil }

type opusDecoder struct {
	lib pion.Decoder
	err error
}

func newOpusDecoder() Decoder {
	d := new(opusDecoder)
	d.lib, d.err = pion.NewDecoderWithOutput(audio.Rate48k, 1)
	return d
}

// Decode implements Decoder. Whatever a payload does to the decoder ends with it.
func (d *opusDecoder) Decode(dst audio.Frame, payload []byte) (out audio.Frame, err error) {
	if d.err != nil {
		return dst, d.err
	}
	if len(payload) == 0 || len(payload) > MaxPayload {
		return dst, fmt.Errorf("decode opus of %d bytes: %w", len(payload), ErrPayload)
	}
	defer func() {
		if cause := recover(); cause != nil {
			d.lib, d.err = pion.NewDecoderWithOutput(audio.Rate48k, 1)
			out, err = dst, fmt.Errorf("decode opus: %w: %v", ErrPayload, cause)
		}
	}()
	grown := slices.Grow(dst, mostOpusSamples)
	n, err := d.lib.DecodeToInt16(payload, grown[len(dst):][:mostOpusSamples:mostOpusSamples])
	if err != nil {
		return dst, fmt.Errorf("decode opus: %w: %w", ErrPayload, err)
	}
	return grown[:len(dst)+n], nil
}
