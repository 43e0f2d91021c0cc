package audio

import "math"

// What a Scaler looks for: the period of a voice, and how alike two of them must be
// to be one. Sound below scalerQuiet dBFS may be changed anywhere.
const (
	scalerLowHz  = 66
	scalerHighHz = 400
	scalerAlike  = 0.8
	scalerQuiet  = -55.0
)

// Scaler makes sound shorter or longer by one period of its pitch, which nobody
// hears: the pitch stays, and what meets is alike (waveform similarity, after W.
// Verhelst and M. Roelands, 1993).
type Scaler struct {
	low, high int // shortest and longest period in samples
	step      int // between two lags that are looked at first
	fade      []int16
}

// NewScaler works at rate (Hz).
func NewScaler(rate int) *Scaler {
	s := &Scaler{low: rate / scalerHighHz, high: LongestPeriod(rate), step: max(1, rate/8000)}
	s.fade = make([]int16, s.high)
	return s
}

// LongestPeriod is the longest period in samples at rate (Hz) of what a Scaler takes for a
// voice.
func LongestPeriod(rate int) int { return rate / scalerLowHz }

// Longest is the longest period in samples. Shorten and Lengthen look at twice what
// they may change.
func (s *Scaler) Longest() int { return s.high }

// Shorten takes at most `most` samples out of the begin of pcm and returns how many
// that were; 0 when nothing there is alike. The rest moves up: pcm[:len(pcm)-n] is
// what stays. force takes the best there is, alike or not.
func (s *Scaler) Shorten(pcm []int16, most int, force bool) int {
	n := s.period(pcm, most, force)
	if n == 0 {
		return 0
	}
	Crossfade(pcm[n:2*n], pcm[:n], pcm[n:2*n])
	copy(pcm, pcm[n:])
	return n
}

// Lengthen puts at most `most` samples in at the begin of pcm and returns it with
// how many that were. pcm should have room for them.
func (s *Scaler) Lengthen(pcm []int16, most int, force bool) ([]int16, int) {
	n := s.period(pcm, most, force)
	if n == 0 {
		return pcm, 0
	}
	Crossfade(s.fade[:n], pcm[n:2*n], pcm[:n])
	old := len(pcm)
	for range n {
		pcm = append(pcm, 0)
	}
	copy(pcm[2*n:], pcm[n:old])
	copy(pcm[n:2*n], s.fade[:n])
	return pcm, n
}

// period is the lag at which the begin of pcm is most like what follows it.
func (s *Scaler) period(pcm []int16, most int, force bool) int {
	high := min(s.high, most, len(pcm)/2)
	if high > 0 && LevelDBFS(pcm[:2*high]) < scalerQuiet {
		return high
	}
	if high < s.low {
		return 0
	}
	lag, best := s.search(pcm, s.low, high, s.step, s.step)
	if s.step > 1 && lag > 0 {
		lag, best = s.search(pcm, max(s.low, lag-s.step), min(high, lag+s.step), 1, 1)
	}
	if best < scalerAlike && !force {
		return 0
	}
	return lag
}

func (s *Scaler) search(pcm []int16, low, high, step, stride int) (lag int, best float64) {
	best = -1
	if stride == 1 && step == 1 {
		return searchAll(pcm, low, high)
	}
	for l := low; l <= high; l += step {
		if c := Alike(pcm[:l], pcm[l:2*l], stride); c > best {
			lag, best = l, c
		}
	}
	return lag, best
}

// searchAll is search of each lag by each sample: what Alike would say of each, with the
// powers carried on from one lag to the next.
func searchAll(pcm []int16, low, high int) (lag int, best float64) {
	best = -1
	square := func(i int) int64 { return int64(pcm[i]) * int64(pcm[i]) }
	var aa, bb int64 // of pcm[:l] and pcm[l:2*l]
	for i := range low {
		aa, bb = aa+square(i), bb+square(low+i)
	}
	for l := low; l <= high; l++ {
		if l > low {
			aa, bb = aa+square(l-1), bb-square(l-1)+square(2*l-2)+square(2*l-1)
		}
		var dot int64
		b := pcm[l : 2*l]
		for i, x := range pcm[:len(b)] {
			dot += int64(x) * int64(b[i])
		}
		c := 0.0
		if aa != 0 && bb != 0 {
			c = float64(dot) / math.Sqrt(float64(aa)*float64(bb))
		}
		if c > best {
			lag, best = l, c
		}
	}
	return lag, best
}

// Alike is the normalised correlation, -1 to 1, of two signals of one length, from
// every stride-th sample; 0 when one of them is silent.
func Alike(a, b []int16, stride int) float64 {
	var dot, aa, bb int64
	for i := 0; i < len(a); i += stride {
		x, y := int64(a[i]), int64(b[i])
		dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return float64(dot) / math.Sqrt(float64(aa)*float64(bb))
}
