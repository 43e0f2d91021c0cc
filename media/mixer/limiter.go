package mixer

import "ringback/media/audio"

// The rule of a limiter. A sum is looked at in steps of a millisecond; the gain that
// a step needs has been reached, in a straight line, when the step begins, since the
// one before knew of it. Only the first step of a frame comes unannounced: there it
// goes down within that millisecond, and what is over is cut off. It delays nothing.
const (
	limitSteps = 20
	fullScale  = 32768
	comesBack  = 0.0066 // of what is missing, with each step: most of it in 150 ms
	asItWas    = 0.9995
)

// limiter narrows a sum to 16 bits without distortion that would be heard. The zero
// limiter has turned down nothing. Below full scale a sum passes as it is.
type limiter struct {
	down float32 // 1 less the gain
}

// narrow writes sum to out.
func (l *limiter) narrow(out audio.Frame, sum []int32) {
	if l.down == 0 && fits(out, sum) {
		return
	}
	peaks := l.peaks(sum)
	n := len(sum)
	gain := 1 - l.down
	for k := range limitSteps {
		from, to := n*k/limitSteps, n*(k+1)/limitSteps
		target := min(1, gain+(1-gain)*comesBack, need(peaks[k]))
		if k+1 < limitSteps {
			target = min(target, need(peaks[k+1]))
		}
		if target > asItWas {
			target = 1
		}
		step := (target - gain) / float32(max(1, to-from))
		for i := from; i < to; i++ {
			gain += step
			out[i] = audio.Saturate(int32(float32(sum[i]) * gain))
		}
		gain = target
	}
	l.down = 1 - gain
}

func need(peak int32) float32 {
	if peak <= fullScale {
		return 1
	}
	return fullScale / float32(peak)
}

// fits writes sum to out and says that nothing of it was cut off.
func fits(out audio.Frame, sum []int32) bool {
	out = out[:len(sum)]
	magnitudes := int32(0) // -1 less each negative one, all or-ed: no higher bit is set than of a sample
	for i, v := range sum {
		magnitudes |= v ^ v>>31
		out[i] = int16(v)
	}
	return magnitudes < fullScale
}

// peaks is the greatest magnitude of each step.
func (l *limiter) peaks(sum []int32) (peaks [limitSteps]int32) {
	n := len(sum)
	for k := range limitSteps {
		peak := int32(0)
		for _, v := range sum[n*k/limitSteps : n*(k+1)/limitSteps] {
			peak = max(peak, v, -v)
		}
		peaks[k] = peak
	}
	return peaks
}
