package quality

import (
	"math"
	"math/rand/v2"
	"time"

	"ringback/media/audio"
)

// sound is one part of a syllable.
type sound struct {
	formants [3]float64 // Hz
	voiced   float64    // share of the voice; the rest is breath
	level    float64
	length   time.Duration
}

// vowels and consonants as far as a codec cares.
var (
	vowels = [...][3]float64{{730, 1090, 2440}, {270, 2290, 3010}, {300, 870, 2240}, {530, 1840, 2480}, {570, 840, 2410}, {660, 1720, 2410}}
	hisses = [...][3]float64{{4500, 6500, 7500}, {2500, 3500, 5500}, {1500, 3000, 6800}}
	nasals = [...][3]float64{{250, 1100, 2200}, {280, 1600, 2500}}
)

// resonance is a two-pole filter.
type resonance struct{ a, b, g, y1, y2 float64 }

func (r *resonance) tune(hz, width float64, rate int) {
	radius := math.Exp(-math.Pi * width / float64(rate))
	r.a, r.b = 2*radius*math.Cos(2*math.Pi*hz/float64(rate)), -radius*radius
	r.g = 1 - radius
	if 2*hz > 0.95*float64(rate) {
		r.g = 0 // the rate does not carry it
	}
}

func (r *resonance) next(x float64) float64 {
	y := r.g*x + r.a*r.y1 + r.b*r.y2
	r.y1, r.y2 = y, r.y1
	return y
}

// voice is what speaks.
type voice struct {
	rate    int
	rng     *rand.Rand
	pitch   float64
	phase   float64
	filters [3]resonance
	level   float64
	hum     float64
}

// Speech is a signal like speech at rate (Hz), of that length: at -22 dBFS where it
// speaks, with pauses of 150 to 500 ms between phrases. Equal seeds give equal signals.
func Speech(seed uint64, rate int, length time.Duration) []int16 {
	v := &voice{rate: rate, rng: rand.New(rand.NewPCG(seed, 7)), pitch: 110 + 30*float64(seed%4)}
	total := int(length.Seconds() * float64(rate))
	out := make([]float64, 0, total+rate)
	for len(out) < total {
		for range 3 + v.rng.IntN(6) {
			for _, s := range v.syllable() {
				out = v.say(out, s)
			}
		}
		pause := 150 + v.rng.IntN(350)
		out = v.say(out, sound{formants: vowels[0], length: time.Duration(pause) * time.Millisecond})
	}
	return scaled(out[:total])
}

func (v *voice) syllable() []sound {
	ms := func(least, more int) time.Duration { return time.Duration(least+v.rng.IntN(more)) * time.Millisecond }
	var parts []sound
	switch v.rng.IntN(4) {
	case 0, 1:
		parts = append(parts, sound{hisses[v.rng.IntN(len(hisses))], 0, 0.35, ms(50, 60)})
	case 2:
		parts = append(parts, sound{nasals[v.rng.IntN(len(nasals))], 1, 0.4, ms(50, 40)})
	case 3:
		parts = append(parts, sound{vowels[0], 0, 0, ms(20, 30)}, sound{hisses[1], 0, 0.6, ms(8, 10)})
	}
	return append(parts, sound{vowels[v.rng.IntN(len(vowels))], 0.97, 1, ms(90, 130)})
}

// say appends one sound; formants, pitch and level glide there within it.
func (v *voice) say(out []float64, s sound) []float64 {
	n := int(s.length.Seconds() * float64(v.rate))
	goal := min(max(v.pitch*(0.9+0.2*v.rng.Float64()), 85), 240)
	glide := 1 - math.Exp(-1/(0.008*float64(v.rate)))
	for k := range v.filters {
		v.filters[k].tune(s.formants[k], 60+40*float64(k)+0.03*s.formants[k], v.rate)
	}
	for range n {
		v.pitch += (goal - v.pitch) / float64(n)
		v.level += (s.level - v.level) * glide
		v.phase += v.pitch / float64(v.rate)
		pulse := 0.0
		if v.phase >= 1 {
			v.phase -= 1
			pulse = math.Sqrt(float64(v.rate) / v.pitch)
		}
		v.hum += 0.25 * (pulse - v.hum) * 16000 / float64(v.rate)
		x := s.voiced*v.hum*2 + (1-s.voiced)*v.rng.NormFloat64()
		y := 0.0
		for k := range v.filters {
			y += v.filters[k].next(x) * [...]float64{1, 0.7, 0.5}[k]
		}
		out = append(out, y*v.level)
	}
	return out
}

// scaled brings what speaks to -22 dBFS.
func scaled(x []float64) []int16 {
	power, n := 0.0, 0
	for _, v := range x {
		if math.Abs(v) > 1e-4 {
			power, n = power+v*v, n+1
		}
	}
	gain := 32767 / math.Sqrt2 * audio.Linear(-22) / math.Sqrt(power/float64(max(1, n)))
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = audio.Saturate(int32(math.Round(v * gain)))
	}
	return out
}
