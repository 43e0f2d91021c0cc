package quality

import (
	"math"
	"time"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	bands    = 32
	lowestHz = 50.0
	hopTime  = 10 * time.Millisecond
	rangeDB  = 45.0 // what is further below the loudest is not looked at
)

// spectrogram is the level of each band in dB above the floor, hop by hop.
type spectrogram [][bands]float64

// ear turns samples into a spectrogram.
type ear struct {
	fft     *fourier.FFT
	size    int
	hop     int
	window  []float64
	weights [bands][]float64
}

// erb is the place of a frequency on the ERB-rate scale.
func erb(hz float64) float64 { return 21.4 * math.Log10(1+0.00437*hz) }

// newEar listens up to highest Hz.
func newEar(rate int, highest float64) *ear {
	e := &ear{size: 1, hop: int(hopTime.Seconds() * float64(rate))}
	for e.size < rate*32/1000 {
		e.size *= 2
	}
	e.fft = fourier.NewFFT(e.size)
	for i := range e.size {
		e.window = append(e.window, 0.5-0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(e.size)))
	}
	low, high := erb(lowestHz), erb(highest)
	width := max(1, (high-low)/bands) // ERBs between two bands, or one
	for b := range bands {
		centre := low + (high-low)*(float64(b)+0.5)/bands
		e.weights[b] = make([]float64, e.size/2+1)
		for k := range e.weights[b] {
			off := (erb(float64(k)*float64(rate)/float64(e.size)) - centre) / width
			e.weights[b][k] = math.Exp(-math.Pi * off * off)
		}
	}
	return e
}

// listen is the power of each band, in dB.
func (e *ear) listen(pcm []int16) spectrogram {
	var out spectrogram
	block, coefficients := make([]float64, e.size), make([]complex128, e.size/2+1)
	for at := 0; at+e.size <= len(pcm); at += e.hop {
		for i, w := range e.window {
			block[i] = float64(pcm[at+i]) * w
		}
		e.fft.Coefficients(coefficients, block)
		var row [bands]float64
		for b := range bands {
			power := 1.0
			for k, w := range e.weights[b] {
				if w > 1e-6 {
					power += w * (real(coefficients[k])*real(coefficients[k]) + imag(coefficients[k])*imag(coefficients[k]))
				}
			}
			row[b] = 10 * math.Log10(power)
		}
		out = append(out, row)
	}
	return out
}

// NSIM is how near what was heard is to what was said, 1 for the same, up to highest
// Hz: the mean over the windows, each at its own delay.
func NSIM(reference, heard []int16, rate int, highest float64, windows []Window) float64 {
	e := newEar(rate, highest)
	size := int(windowTime.Seconds() * float64(rate))
	loudest := -1e9
	for _, row := range e.listen(reference) {
		for _, v := range row {
			loudest = max(loudest, v)
		}
	}
	sum, n := 0.0, 0
	for _, w := range windows {
		at := int(w.At.Seconds() * float64(rate))
		place := at + int(w.Delay.Seconds()*float64(rate))
		if at+size > len(reference) || place+size > len(heard) {
			continue
		}
		a, b := e.listen(reference[at:at+size]), e.listen(heard[place:place+size])
		raise(a, loudest-rangeDB)
		raise(b, loudest-rangeDB)
		sum, n = sum+similarity(a, b), n+1
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// raise counts from the floor up.
func raise(s spectrogram, floor float64) {
	for t := range s {
		for b := range s[t] {
			s[t][b] = max(0, s[t][b]-floor)
		}
	}
}

// kernel weighs the 3 x 3 neighbours.
var kernel = [3][3]float64{{0.0113, 0.0838, 0.0113}, {0.0838, 0.6193, 0.0838}, {0.0113, 0.0838, 0.0113}}

// similarity is the mean of luminance times structure.
func similarity(a, b spectrogram) float64 {
	const c1, c3 = (0.01 * rangeDB) * (0.01 * rangeDB), (0.03 * rangeDB) * (0.03 * rangeDB) / 2
	sum, n := 0.0, 0
	for t := 1; t+1 < min(len(a), len(b)); t++ {
		for k := 1; k+1 < bands; k++ {
			var ma, mb, aa, bb, ab float64
			for i := range 3 {
				for j := range 3 {
					w, x, y := kernel[i][j], a[t+i-1][k+j-1], b[t+i-1][k+j-1]
					ma, mb = ma+w*x, mb+w*y
					aa, bb, ab = aa+w*x*x, bb+w*y*y, ab+w*x*y
				}
			}
			aa, bb, ab = aa-ma*ma, bb-mb*mb, ab-ma*mb
			luminance := (2*ma*mb + c1) / (ma*ma + mb*mb + c1)
			structure := (ab + c3) / (math.Sqrt(max(0, aa)*max(0, bb)) + c3)
			sum, n = sum+luminance*structure, n+1
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}
