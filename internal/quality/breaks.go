package quality

import (
	"math"
	"time"
)

// Breaks is what interrupted a steady tone.
type Breaks struct {
	Gaps    int           // pauses over 5 ms: more than 20 dB below the tone
	Longest time.Duration // of them
	Clicks  int           // moments that a sine of that frequency cannot have
}

// FindBreaks looks for gaps and clicks in what was heard of a tone of hz, from its
// begin to its end. A click is a deviation from the sine's own recursion by an eighth of
// its amplitude, at most one every 5 ms.
func FindBreaks(heard []int16, rate int, hz, dbfs float64) Breaks {
	var b Breaks
	amplitude := 32767 * math.Pow(10, dbfs/20)
	step := rate / 1000
	quiet, last := 0, -rate
	first, end := 0, len(heard)
	for first < end && math.Abs(float64(heard[first])) < amplitude/2 {
		first++
	}
	for end > first && math.Abs(float64(heard[end-1])) < amplitude/2 {
		end--
	}
	span := max(step, rate/int(2*hz)+1) // half a period has a peak
	turn := 2 * math.Cos(2*math.Pi*hz/float64(rate))
	for i := first; i < end; i++ {
		peak := 0.0
		for k := i; k < min(i+span, end); k += max(1, step/8) {
			peak = max(peak, math.Abs(float64(heard[k])))
		}
		if peak < amplitude/10 {
			quiet++
			continue
		}
		if length := time.Duration(quiet) * time.Second / time.Duration(rate); length > 5*time.Millisecond {
			b.Gaps++
			b.Longest = max(b.Longest, length)
		}
		quiet = 0
		if i >= first+2 {
			off := float64(heard[i]) - turn*float64(heard[i-1]) + float64(heard[i-2])
			if math.Abs(off) > amplitude/8 && i-last > 5*step {
				b.Clicks++
				last = i
			}
		}
	}
	return b
}
