package audio

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

func sine(rate int, hz, dbfs float64, n int) Frame {
	f := make(Frame, n)
	a := 32767 * Linear(dbfs)
	for i := range f {
		f[i] = Saturate(int32(math.Round(a * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))))
	}
	return f
}

// thdn is everything in f that is not the sine of hz, in dB below it, by taking
// the best fitting sine away.
func thdn(f Frame, rate int, hz float64) float64 {
	var ss, sc, cc, fs, fc float64
	for i, v := range f {
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		ss, sc, cc = ss+s*s, sc+s*c, cc+c*c
		fs, fc = fs+float64(v)*s, fc+float64(v)*c
	}
	det := ss*cc - sc*sc
	a, b := (fs*cc-fc*sc)/det, (fc*ss-fs*sc)/det
	var signal, rest float64
	for i, v := range f {
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		fit := a*s + b*c
		signal += fit * fit
		rest += (float64(v) - fit) * (float64(v) - fit)
	}
	return 10 * math.Log10(rest/signal)
}

func TestResampler_THDN(t *testing.T) {
	for _, row := range []struct {
		from, to int
		hz, most float64
	}{
		{8000, 16000, 1004, -90}, {8000, 48000, 1004, -90}, {48000, 8000, 1004, -90}, {44100, 8000, 1004, -90},
		{8000, 44100, 3000, -88}, {16000, 48000, 5000, -88}, {22050, 8000, 1004, -90}, {11025, 48000, 1004, -88},
		{44101, 8000, 1004, -80}, {8000, 8000, 1004, -90},
	} {
		t.Run(fmt.Sprintf("from=%d/to=%d", row.from, row.to), func(t *testing.T) {
			out := NewResampler(row.from, row.to).Process(nil, sine(row.from, row.hz, -1, row.from))
			got := thdn(out[row.to/10:], row.to, row.hz)
			t.Logf("THD+N %.1f dB", got)
			if got > row.most {
				t.Errorf("THD+N %.1f dB, want at most %.0f", got, row.most)
			}
			if level := LevelDBFS(out[row.to/10:]); math.Abs(level+1) > 0.1 {
				t.Errorf("level %.2f dBFS, was -1", level)
			}
		})
	}
}

func TestResampler_AliasesAreGone(t *testing.T) {
	out := NewResampler(48000, 8000).Process(nil, sine(48000, 5000, -3, 48000))
	if level := LevelDBFS(out[800:]); level > -80 {
		t.Errorf("5 kHz comes through at 8 kHz with %.1f dBFS", level)
	}
}

func TestResampler_FramesStayFrames(t *testing.T) {
	for _, rate := range []int{8000, 16000, 32000, 44100, 48000} {
		r := NewResampler(rate, 8000)
		for i := range 100 {
			if n := len(r.Process(nil, make(Frame, FrameSamples(rate)))); n != 160 {
				t.Fatalf("%d Hz: frame %d became %d samples", rate, i, n)
			}
		}
	}
}

func TestRing_OneWriterOneReader(t *testing.T) {
	r := NewRing(1000)
	if r.Cap() != 1024 {
		t.Fatalf("capacity %d", r.Cap())
	}
	const total = 300_000
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]int16, 77)
		for next := 0; next < total; {
			n := min(len(buf), total-next)
			for i := range n {
				buf[i] = int16(next + i)
			}
			next += r.Write(buf[:n])
		}
	})
	buf := make([]int16, 91)
	for next := 0; next < total; {
		n := r.Read(buf)
		for i := range n {
			if buf[i] != int16(next+i) {
				t.Fatalf("sample %d is %d", next+i, buf[i])
			}
		}
		next += n
	}
	wg.Wait()
	if r.Write(make([]int16, 2000)) != 1024 || r.Free() != 0 || r.Skip(24) != 24 || r.Len() != 1000 {
		t.Errorf("len %d, free %d", r.Len(), r.Free())
	}
}

func TestTone_CadencesHaveTheirTimes(t *testing.T) {
	for _, row := range []struct {
		c       Cadence
		hz      float64
		on, off time.Duration
	}{
		{Ringback(), 425, time.Second, 4 * time.Second},
		{Busy(), 425, 500 * time.Millisecond, 500 * time.Millisecond},
		{Congestion(), 425, 250 * time.Millisecond, 250 * time.Millisecond},
		{CallWaiting(), 425, 200 * time.Millisecond, 200 * time.Millisecond},
		{AutoAnswerBeep(), 1000, 150 * time.Millisecond, 100 * time.Millisecond},
	} {
		t.Run(row.c.Name, func(t *testing.T) {
			g := NewTone(row.c, 8000)
			f := make(Frame, 8*int((row.on+row.off)/time.Millisecond))
			g.Fill(f)
			on := 8 * int(row.on/time.Millisecond)
			if p := thdn(f[100:on-100], 8000, row.hz); p > -60 {
				t.Errorf("impure: %.1f dB", p)
			}
			if level := LevelDBFS(f[100 : on-100]); math.Abs(level-localLevel) > 0.1 {
				t.Errorf("level %.1f", level)
			}
			if level := LevelDBFS(f[on+1:]); level != SilenceDBFS {
				t.Errorf("the pause has %.1f dBFS", level)
			}
			if f[0] != 0 || f[on-1] > 500 || f[on-1] < -500 {
				t.Error("it clicks")
			}
		})
	}
	g, f := NewTone(AutoAnswerBeep(), 8000), make(Frame, 160)
	n := 0
	for g.Fill(f) {
		n++
	}
	if n != 24 || g.Fill(f) { // half a second
		t.Errorf("the beep ends after %d frames", n)
	}
	g.Reset()
	if !g.Fill(f) || LevelDBFS(f) == SilenceDBFS {
		t.Error("reset does not begin again")
	}
	if NewTone(Cadence{}, 8000).Fill(f) {
		t.Error("an empty cadence goes on")
	}
	ring := NewTone(RingTone(), 8000)
	if ring.Fill(make(Frame, 160)); ring.ended {
		t.Error("ring ends")
	}
}

// TestTone_AboveWhatTheRateCarries: 5500 Hz at 8000 samples a second would be heard
// as 2500 Hz.
func TestTone_AboveWhatTheRateCarries(t *testing.T) {
	for rate, loud := range map[int]bool{8000: false, 11000: false, 16000: true} {
		f := make(Frame, FrameSamples(rate))
		NewTone(Sine(5500, -10), rate).Fill(f)
		if got := LevelDBFS(f); (got > -20) != loud {
			t.Errorf("at %d Hz: %.1f dBFS", rate, got)
		}
	}
}

func TestToneDetector_OnAfter200msOffAfter80(t *testing.T) {
	d := NewToneDetector(8000, 440, 1004)
	var on, off int
	at := 0
	changed := func(hz float64, is bool) {
		if hz != 440 {
			t.Errorf("%v Hz heard", hz)
		}
		if is {
			on = at
		} else {
			off = at
		}
	}
	f := sine(8000, 440, -30, 8000)
	for ; at < 50; at++ {
		d.Add(f[at*160:(at+1)*160], changed)
	}
	for ; at < 100; at++ {
		d.Add(make(Frame, 160), changed)
	}
	if on != 9 || off < 52 || off > 56 {
		t.Errorf("on at frame %d, off at %d", on, off)
	}
	if d.Present(440) || d.Level(77) != SilenceDBFS {
		t.Error("still there")
	}
}

func TestSpeechDetector_Hysteresis(t *testing.T) {
	var d SpeechDetector
	changes := 0
	feed := func(f Frame, frames int) bool {
		on := false
		for range frames {
			var changed bool
			if on, changed = d.Add(f); changed {
				changes++
			}
		}
		return on
	}
	noise := make(Frame, 160)
	for i := range noise {
		noise[i] = int16((i*7919)%41 - 20)
	}
	speech := sine(8000, 300, -20, 160)
	if feed(noise, 100) {
		t.Error("noise is speech")
	}
	if !feed(speech, 20) {
		t.Error("speech is not heard")
	}
	if !feed(noise, 10) || !feed(speech, 10) {
		t.Error("a gap between words ends it")
	}
	if feed(noise, 50) {
		t.Error("silence is not seen")
	}
	if changes != 2 {
		t.Errorf("%d changes", changes)
	}
}

func TestGain_RampsAndSaturates(t *testing.T) {
	g := NewGain(0)
	f := sine(8000, 400, -1, 160)
	g.Apply(f)
	g.Set(-120)
	g.Apply(f)
	if f[0] != 0 && f[1] == 0 || f[159] != 0 {
		t.Errorf("does not fade: %d ... %d", f[1], f[159])
	}
	g = NewGain(20)
	for i := range f {
		f[i] = 30000
	}
	g.Apply(f)
	if f[10] != 32767 {
		t.Errorf("wraps: %d", f[10])
	}
	if Linear(math.NaN()) != 0 || math.Abs(Linear(-6)-0.501) > 0.001 {
		t.Error("dB")
	}
}

func TestLevel_FullScaleSineIsZero(t *testing.T) {
	var m LevelMeter
	for range 100 {
		m.Add(sine(8000, 1000, 0, 160))
	}
	if math.Abs(m.DBFS()) > 0.05 || m.TakePeak() < 32700 || m.TakePeak() != 0 {
		t.Errorf("%.2f dBFS", m.DBFS())
	}
	if LevelDBFS(nil) != SilenceDBFS {
		t.Error("nothing has a level")
	}
}

func BenchmarkResampler(b *testing.B) {
	for _, rates := range [][2]int{{8000, 48000}, {48000, 8000}, {44100, 8000}} {
		b.Run(fmt.Sprintf("from=%d/to=%d", rates[0], rates[1]), func(b *testing.B) {
			r, in, out := NewResampler(rates[0], rates[1]), make(Frame, FrameSamples(rates[0])), make(Frame, 0, 2000)
			b.ReportAllocs()
			for b.Loop() {
				out = r.Process(out[:0], in)
			}
		})
	}
}

func BenchmarkTone(b *testing.B) {
	g, f := NewTone(Sine(440, -12), 8000), make(Frame, 160)
	b.ReportAllocs()
	for b.Loop() {
		g.Fill(f)
	}
}

func BenchmarkToneDetector(b *testing.B) {
	d, f := NewToneDetector(8000, 440), sine(8000, 440, -12, 160)
	b.ReportAllocs()
	for b.Loop() {
		d.Add(f, nil)
	}
}

func BenchmarkRing(b *testing.B) {
	r, f := NewRing(4096), make(Frame, 160)
	b.ReportAllocs()
	for b.Loop() {
		r.Write(f)
		r.Read(f)
	}
}

func TestResampler_NothingIsAllocatedOnceWarm(t *testing.T) {
	for _, way := range [][2]int{{8000, 48000}, {48000, 8000}, {16000, 48000}, {48000, 16000}, {44100, 48000}} {
		r, src := NewResampler(way[0], way[1]), make([]int16, FrameSamples(way[0]))
		var dst []int16
		one := func() { dst = r.Process(dst[:0], src) }
		for range 10 {
			one()
		}
		if n := testing.AllocsPerRun(200, one); n != 0 {
			t.Errorf("%v: %v allocations a frame", way, n)
		}
	}
}

// TestLevel_IsWhatTheSamplesSay: of frames of any length, with the most negative sample in
// them too.
func TestLevel_IsWhatTheSamplesSay(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := 1; n < 200; n++ {
		f, sum, peak := make(Frame, n), 0.0, 0
		for i := range f {
			if f[i] = int16(rng.Uint32()); rng.IntN(100) == 0 {
				f[i] = -32768
			}
			sum += float64(f[i]) * float64(f[i])
			peak = max(peak, int(f[i]), -int(f[i]))
		}
		var m LevelMeter
		m.Add(f)
		power := sum / float64(n)
		if got := Power(f); got != power || m.TakePeak() != peak {
			t.Fatalf("%d samples: power %v of %v, peak %d", n, got, power, peak)
		}
		if Louder(f, power*1.001) || !Louder(f, power*0.999) {
			t.Fatalf("%d samples: louder than %v: %v", n, power, Louder(f, power))
		}
	}
}
