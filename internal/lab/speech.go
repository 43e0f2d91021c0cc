package lab

import (
	"math"
	"time"
)

// vowel is two formants and how long it is spoken.
type vowel struct {
	first, second float64 // Hz; 0: a pause
	length        time.Duration
}

// sentence is what a speaking party says over and over: syllables at the pace of
// speech, with the pauses between words by which speech is told from a tone.
func sentence() []vowel {
	ms := time.Millisecond
	return []vowel{
		{730, 1090, 160 * ms}, {270, 2290, 120 * ms}, {0, 0, 40 * ms}, {570, 840, 180 * ms}, {530, 1840, 120 * ms}, {0, 0, 120 * ms},
		{300, 870, 150 * ms}, {660, 1720, 110 * ms}, {730, 1090, 140 * ms}, {0, 0, 60 * ms}, {490, 1350, 200 * ms}, {0, 0, 350 * ms},
	}
}

// synthesise renders one sentence as 16-bit samples: a glottal pulse train of 118
// Hz through two resonators per vowel.
func synthesise(rate int) []int16 {
	var out []int16
	var a, b resonator
	phase := 0.0
	for _, v := range sentence() {
		n := int(v.length.Seconds() * float64(rate))
		for i := range n {
			pulse := 0.0
			if phase += 118 / float64(rate); phase >= 1 {
				phase--
				pulse = 1
			}
			if v.first == 0 {
				pulse = 0
			}
			a.tune(max(v.first, 300), 90, rate)
			b.tune(max(v.second, 900), 110, rate)
			rise := min(1, float64(min(i, n-i))/(0.015*float64(rate)))
			sample := (a.pass(pulse) + 0.6*b.pass(pulse)) * rise * 9000
			out = append(out, int16(max(-30000, min(30000, sample))))
		}
	}
	return out
}

// resonator is a two-pole filter with a peak at one frequency.
type resonator struct{ k1, k2, gain, y1, y2 float64 }

func (r *resonator) tune(hz, width float64, rate int) {
	radius := math.Exp(-math.Pi * width / float64(rate))
	r.k1 = 2 * radius * math.Cos(2*math.Pi*hz/float64(rate))
	r.k2 = -radius * radius
	r.gain = (1 - radius) * 4
}

func (r *resonator) pass(x float64) float64 {
	y := r.gain*x + r.k1*r.y1 + r.k2*r.y2
	r.y2, r.y1 = r.y1, y
	return y
}
