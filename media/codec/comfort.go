package codec

import (
	"math"
	"math/rand/v2"

	"ringback/media/audio"
)

// Comfort noise (RFC 3389) is a level and the shape of a spectrum at 8 kHz.
const (
	ComfortNoiseType = 13 // its static payload type (section 4)
	comfortOrder     = 8  // reflection coefficients that are sent
	mostComfort      = 16 // and that are heard
	silentComfort    = 127
)

// Noise plays comfort noise. It starts silent.
type Noise struct {
	rng    *rand.Rand
	drive  float64 // of the excitation
	k      [mostComfort]float64
	back   [mostComfort + 1]float64
	order  int
	toRate *audio.Resampler
	narrow []int16
	wide   []int16
}

// NewNoise plays at rate (Hz): the noise of a telephone's band, whatever the rate.
func NewNoise(rate int) *Noise {
	n := &Noise{rng: rand.New(rand.NewPCG(rand.Uint64(), 1)), narrow: make([]int16, audio.FrameSamples(audio.Rate8k))}
	if rate != audio.Rate8k {
		n.toRate = audio.NewResampler(audio.Rate8k, rate)
	}
	return n
}

// Hear takes a payload (section 3). An empty one changes nothing.
func (n *Noise) Hear(payload []byte) {
	if len(payload) == 0 {
		return
	}
	power := 1.0
	n.order = min(len(payload)-1, mostComfort)
	for i := range n.order {
		n.k[i] = min(max((float64(payload[1+i])-127)/127, -0.98), 0.98)
		power *= 1 - n.k[i]*n.k[i]
	}
	level := payload[0] & 0x7F
	n.drive = 0
	if level < silentComfort {
		n.drive = 32767 * math.Pow(10, -float64(level)/20) * math.Sqrt(power)
	}
}

// Add puts the noise on top of f, which is 20 ms or less.
func (n *Noise) Add(f audio.Frame) {
	if n.drive == 0 {
		return
	}
	if n.toRate == nil {
		for i := range f {
			f[i] = audio.Saturate(int32(f[i]) + int32(n.next()))
		}
		return
	}
	for len(n.wide) < len(f) {
		for i := range n.narrow {
			n.narrow[i] = n.next()
		}
		n.wide = n.toRate.Process(n.wide, n.narrow)
	}
	for i := range f {
		f[i] = audio.Saturate(int32(f[i]) + int32(n.wide[i]))
	}
	n.wide = n.wide[:copy(n.wide, n.wide[len(f):])]
}

// next is one sample of white noise through the all-pole lattice of the coefficients.
func (n *Noise) next() int16 {
	y := n.drive * n.rng.NormFloat64()
	for m := n.order - 1; m >= 0; m-- {
		y -= n.k[m] * n.back[m]
		n.back[m+1] = n.back[m] + n.k[m]*y
	}
	n.back[0] = y
	return audio.Saturate(int32(y))
}

// DescribeNoise appends the payload that describes f, which is noise at 8 kHz, 20 ms or
// more of it.
func DescribeNoise(dst []byte, f audio.Frame) []byte {
	var r, refl [comfortOrder + 1]float64
	for lag := range r {
		for i := lag; i < len(f); i++ {
			r[lag] += float64(f[i]) * float64(f[i-lag])
		}
	}
	level := silentComfort
	if r[0] > 0 {
		level = min(max(int(math.Round(-20*math.Log10(math.Sqrt(r[0]/float64(len(f)))/32767))), 0), silentComfort)
	}
	dst = append(dst, byte(level))
	r[0] = r[0]*1.001 + 1
	levinson(r[:], refl[:])
	for _, k := range refl[1:] {
		dst = append(dst, byte(min(max(math.Round(127*k), -127), 127)+127))
	}
	return dst
}

// levinson turns autocorrelations into reflection coefficients, refl[1] and on.
func levinson(r, refl []float64) {
	var a, next [comfortOrder + 1]float64
	err := r[0]
	for m := 1; m < len(r); m++ {
		sum := r[m]
		for i := 1; i < m; i++ {
			sum += a[i] * r[m-i]
		}
		k := -sum / err
		refl[m] = k
		for i := 1; i < m; i++ {
			next[i] = a[i] + k*a[m-i]
		}
		next[m] = k
		copy(a[1:m+1], next[1:m+1])
		err *= 1 - k*k
	}
}
