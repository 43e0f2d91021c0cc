package audio

import (
	"math"
	"time"
)

// Goertzel measures the power of one frequency over a Hann-windowed block.
type Goertzel struct {
	coeff float64
	norm  float64
}

// NewGoertzel measures hz at rate over blocks of n samples.
func NewGoertzel(rate int, hz float64, n int) Goertzel {
	sum := float64(n) / 2 // of a Hann window
	return Goertzel{coeff: 2 * math.Cos(2*math.Pi*hz/float64(rate)), norm: 2 / (sum * sum)}
}

// Power is the mean square of the sine at the frequency in a block that was
// multiplied with a Hann window.
func (g Goertzel) Power(windowed []float64) float64 {
	var s1, s2 float64
	for _, x := range windowed {
		s1, s2 = x+g.coeff*s1-s2, s1
	}
	return max(0, (s1*s1+s2*s2-g.coeff*s1*s2)*g.norm)
}

// The rule of a ToneDetector.
const (
	toneBlock   = 40 * time.Millisecond
	toneOn      = 5     // blocks in a row: present for 200 ms
	toneOff     = 2     // blocks in a row: gone
	toneFloor   = -50.0 // dBFS
	tonePurity  = 0.02  // of all power: one of many mixed tones still counts
	toneSlipped = 0.01  // hysteresis
)

// ToneDetector tells which of some frequencies are in a stream of frames: each
// is present once it was heard for 200 ms, and gone after 80 ms without.
type ToneDetector struct {
	hz     []float64
	bins   []Goertzel
	on     []bool
	run    []int
	level  []float64
	window []float64
	block  []float64
	fill   int
	power  float64
}

// NewToneDetector listens for the frequencies hz at rate.
func NewToneDetector(rate int, hz ...float64) *ToneDetector {
	n := int(toneBlock.Seconds() * float64(rate))
	d := &ToneDetector{hz: hz, window: make([]float64, n), block: make([]float64, n)}
	for i := range d.window {
		d.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(n))
	}
	for _, f := range hz {
		d.bins = append(d.bins, NewGoertzel(rate, f, n))
	}
	d.on, d.run, d.level = make([]bool, len(hz)), make([]int, len(hz)), make([]float64, len(hz))
	for i := range d.level {
		d.level[i] = SilenceDBFS
	}
	return d
}

// Add takes a frame of any length and calls changed for each frequency that
// came or went. changed may be nil.
func (d *ToneDetector) Add(f Frame, changed func(hz float64, on bool)) {
	for _, s := range f {
		v := float64(s)
		d.power += v * v
		d.block[d.fill] = v * d.window[d.fill]
		if d.fill++; d.fill == len(d.block) {
			d.measure(changed)
			d.fill, d.power = 0, 0
		}
	}
}

func (d *ToneDetector) measure(changed func(hz float64, on bool)) {
	all := d.power / float64(len(d.block))
	for i, bin := range d.bins {
		p := bin.Power(d.block)
		d.level[i] = PowerDBFS(p)
		share := tonePurity
		if d.on[i] {
			share = toneSlipped
		}
		if heard := d.level[i] > toneFloor && p > share*all; heard == d.on[i] {
			d.run[i] = 0
			continue
		}
		d.run[i]++
		need := toneOn
		if d.on[i] {
			need = toneOff
		}
		if d.run[i] < need {
			continue
		}
		d.on[i], d.run[i] = !d.on[i], 0
		if changed != nil {
			changed(d.hz[i], d.on[i])
		}
	}
}

// Present says whether hz, one of those given to NewToneDetector, is there now.
func (d *ToneDetector) Present(hz float64) bool {
	for i, f := range d.hz {
		if f == hz {
			return d.on[i]
		}
	}
	return false
}

// Level is the level of hz in the last block of 40 ms, in dBFS.
func (d *ToneDetector) Level(hz float64) float64 {
	for i, f := range d.hz {
		if f == hz {
			return d.level[i]
		}
	}
	return SilenceDBFS
}
