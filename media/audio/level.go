package audio

import "math"

// SilenceDBFS is what the level of digital silence reads as.
const SilenceDBFS = -96.0

// fullScalePower is the mean square of a sine that just fills 16 bits.
const fullScalePower = 32767.0 * 32767.0 / 2

// PowerDBFS turns a mean square of samples into dBFS, not below SilenceDBFS.
func PowerDBFS(power float64) float64 {
	if power <= 0 {
		return SilenceDBFS
	}
	return max(SilenceDBFS, 10*math.Log10(power/fullScalePower))
}

// Power is the mean square of f; 0 when f is empty.
func Power(f Frame) float64 {
	if len(f) == 0 {
		return 0
	}
	sum, _ := squares(f)
	return float64(sum) / float64(len(f))
}

// squares is the sum of the squares of f, and the greatest of them: two sums side by side
// take less than half the time of one.
func squares(f Frame) (sum, most int64) {
	var s0, s1, m0, m1 int64
	n := len(f) &^ 1
	for i := 0; i < n; i += 2 {
		pair := f[i : i+2 : i+2]
		a, b := int64(pair[0]), int64(pair[1])
		a, b = a*a, b*b
		s0, s1 = s0+a, s1+b
		m0, m1 = max(m0, a), max(m1, b)
	}
	if n < len(f) {
		a := int64(f[n]) * int64(f[n])
		s0, m0 = s0+a, max(m0, a)
	}
	return s0 + s1, max(m0, m1)
}

// Louder says that the mean square of f is above power, mostly without looking at all of it.
func Louder(f Frame, power float64) bool {
	const part = 32
	limit, sum := int64(power*float64(len(f))), int64(0)
	for len(f) > 0 {
		n := min(part, len(f))
		more, _ := squares(f[:n])
		if sum += more; sum > limit {
			return true
		}
		f = f[n:]
	}
	return false
}

// LevelDBFS is the level of one frame.
func LevelDBFS(f Frame) float64 { return PowerDBFS(Power(f)) }

// LevelMeter follows the level of a stream of frames: the power over about the
// last 200 ms, and the greatest sample since the meter was last read.
type LevelMeter struct {
	power float64
	peak  int32
}

// Add takes one frame.
func (m *LevelMeter) Add(f Frame) {
	if len(f) == 0 {
		return
	}
	sum, most := squares(f)
	m.AddSquares(len(f), sum, most)
}

// AddSquares takes a frame of n samples, at least 1, by the sum of their squares and the
// greatest of those.
func (m *LevelMeter) AddSquares(n int, sum, most int64) {
	m.peak = max(m.peak, int32(math.Sqrt(float64(most))))
	m.power += (float64(sum)/float64(n) - m.power) * 0.1
}

// DBFS is the level over the last 200 ms.
func (m *LevelMeter) DBFS() float64 { return PowerDBFS(m.power) }

// TakePeak returns the greatest magnitude (0 to 32768) since the last call.
func (m *LevelMeter) TakePeak() int {
	peak := m.peak
	m.peak = 0
	return int(peak)
}
