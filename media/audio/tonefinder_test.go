package audio

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// mixed is a second of sines at 8 kHz, 0.1 of full scale each, with some noise.
func mixed(noise float64, hz ...float64) Frame {
	out := make(Frame, 8000)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range out {
		v := noise * 32767 * r.NormFloat64()
		for _, f := range hz {
			v += 3276 * math.Sin(2*math.Pi*f*float64(i)/8000)
		}
		out[i] = int16(v)
	}
	return out
}

func find(f *ToneFinder, sound Frame) (on []float64, events int) {
	for chunk := range slices.Chunk(sound, 160) {
		f.Add(chunk, func(hz float64, is bool) {
			events++
			if is {
				on = append(on, hz)
				return
			}
			on = slices.DeleteFunc(on, func(x float64) bool { return x == hz })
		})
	}
	slices.Sort(on)
	return on, events
}

func TestToneFinder(t *testing.T) {
	for _, want := range [][]float64{{1004}, {425}, {440}, {852}, {697, 1209}, {300, 425, 620, 852, 1004, 3400}} {
		t.Run(fmt.Sprintf("%v Hz are told to the hertz", want), func(t *testing.T) {
			got, _ := find(NewToneFinder(8000), mixed(0.001, want...))
			if len(got) != len(want) {
				t.Fatalf("got %v", got)
			}
			for i := range want {
				if math.Abs(got[i]-want[i]) > 1 {
					t.Fatalf("got %v, want %v", got, want)
				}
			}
		})
	}
	t.Run("noise and silence have no tone", func(t *testing.T) {
		if got, n := find(NewToneFinder(8000), mixed(0.1)); n > 0 {
			t.Fatalf("noise: %v", got)
		}
		if got, n := find(NewToneFinder(8000), make(Frame, 8000)); n > 0 {
			t.Fatalf("silence: %v", got)
		}
	})
	t.Run("a tone that slides as a voice does is none", func(t *testing.T) {
		slide := make(Frame, 8000)
		phase := 0.0
		for i := range slide {
			phase += 2 * math.Pi * (200 + 200*float64(i)/8000) / 8000
			slide[i] = int16(8000 * math.Sin(phase))
		}
		if got, n := find(NewToneFinder(8000), slide); n > 0 {
			t.Fatalf("found %v", got)
		}
	})
	t.Run("a jump in the sound does not make it another tone", func(t *testing.T) {
		for at := 0; at < 1536; at += 32 { // the first three blocks
			sound := mixed(0, 440)
			on, _ := find(NewToneFinder(8000), slices.Concat(sound[:at], sound[at+5:at+3200]))
			if !slices.Equal(on, []float64{440}) {
				t.Errorf("5 samples missing after %d: found %v", at, on)
			}
		}
	})
	t.Run("nor do two, one after the other", func(t *testing.T) {
		for at := 0; at < 1536; at += 32 {
			for next := at + 100; next < 1536; next += 96 {
				sound := mixed(0, 440)
				on, _ := find(NewToneFinder(8000), slices.Concat(sound[:at], sound[at+5:next], sound[next+7:at+4800]))
				if !slices.Equal(on, []float64{440}) {
					t.Errorf("5 samples missing after %d and 7 after %d: found %v", at, next, on)
				}
			}
		}
	})
	t.Run("a tone that ends is told with the frequency it began with", func(t *testing.T) {
		f := NewToneFinder(8000)
		if on, n := find(f, append(mixed(0, 440), make(Frame, 4000)...)); len(on) != 0 || n != 2 {
			t.Fatalf("on %v after %d events", on, n)
		}
	})
}

// TestToneFinder_ASlowChangeIsAnotherTone: what was told goes when the sound has moved away from
// it, however slowly, and does not come between what is told of the tone that is there then.
func TestToneFinder_ASlowChangeIsAnotherTone(t *testing.T) {
	f := NewToneFinder(8000)
	slide, phase := mixed(0, 440), 0.0
	for i := range 24000 {
		phase += 2 * math.Pi * min(500, 440+60*float64(i)/16000) / 8000
		slide = append(slide, int16(3276*math.Sin(phase)))
	}
	if on, n := find(f, slide); len(on) != 1 || math.Abs(on[0]-500) > 6 || n > 25 {
		t.Errorf("after 440 Hz became 500 Hz: on %v, told %d times", on, n)
	}
}

func BenchmarkToneFinder(b *testing.B) {
	f, sound := NewToneFinder(8000), mixed(0.001, 440, 1004)[:160]
	b.ReportAllocs()
	for b.Loop() {
		f.Add(sound, nil)
	}
}
