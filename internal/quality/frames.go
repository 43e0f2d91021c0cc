package quality

import (
	"math"
	"math/rand/v2"
	"time"

	"ringback/media/audio"
)

const (
	frameTime = 20 * time.Millisecond
	around    = 25 * time.Millisecond // of the windows' delays: where a frame is looked for
	genuine   = 0.5                   // correlation below which a frame is not what was said
)

// Noise is a signal of which no part is like another, at rate (Hz) and -22 dBFS, up to 3.5 kHz so
// that every codec carries it: what is made up of it is never what was said. Equal seeds give equal signals.
func Noise(seed uint64, rate int, length time.Duration) []int16 {
	rng, pcm := rand.New(rand.NewPCG(seed, 8)), make([]int16, int(length.Seconds()*alignRate))
	low := 0.0
	for i := range pcm {
		low += 0.6 * (rng.NormFloat64() - low)
		pcm[i] = audio.Saturate(int32(math.Round(1.53 * 32767 / math.Sqrt2 * audio.Linear(-22) * low)))
	}
	return audio.NewResampler(alignRate, rate).Process(nil, pcm)
}

// MadeUp is the share (0 to 1) of the frames of 20 ms of Noise that were not heard, near where the
// windows were: what was heard in their place was made up, or nothing. Both signals are at rate (Hz).
func MadeUp(reference, heard []int16, rate int, windows []Window) float64 {
	a, b := audio.NewResampler(rate, alignRate).Process(nil, reference), audio.NewResampler(rate, alignRate).Process(nil, heard)
	size := units(frameTime)
	m := newMatcher(b, size, 0)
	missing, all := 0, 0
	for i, w := range windows {
		least, most := w.Delay, w.Delay
		for _, near := range windows[max(0, i-1):min(len(windows), i+2)] {
			if near.Match >= credible {
				least, most = min(least, near.Delay), max(most, near.Delay)
			}
		}
		from, to := max(0, units(least-around)), units(most+around)
		for at := units(w.At); at < units(w.At+windowTime) && at+size <= len(a); at += size {
			if audio.LevelDBFS(a[at:at+size]) < silentBelow {
				continue
			}
			if all++; m.best(a[at:at+size], at, from, to) < genuine {
				missing++
			}
		}
	}
	return float64(missing) / float64(max(1, all))
}

// best is the greatest correlation of a at lags from least to most behind at.
func (m *matcher) best(a []int16, at, least, most int) float64 {
	match, own := 0.0, 0.0
	for _, v := range a {
		own += float64(v) * float64(v)
	}
	for l := least; l <= most && at+l+len(a) <= len(m.heard); l++ {
		part, sum := m.heard[at+l:at+l+len(a)], int64(0)
		for i, v := range a {
			sum += int64(v) * int64(part[i])
		}
		match = max(match, float64(sum)/math.Sqrt(own*(m.energy[at+l+len(a)]-m.energy[at+l])+1))
	}
	return match
}
