package audio

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestVarispeed_THDN(t *testing.T) {
	for _, row := range []struct {
		rate            int
		hz, speed, most float64
	}{
		{8000, 1004, 1.0005, -80}, {8000, 1004, 0.9995, -80}, {8000, 1004, 1.0001, -80}, {8000, 3000, 1.0005, -70}, {8000, 3000, 0.9995, -70},
		{16000, 1004, 0.9995, -80}, {16000, 6000, 1.0025, -70}, {48000, 12000, 0.9995, -80}, {8000, 1004, 1, -90},
	} {
		t.Run(fmt.Sprintf("rate=%d/hz=%v/speed=%v", row.rate, row.hz, row.speed), func(t *testing.T) {
			out := NewVarispeed().Process(nil, sine(row.rate, row.hz, -1, 4*row.rate), row.speed)
			got := thdn(out[row.rate/10:], row.rate, row.hz*row.speed)
			t.Logf("THD+N %.1f dB", got)
			if got > row.most {
				t.Errorf("THD+N %.1f dB, want at most %.0f", got, row.most)
			}
		})
	}
}

// Need says how much Fill takes, at any speed and with any other before; Process makes the
// same of the same.
func TestVarispeed_NothingIsLost(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, speed := range []float64{0.5, 0.9975, 1, 1.0025, 2} {
		src := sine(8000, 440, -3, 20000)
		whole := NewVarispeed().Process(nil, src, speed)
		if n, want := len(whole), float64(len(src))/speed; float64(n) < want-3 || float64(n) > want+3 {
			t.Errorf("speed %v: %d samples became %d", speed, len(src), n)
		}
		filled, pieces, v, w := Frame(nil), Frame(nil), NewVarispeed(), NewVarispeed()
		for at, end := 0, 0; ; at = end {
			n := rng.IntN(400)
			if end = at + v.Need(n, speed); end > len(src) {
				break
			}
			part := make(Frame, n)
			v.Fill(part, src[at:end], speed)
			filled, pieces = append(filled, part...), w.Process(pieces, src[at:end], speed)
		}
		if !slices.Equal(filled, whole[:len(filled)]) || !slices.Equal(pieces, whole[:len(pieces)]) || len(filled) < len(whole)-1000 {
			t.Errorf("speed %v: pieces are not the whole", speed)
		}
	}
}

// At its own speed it gives what it was given, later.
func TestVarispeed_UnchangedAtItsOwnSpeed(t *testing.T) {
	in := sine(8000, 2900, -3, 800)
	out := NewVarispeed().Process(nil, in, 1)
	if !slices.Equal(out[VarispeedDelay:], in[:len(in)-VarispeedDelay]) {
		t.Error("it is not the same")
	}
}

func TestVarispeed_NothingIsAllocatedOnceWarm(t *testing.T) {
	v, src, dst := NewVarispeed(), make(Frame, 970), make(Frame, 0, 1000)
	some := func() {
		v.Fill(dst[:960], src[:v.Need(960, 1.0005)], 1.0005)
		dst = v.Process(dst[:0], src[:960], 1.0005)
	}
	some()
	if n := testing.AllocsPerRun(200, some); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkResampler_Varispeed(b *testing.B) {
	for _, rate := range []int{8000, 48000} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			v, in, out := NewVarispeed(), make(Frame, FrameSamples(rate)), make(Frame, 0, 2000)
			b.ReportAllocs()
			for b.Loop() {
				out = v.Process(out[:0], in, 1.0003)
			}
		})
	}
}
