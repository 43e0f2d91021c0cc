package mixer

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"ringback/internal/quality"
	"ringback/media/audio"
)

const dBov = -3.01 // dBFS of media/audio, at which a full sine is 0, to dBov

// at brings x to a level of active speech in dBov.
func at(x []int16, level float64) []int16 {
	gain := audio.Linear(level - activeLevel(x))
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = audio.Saturate(int32(math.Round(float64(v) * gain)))
	}
	return out
}

// activeLevel is the level of speech in dBov while there is some: of the frames that
// are at most 16 dB below the mean of those that count.
func activeLevel(x []int16) float64 {
	const frame = 320
	least, power := 0.0, 0.0
	for range 8 {
		n := 0
		power = 0
		for i := 0; i+frame <= len(x); i += frame {
			if p := audio.Power(x[i : i+frame]); p > least {
				power, n = power+p, n+1
			}
		}
		power /= float64(max(1, n))
		least = power / 40
	}
	return audio.PowerDBFS(power) + dBov
}

func withNoise(x []int16, level float64, seed uint64) []int16 {
	rng := rand.New(rand.NewPCG(seed, 3))
	amplitude := 32768 * math.Pow(10, level/20)
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = audio.Saturate(int32(float64(v) + amplitude*rng.NormFloat64()))
	}
	return out
}

// level sends x through a leveller and returns what became of it, and the gain in dB
// after each frame.
func level(x []int16, rate int) (out []int16, gains []float64) {
	l, n := newLeveller(), audio.FrameSamples(rate)
	scratch := make([]int32, n)
	for i := 0; i+n <= len(x); i += n {
		f := append(audio.Frame(nil), x[i:i+n]...)
		l.process(f, scratch)
		out, gains = append(out, f...), append(gains, l.gain)
	}
	return out, gains
}

func TestLeveller_BringsPartiesWithin3dB(t *testing.T) {
	for _, rate := range []int{audio.Rate8k, audio.Rate16k, audio.Rate48k} {
		least, most := math.Inf(1), math.Inf(-1)
		for seed, in := range []float64{-35, -30, -26, -22, -16, -10} {
			x := withNoise(at(quality.Speech(uint64(seed), rate, 20*time.Second), in), -68, 1)
			y, gains := level(x, rate)
			after := activeLevel(y[5*rate:])
			least, most = min(least, after), max(most, after)
			lo, hi := math.Inf(1), math.Inf(-1)
			for _, g := range gains[250:] {
				lo, hi = min(lo, g), max(hi, g)
			}
			if hi-lo > 3 {
				t.Errorf("%d Hz, %.0f dBov: the gain pumps between %.1f and %.1f dB", rate, in, lo, hi)
			}
			t.Logf("%d Hz: %.0f dBov became %.1f dBov, gain %.1f to %.1f dB", rate, in, after, lo, hi)
		}
		if most-least > 3 {
			t.Errorf("%d Hz: parties are at %.1f to %.1f dBov", rate, least, most)
		}
	}
}

func TestLeveller_DoesNotSwellInPauses(t *testing.T) {
	speech := at(quality.Speech(3, audio.Rate16k, 6*time.Second), -30)
	x := withNoise(append(append(speech, make([]int16, 10*audio.Rate16k)...), speech...), -60, 2)
	_, gains := level(x, audio.Rate16k)
	for i := 310; i < 790; i++ {
		if gains[i] != gains[309] {
			t.Fatalf("the gain went from %.2f to %.2f dB in a pause", gains[309], gains[i])
		}
	}
}

// levelled is what the first of a levelled conference hears of the others' voices, which
// are of one length.
func levelled(t *testing.T, rate int, voices [][]int16) (heard []int16) {
	t.Helper()
	m := New(audio.FrameSamples(rate))
	slots := seats(t, m, len(voices))
	if err := m.SetRoutes(Conference(slots...)); err != nil {
		t.Fatal(err)
	}
	m.SetLevelled(slots...)
	for i, n := 0, m.samples; i+n <= len(voices[0]); i += n {
		for k, s := range slots {
			copy(m.In(s), voices[k][i:i+n])
		}
		m.Mix()
		heard = append(heard, m.Out(slots[0])...)
	}
	return heard
}

// TestMatrix_NoiseIsNotAddedUp: of 32 parties one speaks, and the noise of the others
// stays below what one of them alone would bring.
func TestMatrix_NoiseIsNotAddedUp(t *testing.T) {
	const rate, parties = audio.Rate16k, 32
	for _, noise := range []float64{-65, -55, -48} {
		voices := make([][]int16, parties)
		for i := range voices {
			voices[i] = withNoise(make([]int16, 10*rate), noise, uint64(i))
		}
		heard := levelled(t, rate, voices)
		after := audio.LevelDBFS(heard[8*rate:]) + dBov
		if after > noise+1 {
			t.Errorf("31 parties with noise at %.0f dBov are heard at %.1f dBov", noise, after)
		}
		t.Logf("noise of %.0f dBov of 31 parties is heard at %.1f dBov", noise, after)
	}
}

// TestLeveller_LetsWordsBegin: what the gate takes of speech is less than is heard.
func TestLeveller_LetsWordsBegin(t *testing.T) {
	const rate = audio.Rate16k
	for _, in := range []float64{-35, -22, -10} {
		clean := at(quality.Speech(5, rate, 20*time.Second), in)
		y, _ := level(withNoise(clean, -62, 4), rate)
		cut, all := 0, 0
		for i, n := 5*rate, rate/200; i+n <= len(y); i += n {
			was := audio.LevelDBFS(clean[i : i+n])
			if was+dBov < in-20 {
				continue
			}
			all++
			if after := audio.LevelDBFS(y[i : i+n]); after+dBov < -23-35 {
				cut++
			}
		}
		if cut*200 > all {
			t.Errorf("%.0f dBov: of %d pieces of 5 ms %d are lost", in, all, cut)
		}
	}
}

// clickless says how much of the second difference of a sine of hz stands out.
func steps(y []int16) (most int) {
	for i := 2; i < len(y); i++ {
		d := int(y[i]) - 2*int(y[i-1]) + int(y[i-2])
		most = max(most, d, -d)
	}
	return most
}

func TestLeveller_DoesNotClick(t *testing.T) {
	const rate = audio.Rate16k
	tone := func(db float64, length time.Duration) []int16 {
		x := make([]int16, int(length.Seconds()*rate))
		for i := range x {
			x[i] = int16(32767 * audio.Linear(db) * math.Sin(2*math.Pi*300*float64(i)/rate))
		}
		return x
	}
	x := append(tone(-8, 3*time.Second), tone(-30, 6*time.Second)...)
	y, gains := level(x, rate)
	if lo, hi := gains[149], gains[449]; lo > -8 || hi < 6 {
		t.Fatalf("the gain is %.1f dB for the loud and %.1f for the soft one", lo, hi)
	}
	// The curve of a sine at full level, and as much again for the ramps.
	curve := int(math.Pow(2*math.Pi*300/rate, 2) * 32767)
	if got := steps(y[:3*rate]); got > 2*curve {
		t.Errorf("a step of %d in the loud one", got)
	}
	if got := steps(y[3*rate+10:]); got > 2*curve {
		t.Errorf("a step of %d in the soft one", got)
	}
	// It ends as it began.
	l, f, scratch := newLeveller(), tone(-8, 20*time.Millisecond), make([]int32, 320)
	for range 150 {
		f = tone(-8, 20*time.Millisecond)
		l.process(f, scratch)
	}
	last := append([]int16(nil), f...)
	l.ends = true
	g := tone(-8, 20*time.Millisecond)
	if l.process(g, scratch) {
		t.Error("it did not end")
	}
	if got := steps(append(last[300:], g...)); got > 2*curve {
		t.Errorf("a step of %d where it ends", got)
	}
}

func TestLimiter_HoldsASumWithoutClipping(t *testing.T) {
	const rate = audio.Rate16k
	m := New(audio.FrameSamples(rate))
	slots := seats(t, m, 8)
	if err := m.SetRoutes(Conference(slots...)); err != nil {
		t.Fatal(err)
	}
	var heard []int16
	clipped := 0
	for i := range 100 {
		for k, s := range slots {
			for j := range m.In(s) {
				at := float64(i*m.samples+j) / rate
				m.In(s)[j] = int16(9000 * math.Sin(2*math.Pi*(300+37*float64(k))*at))
			}
		}
		m.Mix()
		heard = append(heard, m.Out(slots[0])...)
	}
	for i := 1; i < len(heard); i++ {
		if v := heard[i]; i > rate && (v == 32767 || v == -32768) && v == heard[i-1] {
			clipped++
		}
	}
	if clipped > 20 {
		t.Errorf("%d samples are cut off in a second", clipped)
	}
	if level := audio.LevelDBFS(heard[rate:]); level < -9 || level > -1 {
		t.Errorf("seven loud parties are heard at %.1f dBFS", level)
	}
}
