package headset

import (
	"fmt"
	"math"

	"ringback/media/audio"
)

// highPassHz is below every voice and above mains hum and the thumps of a cable.
const highPassHz = 100

// highPass is a second-order Butterworth filter.
type highPass struct {
	b0, b1, b2, a1, a2 float64
	z1, z2             float64
}

func newHighPass(rate int) *highPass {
	w := 2 * math.Pi * highPassHz / float64(rate)
	alpha := math.Sin(w) / math.Sqrt2
	cos, a0 := math.Cos(w), 1+alpha
	return &highPass{
		b0: (1 + cos) / 2 / a0, b1: -(1 + cos) / a0, b2: (1 + cos) / 2 / a0,
		a1: -2 * cos / a0, a2: (1 - alpha) / a0,
	}
}

func (h *highPass) String() string { return fmt.Sprintf("high-pass %d Hz", highPassHz) }

func (h *highPass) process(f audio.Frame) {
	for i, s := range f {
		x := float64(s)
		y := h.b0*x + h.z1
		h.z1 = h.b1*x - h.a1*y + h.z2
		h.z2 = h.b2*x - h.a2*y
		f[i] = audio.Saturate(int32(math.RoundToEven(y)))
	}
}
