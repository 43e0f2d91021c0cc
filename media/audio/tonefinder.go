package audio

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"
)

// The rule of a ToneFinder.
const (
	findFloor  = -50.0 // dBFS
	findShare  = 0.02  // of all power in the block: one of many mixed tones still counts
	findSteady = 6.0   // Hz from one block to the next: speech moves more
	findOn     = 3     // blocks in a row: about 200 ms
	findAgree  = 0.5   // Hz: the most by which the blocks may differ
	findLong   = 8     // blocks in a row: by then it is told as it is, half a second
	findOff    = 2     // blocks in a row without it
	findMost   = 8     // tones at a time
)

// ToneFinder finds steady tones of any frequency in a stream of frames, several
// at a time when they lie 40 Hz or more apart: each is there once it was heard
// for 200 ms (for up to half a second where the sound jumps, or is not steady to the
// hertz), and gone after 130 ms without. Frequencies are told to the hertz.
type ToneFinder struct {
	rate     float64
	window   []float64
	block    []float64
	fill     int
	power    float64
	fft      *fourier.FFT
	spectrum []complex128
	bins     []float64
	tracks   []track
}

// track is a tone that is followed from block to block.
type track struct {
	hz   float64
	last [findOn]float64 // of as many blocks; the one at seen % findOn is the oldest
	told float64         // the frequency that was told, when it is on
	seen int             // blocks in a row with it
	gone int             // blocks in a row without it
	on   bool
	here bool // matched in this block
}

// middle is the median of the last blocks: one in which the sound jumped counts for nothing.
func (t *track) middle() float64 {
	sorted := t.last
	slices.Sort(sorted[:])
	return sorted[findOn/2]
}

// agree says that the last blocks are of one frequency: where the sound jumped in one of
// them, such as behind a lost packet, they are not.
func (t *track) agree() bool { return slices.Max(t.last[:])-slices.Min(t.last[:]) <= findAgree }

// NewToneFinder finds tones in sound of rate samples per second.
func NewToneFinder(rate int) *ToneFinder {
	n := 512
	for n*8000 < 512*rate {
		n *= 2
	}
	f := &ToneFinder{rate: float64(rate), window: make([]float64, n), block: make([]float64, n),
		fft: fourier.NewFFT(n), spectrum: make([]complex128, n/2+1), bins: make([]float64, n/2+1),
		tracks: make([]track, 0, findMost)}
	for i := range f.window {
		f.window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(n))
	}
	return f
}

// Add takes a frame of any length and calls changed for each tone that came or
// went, with its frequency in whole Hz: the same at its end as at its beginning. One that
// moves away from that ends, too.
func (f *ToneFinder) Add(frame Frame, changed func(hz float64, on bool)) {
	for _, s := range frame {
		v := float64(s)
		f.power += v * v
		f.block[f.fill] = v * f.window[f.fill]
		if f.fill++; f.fill == len(f.block) {
			f.measure(changed)
			f.fill, f.power = 0, 0
		}
	}
}

// Present says whether a tone within tolerance Hz of hz is there now.
func (f *ToneFinder) Present(hz, tolerance float64) bool {
	for _, t := range f.tracks {
		if t.on && math.Abs(t.told-hz) <= tolerance {
			return true
		}
	}
	return false
}

func (f *ToneFinder) measure(changed func(hz float64, on bool)) {
	all := f.power / float64(len(f.block))
	for i := range f.tracks {
		f.tracks[i].here = false
	}
	if PowerDBFS(all) > findFloor {
		f.fft.Coefficients(f.spectrum, f.block)
		norm := 8 / (float64(len(f.block)) * float64(len(f.block))) // a sine's mean square from its Hann bin
		for k, c := range f.spectrum {
			f.bins[k] = (real(c)*real(c) + imag(c)*imag(c)) * norm
		}
		f.follow(all)
	}
	f.settle(changed)
}

// follow matches the peaks of the spectrum to the tracks.
func (f *ToneFinder) follow(all float64) {
	for k := 2; k < len(f.bins)-2; k++ {
		p := f.bins[k]
		if p < f.bins[k-1] || p <= f.bins[k+1] || p < findShare*all || PowerDBFS(p) < findFloor {
			continue
		}
		// The peak between the bins, by the parabola through three logarithms.
		a, b, c := math.Log(f.bins[k-1]+1e-9), math.Log(p+1e-9), math.Log(f.bins[k+1]+1e-9)
		at := float64(k)
		if d := a - 2*b + c; d != 0 {
			at += 0.5 * (a - c) / d
		}
		f.match(at * f.rate / float64(len(f.block)))
	}
}

func (f *ToneFinder) match(hz float64) {
	for i := range f.tracks {
		if t := &f.tracks[i]; !t.here && math.Abs(t.hz-hz) <= findSteady {
			t.hz, t.here, t.last[t.seen%findOn] = hz, true, hz
			return
		}
	}
	if len(f.tracks) < findMost {
		f.tracks = append(f.tracks, track{hz: hz, here: true, last: [findOn]float64{hz}})
	}
}

// settle tells which tones came and went, and forgets those that are gone.
func (f *ToneFinder) settle(changed func(hz float64, on bool)) {
	kept := f.tracks[:0]
	for _, t := range f.tracks {
		if t.here {
			t.seen, t.gone = t.seen+1, 0
		} else {
			t.seen, t.gone = 0, t.gone+1
		}
		switch {
		case !t.on && t.gone > 0:
			continue
		case !t.on && (t.seen >= findLong || t.seen >= findOn && t.agree()):
			t.on, t.told = true, math.Round(t.middle())
			tell(changed, t.told, true)
		case t.on && (t.gone >= findOff || math.Abs(t.hz-t.told) > findSteady):
			tell(changed, t.told, false)
			continue
		}
		kept = append(kept, t)
	}
	f.tracks = kept
}

func tell(changed func(hz float64, on bool), hz float64, on bool) {
	if changed != nil {
		changed(hz, on)
	}
}
