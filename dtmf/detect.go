package dtmf

import (
	"math"
	"time"
)

// What a digit has to be like (ITU-T Q.24, with room for codecs).
const (
	blockTime   = 12750 * time.Microsecond // 102 samples at 8 kHz: tells neighbours apart, halves a 40 ms digit safely
	hitsToPress = 2                        // blocks in a row
	missToEnd   = 2

	minTone      = -36.0 // dBFS of the weaker tone
	normalTwist  = 9.0   // dB that the column may be louder
	reverseTwist = 6.0   // dB that the row may be louder
	aboveOthers  = 8.0   // dB of each tone above the others of its group
	ofEnergy     = 0.70  // part of the block's energy that both tones make up
)

// Detector hears DTMF digits in samples (ITU-T Q.24): both tones loud enough,
// of like level (twist), above the other tones of their group, and most of the
// sound. Not safe for concurrent use.
type Detector struct {
	rate  int
	block []float64
	fill  int
	coeff [8]float64

	held   Digit
	last   Digit
	hits   int
	misses int
	blocks int // of the held digit
}

// NewDetector returns a detector for samples at rate per second (8000 to 48000;
// 8000 where it is lower).
func NewDetector(rate int) *Detector {
	rate = max(rate, defaultClock)
	n := int(int64(blockTime) * int64(rate) / int64(time.Second))
	d := &Detector{rate: rate, block: make([]float64, n)}
	for i := range 4 {
		d.coeff[i] = 2 * math.Cos(2*math.Pi*rows[i]/float64(rate))
		d.coeff[4+i] = 2 * math.Cos(2*math.Pi*columns[i]/float64(rate))
	}
	return d
}

// Write takes any number of samples and appends what they reveal to dst.
func (d *Detector) Write(dst []Heard, samples []int16) []Heard {
	for _, s := range samples {
		d.block[d.fill] = float64(s) / math.MaxInt16
		if d.fill++; d.fill == len(d.block) {
			d.fill = 0
			dst = d.step(dst, d.classify())
		}
	}
	return dst
}

// step takes the verdict on one block: a digit, or 0.
func (d *Detector) step(dst []Heard, now Digit) []Heard {
	if now != 0 && now == d.last {
		d.hits++
	} else {
		d.last, d.hits = now, min(int(now), 1)
	}
	if d.held != 0 {
		d.blocks++
		if now == d.held {
			d.misses = 0
		} else if d.misses++; d.misses >= missToEnd || d.hits >= hitsToPress {
			dst = d.release(dst)
		}
	}
	if d.held == 0 && d.hits == hitsToPress {
		d.held, d.misses, d.blocks = now, 0, hitsToPress
		dst = append(dst, Heard{Digit: now, Phase: Pressed})
	}
	return dst
}

func (d *Detector) release(dst []Heard) []Heard {
	dst = append(dst, Heard{
		Digit: d.held, Phase: Released,
		Duration: time.Duration(d.blocks-d.misses) * blockTime,
	})
	d.held = 0
	return dst
}

// classify says which digit a full block holds, or 0.
func (d *Detector) classify() Digit {
	energy := 0.0
	for _, x := range d.block {
		energy += x * x
	}
	n := float64(len(d.block))
	if energy/n < 1e-6 {
		return 0
	}
	var power [8]float64 // mean square of the tone
	for i, c := range d.coeff {
		power[i] = goertzel(d.block, c) * 2 / (n * n)
	}
	row, rowNext := loudest(power[:4])
	column, columnNext := loudest(power[4:])
	pr, pc := power[row], power[4+column]
	floor := decibel(minTone) / 2 // mean square of a sine at that level
	switch {
	case pr < floor || pc < floor:
	case pc > pr*decibel(normalTwist) || pr > pc*decibel(reverseTwist):
	case pr < rowNext*decibel(aboveOthers) || pc < columnNext*decibel(aboveOthers):
	case (pr+pc)*n < ofEnergy*energy:
	default:
		return Digit(matrix[row*4+column])
	}
	return 0
}

// goertzel is the squared magnitude of the block at one frequency.
func goertzel(block []float64, coeff float64) float64 {
	var s1, s2 float64
	for _, x := range block {
		s1, s2 = x+coeff*s1-s2, s1
	}
	return s1*s1 + s2*s2 - coeff*s1*s2
}

// loudest returns the place of the greatest power and the second greatest power.
func loudest(power []float64) (at int, next float64) {
	for i, p := range power {
		if p > power[at] {
			at = i
		}
	}
	for i, p := range power {
		if i != at {
			next = max(next, p)
		}
	}
	return at, next
}

func decibel(db float64) float64 { return math.Pow(10, db/10) }
