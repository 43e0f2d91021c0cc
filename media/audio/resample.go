package audio

import (
	"fmt"
	"math"
)

// The design of a Resampler's filter: a Kaiser window of 100 dB stop band.
const (
	tapsAtUnity  = 48   // for each output sample when rates go up
	kaiserBeta   = 10.0 // about 100 dB
	cutoffShare  = 0.9  // of the lower Nyquist frequency: the rest is the slope
	maxPhases    = 1024 // more are interpolated between
	maxDownRatio = 64
)

// Resampler turns a stream of samples from one rate into another: a polyphase
// FIR that is computed only for the samples that come out.
type Resampler struct {
	from, to int
	up, down int // to/from, reduced
	phases   int
	taps     int
	table    []float32 // one row of taps for each phase, and one more
	history  []float32
	phase    int // 0..up-1: where the next output lies between two inputs
}

// NewResampler converts from one rate to another, both in Hz. Rates outside
// MinRate to MaxRate are a mistake of the caller and panic; Clip checks them.
func NewResampler(from, to int) *Resampler {
	if from < MinRate || from > MaxRate || to < MinRate || to > MaxRate {
		panic(fmt.Sprintf("resample from %d to %d Hz: rates must be %d to %d", from, to, MinRate, MaxRate))
	}
	g := gcd(from, to)
	r := &Resampler{from: from, to: to, up: to / g, down: from / g}
	if r.up == r.down {
		return r
	}
	r.phases = min(r.up, maxPhases)
	ratio := min(max(1, float64(from)/float64(to)), maxDownRatio)
	r.taps = (int(math.Ceil(tapsAtUnity*ratio)) + 3) / 4 * 4
	r.history = make([]float32, r.taps)
	r.design()
	return r
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// design fills the table: row p is the filter for an output that lies p/phases
// of an input sample behind the middle of the history.
func (r *Resampler) design() {
	cutoff := cutoffShare * math.Min(1, float64(r.to)/float64(r.from))
	half := float64(r.taps) / 2
	norm := bessel(kaiserBeta)
	r.table = make([]float32, (r.phases+1)*r.taps)
	for p := 0; p <= r.phases; p++ {
		row := r.table[p*r.taps : (p+1)*r.taps]
		sum := 0.0
		values := make([]float64, r.taps)
		for k := range values {
			x := float64(k) - half + 1 - float64(p)/float64(r.phases)
			values[k] = cutoff * sinc(cutoff*x) * kaiserWindow(x/half, kaiserBeta, norm)
			sum += values[k]
		}
		for k, v := range values {
			row[k] = float32(v / sum)
		}
	}
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiserWindow at x of -1 to 1; norm is bessel(beta).
func kaiserWindow(x, beta, norm float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(beta*math.Sqrt(1-x*x)) / norm
}

// bessel is the modified Bessel function of order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1; term > 1e-12*sum; k++ {
		term *= x / 2 / float64(k) * (x / 2 / float64(k))
		sum += term
	}
	return sum
}

// Reset forgets what went through.
func (r *Resampler) Reset() {
	clear(r.history)
	r.phase = 0
}

// Process appends to dst what src becomes. 20 ms in are 20 ms out, exactly,
// where the rates allow; the filter delays by half its length (3 ms at 8 kHz).
func (r *Resampler) Process(dst, src []int16) []int16 {
	if r.up == r.down {
		return append(dst, src...)
	}
	old := len(r.history)
	for _, s := range src {
		r.history = append(r.history, float32(s))
	}
	for i := range src {
		window := r.history[i+1 : i+1+r.taps]
		for ; r.phase < r.up; r.phase += r.down {
			dst = append(dst, r.filter(window))
		}
		r.phase -= r.up
	}
	r.history = r.history[:copy(r.history, r.history[len(r.history)-old:])]
	return dst
}

// filter is the output sample at the present phase.
func (r *Resampler) filter(window []float32) int16 {
	if r.phases == r.up {
		return narrow(dot(r.table[r.phase*r.taps:(r.phase+1)*r.taps], window))
	}
	place := float64(r.phase) * float64(r.phases) / float64(r.up)
	row := int(place)
	low := dot(r.table[row*r.taps:(row+1)*r.taps], window)
	high := dot(r.table[(row+1)*r.taps:(row+2)*r.taps], window)
	return narrow(low + (high-low)*float32(place-float64(row)))
}

func narrow(v float32) int16 {
	if v >= 0 {
		return Saturate(int32(v + 0.5))
	}
	return Saturate(int32(v - 0.5))
}

// dot multiplies in four lanes, which is what the processor can do at once.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	return s0 + s1 + s2 + s3
}
