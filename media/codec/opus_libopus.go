//go:build opus && cgo

package codec

import (
	"fmt"
	"slices"

	libopus "github.com/hraban/opus"

	"ringback/media/audio"
)

// leastOpus is the step in which libopus makes sound up: 2.5 ms at 48 kHz.
const leastOpus = 120

type opusEncoder struct {
	lib *libopus.Encoder
	err error
	fec bool
}

func opusEncoders() func() Encoder { return newOpusEncoder }

func newOpusEncoder() Encoder {
	e := new(opusEncoder)
	if e.lib, e.err = libopus.NewEncoder(audio.Rate48k, 1, libopus.AppVoIP); e.err == nil {
		e.err = e.Tune(OpusConfig{}, "")
	}
	return e
}

// Encode implements Encoder. In a pause that need not be sent (RFC 7587 section
// 3.1.3) it appends nothing.
func (e *opusEncoder) Encode(dst []byte, pcm audio.Frame) ([]byte, error) {
	if e.err != nil {
		return dst, e.err
	}
	dst = slices.Grow(dst, mostOpusBytes)
	n, err := e.lib.Encode(pcm, dst[len(dst):][:mostOpusBytes:mostOpusBytes])
	if err != nil {
		return dst, fmt.Errorf("encode opus: %w", err)
	}
	if n <= 2 {
		return dst, nil
	}
	return dst[:len(dst)+n], nil
}

// Tune implements Tuner.
func (e *opusEncoder) Tune(cfg OpusConfig, fmtp string) error {
	if e.err != nil {
		return e.err
	}
	wish := parseOpus(fmtp)
	cfg = cfg.within(wish)
	e.fec = !cfg.NoFEC
	for _, err := range []error{
		e.lib.SetBitrate(cfg.BitRate), e.lib.SetComplexity(cfg.Complexity), e.lib.SetInBandFEC(e.fec),
		e.lib.SetDTX(cfg.DTX), e.lib.SetVBR(!cfg.CBR), e.lib.SetMaxBandwidth(bandwidth(wish.playback)),
	} {
		if err != nil {
			return fmt.Errorf("tune opus to %+v: %w", cfg, err)
		}
	}
	return nil
}

// bandwidth is the widest that a rate (Hz) can play.
func bandwidth(rate int) libopus.Bandwidth {
	switch {
	case rate < 12000:
		return libopus.Narrowband
	case rate < audio.Rate16k:
		return libopus.Mediumband
	case rate < 24000:
		return libopus.Wideband
	case rate < audio.Rate48k:
		return libopus.SuperWideband
	}
	return libopus.Fullband
}

// Losing implements Tuner: it is what in-band FEC is worth its bits for.
func (e *opusEncoder) Losing(share float64) error {
	if e.err != nil || !e.fec {
		return e.err
	}
	return e.lib.SetPacketLossPerc(int(100*min(max(share, 0), 1) + 0.5))
}

type opusDecoder struct {
	lib *libopus.Decoder
	err error
}

func newOpusDecoder() Decoder {
	d := new(opusDecoder)
	d.lib, d.err = libopus.NewDecoder(audio.Rate48k, 1)
	return d
}

// Decode implements Decoder.
func (d *opusDecoder) Decode(dst audio.Frame, payload []byte) (audio.Frame, error) {
	if d.err != nil {
		return dst, d.err
	}
	if len(payload) == 0 || len(payload) > MaxPayload {
		return dst, fmt.Errorf("decode opus of %d bytes: %w", len(payload), ErrPayload)
	}
	dst = slices.Grow(dst, mostOpusSamples)
	n, err := d.lib.Decode(payload, dst[len(dst):][:mostOpusSamples:mostOpusSamples])
	if err != nil {
		return dst, fmt.Errorf("decode opus: %w: %w", ErrPayload, err)
	}
	return dst[:len(dst)+n], nil
}

// Hide implements Hider: by the copy in the next packet, or by going on as it was.
func (d *opusDecoder) Hide(dst audio.Frame, samples int, next []byte) (audio.Frame, error) {
	if d.err != nil {
		return dst, d.err
	}
	if samples < leastOpus || samples%leastOpus != 0 || samples > mostOpusSamples {
		return dst, fmt.Errorf("hide %d samples: opus does so in steps of %d: %w", samples, leastOpus, ErrPayload)
	}
	dst = slices.Grow(dst, samples)
	out := dst[len(dst):][:samples:samples]
	var err error
	if len(next) > 0 {
		err = d.lib.DecodeFEC(next, out)
	} else {
		err = d.lib.DecodePLC(out)
	}
	if err != nil {
		return dst, fmt.Errorf("hide lost opus: %w", err)
	}
	return dst[:len(dst)+samples], nil
}
