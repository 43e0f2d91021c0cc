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
	var sum int64
	for _, s := range f {
		sum += int64(s) * int64(s)
	}
	return float64(sum) / float64(len(f))
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
	var sum int64
	peak := m.peak
	for _, s := range f {
		v := int32(s)
		sum += int64(v) * int64(v)
		peak = max(peak, v, -v)
	}
	m.peak = peak
	m.power += (float64(sum)/float64(len(f)) - m.power) * 0.1
}

// DBFS is the level over the last 200 ms.
func (m *LevelMeter) DBFS() float64 { return PowerDBFS(m.power) }

// TakePeak returns the greatest magnitude (0 to 32768) since the last call.
func (m *LevelMeter) TakePeak() int {
	peak := m.peak
	m.peak = 0
	return int(peak)
}
