package headset

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"ringback/media/audio"
)

var rates = []int{audio.Rate8k, audio.Rate16k, audio.Rate48k}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func processor(t *testing.T, rate int, cfg Config) *Processor {
	t.Helper()
	p, err := New(rate, cfg)
	must(t, err)
	t.Cleanup(p.Close)
	return p
}

// sine is n frames of a tone at an amplitude.
func sine(rate int, hz, amplitude float64, frames int) []int16 {
	pcm := make([]int16, frames*audio.FrameSamples(rate))
	for i := range pcm {
		pcm[i] = audio.Saturate(int32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return pcm
}

// each works on pcm frame by frame and returns what came out.
func each(rate int, pcm []int16, work func(audio.Frame)) []int16 {
	out := append([]int16(nil), pcm...)
	for n := audio.FrameSamples(rate); len(pcm) >= n; pcm = pcm[n:] {
		work(out[len(out)-len(pcm):][:n])
	}
	return out
}

func peak(pcm []int16) (top int) {
	for _, s := range pcm {
		top = max(top, int(s), -int(s))
	}
	return top
}

// TestLimiter_NoSampleAboveTheCeiling: whatever the far end sends, with the ear
// turned up or not.
func TestLimiter_NoSampleAboveTheCeiling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom(rates).Draw(t, "rate")
		cfg := Config{Ceiling: -rapid.IntRange(0, -MinCeiling).Draw(t, "down"), Volume: rapid.IntRange(-MaxGain, MaxGain).Draw(t, "volume"),
			SideTone: rapid.IntRange(-20, 0).Draw(t, "side")}
		p, err := New(rate, cfg)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		pcm := make([]int16, 40*audio.FrameSamples(rate))
		for at := 0; at < len(pcm); { // stretches of silence, noise, tones, full-scale squares and single spikes
			end := min(len(pcm), at+1+rng.IntN(rate/10))
			kind, loud, step := rng.IntN(5), rng.Float64()*32768, 0.05+rng.Float64()*3
			for i := at; i < end; i++ {
				switch kind {
				case 1:
					pcm[i] = int16(rng.Uint32())
				case 2:
					pcm[i] = audio.Saturate(int32(loud * math.Sin(float64(i)*step)))
				case 3:
					pcm[i] = int16(-32768 + 65535*(i/40%2))
				case 4:
					if i == at {
						pcm[i] = -32768
					}
				}
			}
			at = end
		}
		mic := make(audio.Frame, audio.FrameSamples(rate))
		out := each(rate, pcm, func(f audio.Frame) {
			for i := range mic {
				mic[i] = int16(rng.Uint32())
			}
			p.Microphone(mic)
			p.Ear(f)
		})
		if top, limit := peak(out), int(cfg.CeilingSample()); top > limit && cfg.Ceiling < 0 { // 0: full scale
			t.Fatalf("a sample of %d, the ceiling is %d", top, limit)
		}
	})
}

// TestProcessor_SetWhileItRuns: gain and volume move without a step; the ceiling holds
// whatever is set, and what is out of range changes nothing.
func TestProcessor_SetWhileItRuns(t *testing.T) {
	const rate = 16000
	p := processor(t, rate, Config{Ceiling: -6})
	at := 0
	steps := map[int]int{20: 12, 100: -30, 180: 30, 260: 0}
	out := each(rate, sine(rate, 440, 12000, 360), func(f audio.Frame) {
		if db, is := steps[at]; is {
			must(t, p.SetVolume(db))
		}
		at++
		p.Ear(f)
	})
	if limit := int(Config{Ceiling: -6}.CeilingSample()); peak(out) > limit {
		t.Errorf("a sample of %d, the ceiling is %d", peak(out), limit)
	}
	n := audio.FrameSamples(rate)
	for of, want := range map[int]int{10: 12000, 90: 16422, 170: 379, 250: 16422, 350: 12000} {
		if got := peak(out[of*n : (of+1)*n]); got < want*97/100 || got > want*103/100 {
			t.Errorf("frame %d: up to %d, want %d", of, got, want)
		}
	}
	must(t, p.SetGain(-6))
	must(t, p.SetVolume(3))
	if mic, ear := p.Chains(); mic != "microphone gain -6 dB" || ear != "volume +3 dB, limiter -6 dBFS" {
		t.Errorf("%q and %q", mic, ear)
	}
	mic := each(rate, sine(rate, 440, 12000, 5), func(f audio.Frame) { p.Microphone(f) })
	if got := peak(mic[2*n:]); got < 5900 || got > 6100 {
		t.Errorf("the microphone at -6 dB: up to %d", got)
	}
	if p.SetGain(31) == nil || p.SetVolume(-31) == nil {
		t.Error("31 dB were taken")
	}
	if mic, _ := p.Chains(); mic != "microphone gain -6 dB" {
		t.Errorf("after that %q", mic)
	}
}

// TestLimiter_TheGainIsThereInTime: the slope alone brings each sample to the ceiling;
// the comparison at the end is for the last bit only.
func TestLimiter_TheGainIsThereInTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, rate := range rates {
		l := newLimiter(rate, -12)
		for i := range 20 * rate {
			out := l.delayed[l.at%l.n]
			s := int16(rng.IntN(2000))
			if rng.IntN(rate/50) == 0 {
				s = int16(-32768 + rng.IntN(65536))
			}
			l.step(s)
			if got := math.Abs(float64(out)) * l.sum / float64(l.n); got > float64(l.ceiling)+1 {
				t.Fatalf("%d Hz, sample %d: %d comes out at %.0f, the ceiling is %d", rate, i, out, got, l.ceiling)
			}
		}
	}
}

// TestLimiter_LeavesAloneWhatIsBelow: but for 3 ms of delay.
func TestLimiter_LeavesAloneWhatIsBelow(t *testing.T) {
	for _, rate := range rates {
		in := sine(rate, 440, 20000, 20)
		out := each(rate, in, newLimiter(rate, -3).process)
		n := rate * 3 / 1000
		for i := range len(in) - n {
			if out[i+n] != in[i] {
				t.Fatalf("%d Hz: sample %d is %d, was %d", rate, i, out[i+n], in[i])
			}
		}
	}
}

// TestLimiter_TurnsDownWithoutAClick: a tone that steps 20 dB over the ceiling is
// brought to it in a slope, keeps its form, and the soft tone after it is back to
// its level within half a second.
func TestLimiter_TurnsDownWithoutAClick(t *testing.T) {
	const rate = audio.Rate16k
	soft, loud := sine(rate, 500, 3000, 25), sine(rate, 500, 32000, 25)
	in := append(append(append([]int16(nil), soft...), loud...), append(soft, soft...)...)
	out := each(rate, in, newLimiter(rate, -20).process)
	limit := int(ceiling(-20))
	mid := out[len(soft)+rate/10 : len(soft)+len(loud)-rate/10]
	if top := peak(mid); top < limit*97/100 {
		t.Errorf("the loud tone is at %d, the ceiling at %d", top, limit)
	}
	var steps int
	for i := 1; i < len(out); i++ {
		steps = max(steps, int(math.Abs(float64(out[i])-float64(out[i-1]))))
	}
	if most := int(1.6 * float64(limit) * 2 * math.Pi * 500 / rate); steps > most {
		t.Errorf("a step of %d: a tone at the ceiling has at most %d", steps, most)
	}
	if top := peak(out[len(out)-len(soft):]); top < 2990 {
		t.Errorf("half a second later the soft tone is at %d, was 3000", top)
	}
}

func TestHighPass(t *testing.T) {
	for _, rate := range rates {
		for _, row := range []struct{ hz, least, most float64 }{
			{20, -40, -25}, {50, -14, -11}, {100, -3.5, -2.5}, {300, -0.3, 0.1}, {1000, -0.1, 0.1}, {3400, -0.1, 0.1},
		} {
			out := each(rate, sine(rate, row.hz, 16000, 100), newHighPass(rate).process)
			db := audio.LevelDBFS(out[len(out)/2:]) - audio.LevelDBFS(sine(rate, row.hz, 16000, 50))
			if db < row.least || db > row.most {
				t.Errorf("%.0f Hz at %d Hz: %.1f dB, want %.1f to %.1f", row.hz, rate, db, row.least, row.most)
			}
		}
		offset := make([]int16, rate)
		for i := range offset {
			offset[i] = 4000
		}
		if out := each(rate, offset, newHighPass(rate).process); peak(out[rate/2:]) > 1 {
			t.Errorf("an offset of 4000 leaves %d", peak(out[rate/2:]))
		}
	}
}

func TestSideTone(t *testing.T) {
	const rate = audio.Rate8k
	p := processor(t, rate, Config{SideTone: -20})
	voice, quiet := sine(rate, 440, 10000, 10), make(audio.Frame, audio.FrameSamples(rate))
	var heard []int16
	each(rate, voice, func(f audio.Frame) {
		p.Microphone(f)
		clear(quiet)
		p.Ear(quiet)
		heard = append(heard, quiet...)
	})
	if top := peak(heard); top < 990 || top > 1010 {
		t.Errorf("the own voice of 10000 is heard at %d, want 1000", top)
	}
}

func TestGains(t *testing.T) {
	const rate = audio.Rate16k
	p := processor(t, rate, Config{MicrophoneGain: 6, Volume: -6})
	mic, ear := each(rate, sine(rate, 440, 8000, 10), p.Microphone), each(rate, sine(rate, 440, 8000, 10), p.Ear)
	if m, e := peak(mic), peak(ear); m < 15900 || m > 16000 || e < 4000 || e > 4020 {
		t.Errorf("8000 becomes %d at the microphone and %d at the ear", m, e)
	}
}

func TestChainsPrintThemselves(t *testing.T) {
	p := processor(t, audio.Rate8k, Config{HighPass: true, MicrophoneGain: 6, Volume: -3, SideTone: -30, Ceiling: -9})
	mic, ear := p.Chains()
	if mic != "high-pass 100 Hz, microphone gain +6 dB" || ear != "volume -3 dB, side-tone -30 dB, limiter -9 dBFS" {
		t.Errorf("%s\n%s", mic, ear)
	}
}

func TestConfig(t *testing.T) {
	for _, row := range []struct {
		cfg  Config
		want string
	}{
		{Config{MicrophoneGain: 31}, "microphone gain 31 dB: write -30 to 30"},
		{Config{Volume: -31}, "volume -31 dB: write -30 to 30"},
		{Config{SideTone: 1}, "side-tone 1 dB: write -60 to 0"},
		{Config{Ceiling: 1}, "ceiling 1 dB: write -30 to 0"},
	} {
		if _, err := New(audio.Rate8k, row.cfg); err == nil || err.Error() != row.want {
			t.Errorf("%v, want %s", err, row.want)
		}
	}
	if _, err := ParseNoiseSuppression("much"); err == nil {
		t.Error("a grade that there is not was taken")
	}
	_, err := New(audio.Rate8k, Config{NoiseSuppression: NoiseHigh, AutoGain: true})
	if !Library && !errors.Is(err, ErrNoLibrary) || Library && err != nil {
		t.Errorf("with the library %v: %v", Library, err)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	p := processor(t, audio.Rate16k, all())
	mic, ear := sine(audio.Rate16k, 440, 30000, 1), sine(audio.Rate16k, 700, 30000, 1)
	if n := testing.AllocsPerRun(100, func() { p.Microphone(mic); p.Ear(ear) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// all is everything that this build can do.
func all() Config {
	cfg := Config{HighPass: true, MicrophoneGain: 3, Volume: 3, SideTone: -30, Ceiling: -9}
	if Library {
		cfg.EchoCancellation, cfg.AutoGain, cfg.NoiseSuppression = true, true, NoiseHigh
	}
	return cfg
}

// Budget at 16 kHz, of the 20 ms that a frame takes: 30 us without the library, 600 us with all of it.
func BenchmarkProcessor(b *testing.B) {
	for _, rate := range rates {
		b.Run(fmt.Sprintf("rate=%d/library=%v", rate, Library), func(b *testing.B) {
			p, err := New(rate, all())
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			mic, ear := sine(rate, 440, 9000, 1), sine(rate, 700, 9000, 1)
			b.ReportAllocs()
			for b.Loop() {
				p.Microphone(mic)
				p.Ear(ear)
			}
		})
	}
}
