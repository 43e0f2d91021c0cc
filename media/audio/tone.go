package audio

import (
	"math"
	"time"
)

// edgeTime is how long a tone takes to come and go, so that it does not click.
const edgeTime = 4 * time.Millisecond

// oscillator makes a sine by turning a vector: two multiplications and no
// look-up for each sample. Its length is put right once a frame.
type oscillator struct {
	re, im, cos, sin float64
}

// set begins a sine. One that the rate cannot carry is silence: it would be heard as
// another.
func (o *oscillator) set(hz float64, rate int) {
	o.sin, o.cos = math.Sincos(2 * math.Pi * hz / float64(rate))
	o.re, o.im = 1, 0
	if 2*hz >= float64(rate) {
		o.re = 0
	}
}

func (o *oscillator) next() float64 {
	o.re, o.im = o.re*o.cos-o.im*o.sin, o.re*o.sin+o.im*o.cos
	return o.im
}

func (o *oscillator) steady() {
	if n := math.Hypot(o.re, o.im); n > 0 {
		o.re, o.im = o.re/n, o.im/n
	}
}

// Tone plays a Cadence. Make one with NewTone.
type Tone struct {
	cadence Cadence
	rate    int
	segment int
	round   int
	at, end int // samples inside the segment; end < 0: for ever
	edge    int
	osc     [2]oscillator
	amp     float64
	ended   bool
}

// NewTone returns a generator of c at rate (Hz), at the start of the pattern.
func NewTone(c Cadence, rate int) *Tone {
	t := &Tone{cadence: c, rate: rate, edge: max(1, int(edgeTime.Seconds()*float64(rate)))}
	t.Reset()
	return t
}

// Reset goes back to the start of the pattern.
func (t *Tone) Reset() {
	t.round, t.segment, t.ended = 0, -1, len(t.cadence.Segments) == 0
	t.next()
}

// Rate is the sample rate in Hz.
func (t *Tone) Rate() int { return t.rate }

// Fill writes the next samples; after the end of a pattern that ends it writes
// zeros. It reports false once the pattern has ended within f or before.
func (t *Tone) Fill(f Frame) bool {
	for len(f) > 0 && !t.ended {
		n := len(f)
		if t.end >= 0 {
			n = min(n, t.end-t.at)
		}
		t.fillSegment(f[:n])
		f = f[n:]
		if t.end >= 0 && t.at >= t.end {
			t.next()
		}
	}
	clear(f)
	return !t.ended
}

func (t *Tone) fillSegment(f Frame) {
	if t.amp == 0 {
		clear(f)
		t.at += len(f)
		return
	}
	two := t.osc[1].sin != 0
	for i := range f {
		v := t.osc[0].next()
		if two {
			v += t.osc[1].next()
		}
		f[i] = Saturate(int32(math.Round(v * t.amp * t.envelope())))
		t.at++
	}
	t.osc[0].steady()
	t.osc[1].steady()
}

// envelope is the factor at the present sample: up over the first edge of the
// segment, down over its last.
func (t *Tone) envelope() float64 {
	e := 1.0
	if t.at < t.edge {
		e = float64(t.at) / float64(t.edge)
	}
	if left := t.end - t.at; t.end >= 0 && left < t.edge {
		e = min(e, float64(left)/float64(t.edge))
	}
	return e
}

func (t *Tone) next() {
	if t.ended {
		return
	}
	t.segment++
	if t.segment >= len(t.cadence.Segments) {
		t.segment = 0
		t.round++
		if t.cadence.Repeat > 0 && t.round >= t.cadence.Repeat {
			t.ended = true
			return
		}
	}
	s := t.cadence.Segments[t.segment]
	t.at, t.end = 0, -1
	if s.Length > 0 {
		t.end = max(1, int(s.Length.Seconds()*float64(t.rate)))
	}
	t.amp = 0
	for i, hz := range s.Hz {
		t.osc[i] = oscillator{re: 1, cos: 1}
		if hz > 0 {
			t.osc[i].set(hz, t.rate)
			t.amp = 32767 * Linear(s.DBFS)
		}
	}
}
