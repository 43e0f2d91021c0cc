package audio

import "math"

// Linear turns a gain in dB into a factor; -infinity and anything below
// SilenceDBFS is 0.
func Linear(db float64) float64 {
	if db <= SilenceDBFS || math.IsNaN(db) {
		return 0
	}
	return math.Pow(10, db/20)
}

// Gain is a volume that moves without a click: a new value is reached in a
// straight line over the next frame. The zero Gain is silent.
type Gain struct {
	now, target float64
}

// NewGain returns a gain that starts at db.
func NewGain(db float64) *Gain {
	v := Linear(db)
	return &Gain{now: v, target: v}
}

// Set asks for db from the next frame on.
func (g *Gain) Set(db float64) { g.target = Linear(db) }

// Apply scales f in place, ramping when the gain has changed.
func (g *Gain) Apply(f Frame) {
	if len(f) == 0 || (g.now == 1 && g.target == 1) {
		return
	}
	step := (g.target - g.now) / float64(len(f))
	v := g.now
	for i, s := range f {
		v += step
		f[i] = Saturate(int32(math.RoundToEven(float64(s) * v)))
	}
	g.now = g.target
}

// Crossfade writes into dst the way from one frame to another in a straight
// line. All three have the same length; dst may be either of them.
func Crossfade(dst, from, to Frame) {
	n := int32(len(dst))
	for i := range dst {
		k := int32(i)
		dst[i] = Saturate((int32(from[i])*(n-k) + int32(to[i])*k) / n)
	}
}
