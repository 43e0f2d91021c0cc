package dtmf

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// play renders a sequence in frames of 20 ms.
func play(t testing.TB, cfg ToneConfig, seq Sequence) (samples []int16, began, sent string) {
	t.Helper()
	tone := NewTone(cfg)
	tone.Send(seq)
	frame := make([]int16, tone.cfg.Rate/50)
	for !tone.Idle() {
		active, b, s := tone.Fill(frame)
		if !active {
			t.Fatal("a player that is not idle left a frame alone")
		}
		began, sent = began+b.String(), sent+s.String()
		samples = append(samples, frame...)
	}
	return samples, began, sent
}

// listen returns the digits that a detector hears; writes come in odd pieces.
func listen(t testing.TB, rate int, samples []int16) (digits string, lengths []time.Duration) {
	t.Helper()
	d := NewDetector(rate)
	var all []Heard
	samples = append(samples, make([]int16, rate/10)...)
	for len(samples) > 0 {
		n := min(137, len(samples))
		all = d.Write(all, samples[:n])
		samples = samples[n:]
	}
	for i, h := range all {
		if want := Phase(i%2) + Pressed; h.Phase != want {
			t.Fatalf("reports out of order: %v", all)
		}
		if h.Phase == Pressed {
			digits += h.Digit.String()
		} else {
			lengths = append(lengths, h.Duration)
		}
	}
	return digits, lengths
}

func TestTone_EveryDigitIsHeardAtEveryRate(t *testing.T) {
	const want = "1234567890*#ABCD1122"
	for _, rate := range []int{8000, 16000, 44100, 48000} {
		for _, held := range []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, time.Second} {
			samples, began, sent := play(t, ToneConfig{Rate: rate, Duration: held}, must(t, want))
			if began != want || sent != want {
				t.Errorf("%d Hz: began %q, sent %q", rate, began, sent)
			}
			got, lengths := listen(t, rate, samples)
			if got != want {
				t.Errorf("%d Hz, %v: heard %q", rate, held, got)
			}
			for _, l := range lengths {
				if d := (l - held).Abs(); d > 30*time.Millisecond {
					t.Errorf("%d Hz: held for %v, heard for %v", rate, held, l)
				}
			}
		}
	}
}

func TestTone_LevelPausesAndEdges(t *testing.T) {
	samples, _, _ := play(t, ToneConfig{Level: -12}, must(t, "1w2"))
	peak, step := 0, 0
	for i, s := range samples {
		peak = max(peak, int(s), -int(s))
		if i > 0 {
			step = max(step, int(s)-int(samples[i-1]))
		}
	}
	if want := 2 * math.Pow(10, -12.0/20) * 32767; float64(peak) > want || float64(peak) < want*0.9 {
		t.Errorf("peak %d, want just under %.0f", peak, want)
	}
	if samples[0] > 200 || samples[799] > 2000 {
		t.Errorf("the edges click: %d and %d", samples[0], samples[799])
	}
	// 100 ms, gap 60 ms and 500 ms, 100 ms, gap: in frames of 20 ms.
	if n := len(samples); n < 820*8 || n > 840*8 {
		t.Errorf("%d samples in all", n)
	}
	for i, s := range samples[800 : 800+560*8] {
		if s != 0 {
			t.Fatalf("sample %d of the pause is %d", i, s)
		}
	}
}

func TestTone_ClearFades(t *testing.T) {
	tone := NewTone(ToneConfig{Duration: 10 * time.Second})
	tone.Send(must(t, "12"))
	frame := make([]int16, 160)
	tone.Fill(frame)
	tone.Clear()
	_, _, sent := tone.Fill(frame)
	if sent != '1' || frame[159] != 0 {
		t.Errorf("sent %q, last sample %d", sent, frame[159])
	}
	for range 10 {
		tone.Fill(frame)
	}
	if active, _, _ := tone.Fill(frame); active || !tone.Idle() {
		t.Error("still at it")
	}
}

func add(dst []int16, hz, level float64) {
	amp := math.Pow(10, level/20) * 32767
	for i := range dst {
		dst[i] += int16(amp * math.Sin(2*math.Pi*hz*float64(i)/8000))
	}
}

func TestDetector_TakesWhatQ24Asks(t *testing.T) {
	for name, row := range map[string]struct {
		rowHz, rowLevel, colHz, colLevel float64
		want                             string
	}{
		"plain":                       {697, -12, 1209, -12, "1"},
		"quiet":                       {697, -33, 1209, -33, "1"},
		"too quiet":                   {697, -45, 1209, -45, ""},
		"1.5 % off frequency":         {697 * 1.015, -12, 1209 * 0.985, -12, "1"},
		"4 % off frequency":           {697 * 1.04, -12, 1209 * 1.04, -12, ""},
		"column 4 dB louder":          {941, -16, 1633, -12, "D"},
		"column 12 dB louder":         {941, -24, 1633, -12, ""},
		"row 4 dB louder":             {770, -12, 1336, -16, "5"},
		"row 10 dB louder":            {770, -12, 1336, -22, ""},
		"one tone alone":              {770, -12, 0, 0, ""},
		"tones of no key (milliwatt)": {1004, -10, 0, 0, ""},
	} {
		samples := make([]int16, 8000)
		add(samples[800:2400], row.rowHz, row.rowLevel)
		if row.colHz > 0 {
			add(samples[800:2400], row.colHz, row.colLevel)
		}
		if got, _ := listen(t, 8000, samples); got != row.want {
			t.Errorf("%s: heard %q, want %q", name, got, row.want)
		}
	}
}

func TestDetector_HearsThroughNoiseAndG711(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	samples, _, _ := play(t, ToneConfig{Duration: 60 * time.Millisecond}, must(t, "159D*0#"))
	for i, s := range samples {
		samples[i] = s&^0xff + int16(rng.NormFloat64()*600)
	}
	if got, _ := listen(t, 8000, samples); got != "159D*0#" {
		t.Errorf("heard %q", got)
	}
}

func TestDetector_IsNotTalkedInto(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	samples := make([]int16, 60*8000) // noise in syllables, with voice-like harmonics
	for at := 0; at+2400 < len(samples); at += 2400 {
		pitch := 90 + 200*rng.Float64()
		for h := 1.0; h < 12; h++ {
			add(samples[at:at+2000], pitch*h, -20-2*h)
		}
	}
	for i := range samples {
		samples[i] += int16(rng.NormFloat64() * 500)
	}
	if got, _ := listen(t, 8000, samples); got != "" {
		t.Errorf("heard %q in a minute of babble", got)
	}
}

func BenchmarkDetector(b *testing.B) {
	d := NewDetector(8000)
	frame := make([]int16, 160)
	add(frame, 697, -12)
	var dst []Heard
	b.ReportAllocs()
	for b.Loop() {
		dst = d.Write(dst[:0], frame)
	}
}
