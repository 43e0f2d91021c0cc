package audio

import (
	"math"
	"math/rand/v2"
	"testing"
)

// hum is a voice of one pitch: a few harmonics.
func hum(rate, n int, hz float64) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		x := 2 * math.Pi * hz * float64(i) / float64(rate)
		pcm[i] = int16(5000*math.Sin(x) + 2500*math.Sin(2*x) + 1200*math.Sin(5*x))
	}
	return pcm
}

// worstStep is the greatest second difference, which a click makes large.
func worstStep(pcm []int16) (worst float64) {
	for i := 2; i < len(pcm); i++ {
		worst = math.Max(worst, math.Abs(float64(pcm[i])-2*float64(pcm[i-1])+float64(pcm[i-2])))
	}
	return worst
}

func TestScaler_NoClickAndNoOtherPitch(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, hz := range []float64{85, 120, 233, 390} {
			whole := hum(rate, rate/5, hz)
			limit := 1.3*worstStep(whole) + 2
			s := NewScaler(rate)
			pcm := append(make([]int16, 0, 2*len(whole)), whole...)
			n := s.Shorten(pcm, rate/50, false)
			if short := pcm[:len(pcm)-n]; n < rate/400 || worstStep(short) > limit {
				t.Errorf("%d Hz, %v: %d out, step %.0f of %.0f", rate, hz, n, worstStep(short), limit)
			}
			long, n := s.Lengthen(append(make([]int16, 0, 2*len(whole)), whole...), rate/50, false)
			if n < rate/400 || len(long) != len(whole)+n || worstStep(long) > limit {
				t.Errorf("%d Hz, %v: %d in, step %.0f of %.0f", rate, hz, n, worstStep(long), limit)
			}
			if l := LevelDBFS(long) - LevelDBFS(whole); math.Abs(l) > 0.5 {
				t.Errorf("%d Hz, %v: %.1f dB louder", rate, hz, l)
			}
		}
	}
}

// What is carried on from lag to lag is what Alike says of each.
func TestScaler_SearchesAsAlikeSays(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		pcm := make([]int16, 2*(20+rng.IntN(300)))
		for i := range pcm[rng.IntN(len(pcm)):] {
			pcm[i] = int16(rng.Uint32())
		}
		s, high := NewScaler(8000), len(pcm)/2
		lag, best := s.search(pcm, 20, high, 1, 1)
		wantLag, want := 0, -1.0
		for l := 20; l <= high; l++ {
			if c := Alike(pcm[:l], pcm[l:2*l], 1); c > want {
				wantLag, want = l, c
			}
		}
		if lag != wantLag || best != want {
			t.Fatalf("lag %d of %.4f, want %d of %.4f", lag, best, wantLag, want)
		}
	}
}

func TestScaler_LeavesAloneWhatIsNotAlike(t *testing.T) {
	s := NewScaler(8000)
	noise := make([]int16, 320)
	for i := range noise {
		noise[i] = int16(i*7919*i%20000 - 10000)
	}
	if n := s.Shorten(noise, 120, false); n != 0 {
		t.Errorf("took %d out of noise", n)
	}
	if n := s.Shorten(noise, 120, true); n == 0 {
		t.Error("took nothing out by force")
	}
	if n := s.Shorten(make([]int16, 320), 50, false); n != 50 {
		t.Errorf("took %d of 50 out of silence", n)
	}
	if n := s.Shorten(hum(8000, 30, 200), 120, true); n != 0 {
		t.Errorf("took %d out of less than two periods", n)
	}
}

func TestScaler_DoesNotAllocate(t *testing.T) {
	s, pcm := NewScaler(48000), hum(48000, 1920, 110)
	room := make([]int16, 0, 4000)
	if n := testing.AllocsPerRun(50, func() {
		room = append(room[:0], pcm...)
		room, _ = s.Lengthen(room, 960, true)
		s.Shorten(room, 960, true)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkScaler(b *testing.B) {
	s, pcm := NewScaler(48000), hum(48000, 1920, 110)
	room := make([]int16, 1920)
	b.ReportAllocs()
	for b.Loop() {
		copy(room, pcm)
		s.Shorten(room, 720, true)
	}
}
