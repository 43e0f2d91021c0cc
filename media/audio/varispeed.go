package audio

import (
	"math"
	"sync"
)

// The design of a Varispeed's filter: a Kaiser window of 70 dB stop band. What lies
// between two rows of the table is interpolated, which is another 90 dB down.
const (
	variTaps   = 32
	variPhases = 256
	variBeta   = 7.0
	variHalf   = variTaps / 2
)

// Varispeed plays a stream a little faster or slower, as a tape does, by any amount and
// without a step when that changes: for two clocks that differ by parts in a million. It
// is flat up to 0.43 of the sample rate and delays by VarispeedDelay samples.
type Varispeed struct {
	table   []float32 // one row of taps for each phase, and one more
	history []float32 // the last variTaps samples
	place   uint64    // of the next output behind the middle of the history, in 1/2^32 samples: from 2^32 on it wants another sample
}

// VarispeedDelay is how many samples later a Varispeed gives what it was given: 2 ms at 8 kHz.
const VarispeedDelay = variHalf

// one is a sample in the units of Varispeed.place.
const one = 1 << 32

// NewVarispeed works at any rate.
func NewVarispeed() *Varispeed {
	return &Varispeed{table: varispeedTable(), history: make([]float32, variTaps), place: one}
}

// varispeedTable is the same for all: 33 kB and a millisecond, of which a load test's thousand
// headsets have two each.
var varispeedTable = sync.OnceValue(func() []float32 {
	table, norm := make([]float32, (variPhases+1)*variTaps), bessel(variBeta)
	for p := 0; p <= variPhases; p++ {
		row, sum := table[p*variTaps:(p+1)*variTaps], 0.0
		var values [variTaps]float64
		for k := range values {
			x := float64(k) - variHalf + 1 - float64(p)/variPhases
			values[k] = sinc(x) * kaiserWindow(x/variHalf, variBeta, norm)
			sum += values[k]
		}
		for k, value := range values {
			row[k] = float32(value / sum)
		}
	}
	return table
})

// pitch is speed in the units of place. A speed is what is taken for each sample that
// comes out: 1.0005 plays 500 parts in a million faster. Sensible are 0.5 to 2.
func pitch(speed float64) uint64 { return uint64(math.Round(min(max(speed, 0.5), 2) * one)) }

// Need is how many samples Fill wants so that n come out at that speed.
func (v *Varispeed) Need(n int, speed float64) int {
	if n <= 0 {
		return 0
	}
	return int((v.place + uint64(n-1)*pitch(speed)) / one)
}

// Fill fills dst from src, which holds as many samples as Need says.
func (v *Varispeed) Fill(dst, src []int16, speed float64) {
	v.take(src)
	step, at := pitch(speed), 0
	for i := range dst {
		for ; v.place >= one; v.place -= one {
			at++
		}
		dst[i] = v.between(v.history[at : at+variTaps])
		v.place += step
	}
	v.forget()
}

// Process appends to dst what src becomes at that speed.
func (v *Varispeed) Process(dst, src []int16, speed float64) []int16 {
	v.take(src)
	step, at := pitch(speed), 0
	for {
		for ; v.place < one; v.place += step {
			dst = append(dst, v.between(v.history[at:at+variTaps]))
		}
		if at == len(src) {
			break
		}
		at++
		v.place -= one
	}
	v.forget()
	return dst
}

// take puts src behind the history, in which the window of the last output begins at 0.
func (v *Varispeed) take(src []int16) {
	for _, s := range src {
		v.history = append(v.history, float32(s))
	}
}

func (v *Varispeed) forget() {
	v.history = v.history[:copy(v.history, v.history[len(v.history)-variTaps:])]
}

// between is the output at the present place.
func (v *Varispeed) between(window []float32) int16 {
	at := v.place * variPhases
	row, share := int(at/one), float32(at%one)/one
	low := dot(v.table[row*variTaps:(row+1)*variTaps], window)
	if share == 0 {
		return narrow(low)
	}
	high := dot(v.table[(row+1)*variTaps:(row+2)*variTaps], window)
	return narrow(low + (high-low)*share)
}
