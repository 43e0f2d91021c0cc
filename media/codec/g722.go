package codec

import (
	"fmt"
	"time"

	"ringback/media/audio"
)

// g722 is 7 kHz audio in 64 kbit/s (ITU-T G.722, mode 1). RTP counts it at 8000
// though it samples at 16000: "this error is retained for backward compatibility"
// (RFC 3551 4.5.2). Its robustness against loss is taken to be that of G.711 with the
// same concealment, and its MOS stays on the scale of narrow-band calls.
func g722() Codec {
	return Codec{
		Name: "G722", PayloadType: 9, ClockRate: 8000, SampleRate: audio.Rate16k, Channels: 1,
		Ptime: 20 * time.Millisecond, MOSLoss: 10, MOSImpair: 13, // see doc.go
		newEncoder: func() Encoder { return newG722Encoder() },
		newDecoder: func() Decoder { return newG722Decoder() },
	}
}

// Bounds of the logarithmic scale factors (G.722 block 3L and 3H), and what both
// sides begin with.
const (
	lowScaleMost, lowScaleFirst   = 18432, 32
	highScaleMost, highScaleFirst = 22528, 8
)

// saturated narrows to 16 bits, which the text asks of most sums.
func saturated(v int32) int32 { return min(max(v, -32768), 32767) }

// limited is block LIMIT: what is put together again has 15 bits.
func limited(v int32) int32 { return min(max(v, -16384), 16383) }

// band is one sub-band of either side: its predictor (block 4) and its scale
// factor (block 3). Index 0 of the delays is the newest.
type band struct {
	estimate int32    // S, the predictor's output
	zeros    int32    // SZ, the part of the zeros section in it
	r        [2]int32 // reconstructed signal
	p        [2]int32 // partially reconstructed signal
	d        [6]int32 // quantised difference
	a        [2]int32 // coefficients of the poles
	b        [6]int32 // of the zeros
	scale    int32    // NB, logarithmic
	step     int32    // DET, the quantiser's step
}

// rescale is blocks LOGSCL/LOGSCH and SCALEL/SCALEH: the step follows how large the
// codes are. shift is 8 in the lower and 10 in the higher band.
func (s *band) rescale(weight, most, shift int32) {
	s.scale = min(max(s.scale*127>>7+weight, 0), most)
	mantissa := ilb[s.scale>>6&31]
	if n := shift - s.scale>>11; n < 0 {
		s.step = mantissa << -n << 2
	} else {
		s.step = mantissa >> n << 2
	}
}

// adapt is block 4: the predictor learns from the quantised difference, and
// estimates the next sample.
func (s *band) adapt(difference int32) {
	r := saturated(s.estimate + difference) // RECONS
	p := saturated(s.zeros + difference)    // PARREC
	a0, a1 := s.poles(p)
	s.learnZeros(difference)
	s.a = [2]int32{a0, a1}
	s.r = [2]int32{r, s.r[0]} // DELAYA
	s.p = [2]int32{p, s.p[0]}
	poles := saturated(a0*saturated(r+r)>>15 + a1*saturated(s.r[1]+s.r[1])>>15) // FILTEP
	s.estimate = saturated(poles + s.zeros)                                     // PREDIC
}

// poles is blocks UPPOL2 and UPPOL1: the new coefficients of the poles.
func (s *band) poles(p int32) (a0, a1 int32) {
	same0, same1 := p>>15 == s.p[0]>>15, p>>15 == s.p[1]>>15
	lean := saturated(s.a[0] << 2)
	if same0 {
		lean = min(-lean, 32767)
	}
	a1 = lean>>7 - 128
	if same1 {
		a1 += 256
	}
	a1 = min(max(a1+s.a[1]*32512>>15, -12288), 12288)
	a0 = s.a[0] * 32640 >> 15
	if same0 {
		a0 += 192
	} else {
		a0 -= 192
	}
	most := saturated(15360 - a1)
	return min(max(saturated(a0), -most), most), a1
}

// learnZeros is blocks UPZERO, DELAYA and FILTEZ: the coefficients of the zeros
// learn from the difference, which then is the newest, and their sum is made.
func (s *band) learnZeros(difference int32) {
	gain := int32(128)
	if difference == 0 {
		gain = 0
	}
	for i, b := range s.b {
		other := (s.d[i] ^ difference) >> 31 // -1 where the signs differ, else 0
		s.b[i] = saturated(b*32640>>15 + (gain ^ other) - other)
	}
	copy(s.d[1:], s.d[:])
	s.d[0] = difference
	s.zeros = 0
	for i, b := range s.b {
		s.zeros += b * saturated(s.d[i]+s.d[i]) >> 15
	}
	s.zeros = saturated(s.zeros)
}

// codec722 is what both directions keep.
type codec722 struct {
	low, high band
	history   [24]int32 // of the quadrature mirror filter, oldest first
}

func new722() codec722 {
	return codec722{low: band{step: lowScaleFirst}, high: band{step: highScaleFirst}}
}

// follow adapts both bands to a code, at either side alike.
func (c *codec722) follow(low, high uint8) {
	difference := c.low.step * qm4[low>>2] >> 15 // INVQAL
	c.low.rescale(wl[il4[low>>2]], lowScaleMost, 8)
	c.low.adapt(difference)
	difference = c.high.step * qm2[high] >> 15 // INVQAH
	c.high.rescale(wh[ih2[high]], highScaleMost, 10)
	c.high.adapt(difference)
}

type g722Encoder struct{ codec722 }

func newG722Encoder() *g722Encoder { return &g722Encoder{new722()} }

// Encode implements Encoder: one byte of two samples.
func (e *g722Encoder) Encode(dst []byte, pcm audio.Frame) ([]byte, error) {
	if len(pcm)%2 != 0 {
		return dst, fmt.Errorf("encode g.722 of %d samples: an even number is needed", len(pcm))
	}
	for i := 0; i < len(pcm); i += 2 {
		low, high := e.split(int32(pcm[i]), int32(pcm[i+1]))
		l, h := e.quantiseLow(low), e.quantiseHigh(high)
		e.follow(l, h)
		dst = append(dst, h<<6|l)
	}
	return dst, nil
}

// split is the transmit quadrature mirror filter: two samples become one of each
// band, with 15 bits.
func (e *g722Encoder) split(first, second int32) (low, high int32) {
	h := &e.history
	copy(h[:], h[2:])
	h[22], h[23] = first, second
	var even, odd int32
	for i := 0; i < 24; i += 2 {
		even += qmfTaps[i] * h[i]
		odd += qmfTaps[i+1] * h[i+1]
	}
	return (even + odd) >> 14, (odd - even) >> 14
}

// quantiseLow is blocks SUBTRA and QUANTL.
func (e *g722Encoder) quantiseLow(x int32) uint8 {
	difference := saturated(x - e.low.estimate)
	size := difference
	if difference < 0 {
		size = ^difference
	}
	level, high := int32(1), int32(len(q6))
	for level < high { // to the first one that is above
		if middle := (level + high) / 2; size < q6[middle]<<3*e.low.step>>15 {
			high = middle
		} else {
			level = middle + 1
		}
	}
	if difference < 0 {
		return codeBelow(level)
	}
	return codeAbove(level)
}

// quantiseHigh is blocks SUBTRA and QUANTH.
func (e *g722Encoder) quantiseHigh(x int32) uint8 {
	difference := saturated(x - e.high.estimate)
	size := difference
	if difference < 0 {
		size = ^difference
	}
	large := size >= 564*e.high.step>>12
	switch {
	case difference < 0 && large:
		return 0
	case difference < 0:
		return 1
	case large:
		return 2
	}
	return 3
}

type g722Decoder struct{ codec722 }

func newG722Decoder() *g722Decoder { return &g722Decoder{new722()} }

// Decode implements Decoder: two samples a byte.
func (d *g722Decoder) Decode(dst audio.Frame, payload []byte) (audio.Frame, error) {
	if len(payload) > MaxPayload {
		return dst, fmt.Errorf("decode g.722 of %d bytes: %w", len(payload), ErrPayload)
	}
	for _, code := range payload {
		first, second := d.step(code)
		dst = append(dst, audio.Saturate(first), audio.Saturate(second))
	}
	return dst, nil
}

// step is what a code becomes, not yet narrowed to 16 bits.
func (d *g722Decoder) step(code byte) (first, second int32) {
	l, h := code&63, code>>6
	low := limited(d.low.estimate + d.low.step*qm6[l]>>15)
	high := limited(d.high.estimate + d.high.step*qm2[h]>>15)
	d.follow(l, h)
	return d.join(low, high)
}

// join is the receive quadrature mirror filter: one sample of each band becomes
// two, of 16 bits again.
func (d *g722Decoder) join(low, high int32) (first, second int32) {
	h := &d.history
	copy(h[:], h[2:])
	h[22], h[23] = low+high, low-high
	var sums, differences int32
	for i := 0; i < 24; i += 2 {
		sums += qmfTaps[i] * h[i]
		differences += qmfTaps[i+1] * h[i+1]
	}
	return differences >> 11, sums >> 11
}
