package quality

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func delayed(pcm []int16, n int) []int16 { return append(make([]int16, n), pcm...) }

func noisy(pcm []int16, snr float64) []int16 {
	var power float64
	for _, v := range pcm {
		power += float64(v) * float64(v)
	}
	amp := math.Sqrt(power/float64(len(pcm))) * math.Pow(10, -snr/20)
	rng, out := rand.New(rand.NewPCG(1, 1)), slices.Clone(pcm)
	for i := range out {
		out[i] = int16(float64(out[i]) + amp*rng.NormFloat64())
	}
	return out
}

func muted(pcm []int16, rate int, share float64) []int16 {
	rng, out := rand.New(rand.NewPCG(2, 1)), slices.Clone(pcm)
	for i := 0; i+rate/50 <= len(out); i += rate / 50 {
		if rng.Float64() < share {
			clear(out[i : i+rate/50])
		}
	}
	return out
}

func TestAlign_FindsTheDelayThatItWasGiven(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		pcm := Speech(1, rate, 8*time.Second)
		for _, ms := range []int{0, 37, 240} {
			w := Align(pcm, delayed(pcm, ms*rate/1000), rate, 400*time.Millisecond)
			least, median, _, most := Delays(w)
			if want := time.Duration(ms) * time.Millisecond; len(w) < 12 || least != want || median != want || most != want {
				t.Errorf("%d Hz, %d ms: %d windows, %s to %s", rate, ms, len(w), least, most)
			}
		}
	}
}

// A word that came badly is not taken for one like it that comes a second later.
func TestAlign_KeepsToItsPlace(t *testing.T) {
	const rate, second = 8000, 8000
	said := Speech(1, rate, 4*time.Second)
	copy(said[3*second:], said[2*second:3*second])
	heard := slices.Clone(said)
	copy(heard[2*second:3*second], noisy(said[2*second:3*second], 2))
	copy(heard[3*second:], noisy(said[3*second:], 4))
	w := Align(said, heard, rate, 1500*time.Millisecond)
	if least, _, _, most := Delays(w); len(w) < 8 || least != 0 || most != 0 {
		t.Errorf("%d windows, %s to %s", len(w), least, most)
	}
}

func TestCourse(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	got := Course([]Window{{0, 30 * ms, 1}, {4 * s, 40 * ms, 0.9}, {9 * s, 50 * ms, 0.8}, {12 * s, 900 * ms, 0.3}, {31 * s, 70 * ms, 1}}, 10*s)
	if want := []time.Duration{40 * ms, -1, -1, 70 * ms}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// repeated has a share of its frames of 20 ms, in runs of that mean length, replaced by the one
// before: nothing of it is late.
func repeated(pcm []int16, rate int, share, run float64) []int16 {
	rng, out, size := rand.New(rand.NewPCG(11, 3)), slices.Clone(pcm), rate/50
	for i, bad := size, false; i+size <= len(out); i += size {
		if bad {
			bad = rng.Float64() >= 1/run
		} else {
			bad = rng.Float64() < share/(1-share)/run
		}
		if bad {
			copy(out[i:i+size], out[i-size:i])
		}
	}
	return out
}

// Sound that is made up is more like some other syllable than like what was said, and is not late
// for that.
func TestAlign_WhatIsMadeUpIsNotLate(t *testing.T) {
	for _, row := range []struct{ share, run float64 }{{0.2, 1}, {0.1, 4}, {0.15, 4}} {
		for seed := range uint64(2) {
			pcm := Speech(seed, 16000, 40*time.Second)
			w := Align(pcm, delayed(repeated(pcm, 16000, row.share, row.run), 35*16), 16000, time.Second)
			if least, median, _, most := Delays(w); median != 35*time.Millisecond || least < 15*time.Millisecond || most > 55*time.Millisecond {
				t.Errorf("%+v, seed %d: %s, %s, %s; want 35 ms", row, seed, least, median, most)
			}
		}
	}
}

// A delay that really moves is followed: up at once, down by and by.
func TestAlign_FollowsADelayThatMoves(t *testing.T) {
	const rate = 8000
	pcm := Speech(1, rate, 12*time.Second)
	heard := append(slices.Clone(pcm[:4*rate]), make([]int16, rate/4)...)
	at := 4 * rate
	for range 20 { // 12.5 ms less each 100 ms
		heard = append(heard, pcm[at:at+rate*175/2000]...)
		at += rate / 10
	}
	heard = append(heard, pcm[at:]...)
	longest := time.Duration(0)
	for _, w := range Align(pcm, heard, rate, time.Second) {
		still := w.At+400*time.Millisecond <= 4*time.Second || w.At >= 6*time.Second
		if still && w.Match >= credible && w.Delay > 5*time.Millisecond {
			t.Errorf("at %s: %s, want none", w.At, w.Delay)
		}
		longest = max(longest, w.Delay)
	}
	if longest < 190*time.Millisecond || longest > 250*time.Millisecond {
		t.Errorf("at most %s, want about 250 ms", longest)
	}
}

// TestNSIM_OrdersWhatIsWorse: the same is 1, and each step of noise and loss is worse.
func TestNSIM_OrdersWhatIsWorse(t *testing.T) {
	pcm := Speech(1, 16000, 8*time.Second)
	score := func(heard []int16) float64 {
		return NSIM(pcm, heard, 16000, 7000, Align(pcm, heard, 16000, 100*time.Millisecond))
	}
	if s := score(pcm); s < 0.9999 {
		t.Errorf("the same signal: %.4f", s)
	}
	if s := score(delayed(pcm, 640)); s < 0.99 {
		t.Errorf("only late: %.4f", s)
	}
	last := 1.0
	for _, worse := range [][]int16{noisy(pcm, 40), noisy(pcm, 30), noisy(pcm, 20), noisy(pcm, 10)} {
		s := score(worse)
		t.Logf("noise: %.3f", s)
		if s >= last {
			t.Errorf("more noise scores %.3f after %.3f", s, last)
		}
		last = s
	}
	last = 1
	for _, share := range []float64{0.02, 0.1, 0.3} {
		s := score(muted(pcm, 16000, share))
		t.Logf("muted %.2f: %.3f", share, s)
		if s >= last {
			t.Errorf("more silence scores %.3f after %.3f", s, last)
		}
		last = s
	}
}

func TestFindBreaks(t *testing.T) {
	tone := func() []int16 {
		pcm := make([]int16, 16000)
		for i := range pcm {
			pcm[i] = int16(8230 * math.Sin(2*math.Pi*440*float64(i)/8000))
		}
		return pcm
	}
	if b := FindBreaks(tone(), 8000, 440, -12); b != (Breaks{}) {
		t.Errorf("a whole tone: %+v", b)
	}
	gap := tone()
	clear(gap[4000:4240])
	if b := FindBreaks(gap, 8000, 440, -12); b.Gaps != 1 || b.Longest < 27*time.Millisecond || b.Longest > 32*time.Millisecond {
		t.Errorf("30 ms of nothing: %+v", b)
	}
	cut := tone()
	cut = append(cut[:5000], cut[5007:]...)
	if b := FindBreaks(cut, 8000, 440, -12); b.Clicks != 1 || b.Gaps != 0 {
		t.Errorf("a cut: %+v", b)
	}
}

// TestMadeUp: as much is told as was replaced, wherever the frames begin and however late they are.
func TestMadeUp(t *testing.T) {
	for _, rate := range []int{8000, 48000} {
		for _, share := range []float64{0, 0.05, 0.2} {
			pcm := Noise(1, rate, 8*time.Second)
			off := rate * 7 / 1000
			replaced := append(slices.Clone(pcm[:off]), repeated(pcm[off:], rate, share, 2)...)
			same := 0
			for i, v := range replaced {
				if v == pcm[i] {
					same++
				}
			}
			want := 1 - float64(same)/float64(len(pcm))
			got := MadeUp(pcm, delayed(replaced, rate/20), rate, Align(pcm, delayed(replaced, rate/20), rate, time.Second))
			if math.Abs(got-want) > 0.02 || share == 0 && got != 0 {
				t.Errorf("%d Hz: %.3f made up, want %.3f", rate, got, want)
			}
		}
	}
}
