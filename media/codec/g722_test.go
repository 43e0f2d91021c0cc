package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ringback/media/audio"
)

// signals722 are what the codecs are compared with: all that drives the quantisers
// and predictors to their bounds. Each is n samples at 16 kHz and the same each time.
func signals722(n int) map[string][]int16 {
	const rate = 16000.0
	r := rand.New(rand.NewPCG(7, 22))
	make16 := func(f func(i int) float64) []int16 {
		out := make([]int16, n)
		for i := range out {
			out[i] = int16(max(-32768, min(32767, math.Round(f(i)))))
		}
		return out
	}
	sine := func(hz, peak float64) func(int) float64 {
		return func(i int) float64 { return peak * math.Sin(2*math.Pi*hz*float64(i)/rate) }
	}
	noise := func(peak float64) func(int) float64 {
		return func(int) float64 { return peak * (2*r.Float64() - 1) }
	}
	return map[string][]int16{
		"silence":  make16(func(int) float64 { return 0 }),
		"low":      make16(sine(440, 20000)),
		"high":     make16(sine(6000, 20000)),
		"faint":    make16(sine(1000, 30)),
		"edge":     make16(sine(3990, 32767)),
		"noise":    make16(noise(32767)),
		"hiss":     make16(noise(200)),
		"square":   make16(func(i int) float64 { return 32767 * math.Copysign(1, sine(700, 1)(i)) }),
		"extremes": make16(func(i int) float64 { return 32767.5*math.Copysign(1, r.Float64()-0.5) - 0.5 }),
		"sweep":    make16(func(i int) float64 { return 25000 * math.Sin(math.Pi*7900*float64(i)*float64(i)/float64(n)/rate) }),
		"bursts": make16(func(i int) float64 {
			if i/800%2 == 0 {
				return sine(300, 12000)(i) + sine(2500, 6000)(i) + sine(5500, 3000)(i)
			}
			return 0
		}),
	}
}

func encode722(t testing.TB, pcm []int16) []byte {
	t.Helper()
	enc, code := newG722Encoder(), []byte(nil)
	for i := 0; i < len(pcm); i += 320 {
		var err error
		if code, err = enc.Encode(code, pcm[i:min(i+320, len(pcm))]); err != nil {
			t.Fatal(err)
		}
	}
	return code
}

// wrapped decodes as spandsp does, which lets the sum of both bands wrap round where
// it has more than 16 bits. Ours stays at the edge: TestG722_Saturates.
func wrapped(code []byte) []int16 {
	d, out := newG722Decoder(), []int16(nil)
	for _, c := range code {
		first, second := d.step(c)
		out = append(out, int16(first), int16(second))
	}
	return out
}

// goldens are what spandsp made of 100 ms of each signal, and of random codes:
// g722_oracle_test.go writes them.
const goldenSamples = 1600

func TestG722_BitExactWithTheGoldens(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "g722", "*.bin"))
	if err != nil || len(files) != len(signals722(2)) {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil || len(raw) != 2*goldenSamples+goldenSamples/2+2*goldenSamples {
			t.Fatalf("%s: %d bytes, %v", file, len(raw), err)
		}
		pcm, code, out := samplesOf(raw[:2*goldenSamples]), raw[2*goldenSamples:][:goldenSamples/2], samplesOf(raw[2*goldenSamples+goldenSamples/2:])
		if got := encode722(t, pcm); !bytes.Equal(got, code) {
			t.Errorf("%s: encoded otherwise from byte %d on", file, firstDifference(got, code))
		}
		if got := wrapped(code); !slices.Equal(got, out) {
			t.Errorf("%s: decoded otherwise from sample %d on", file, firstDifference(got, out))
		}
	}
}

func samplesOf(raw []byte) []int16 {
	out := make([]int16, len(raw)/2)
	for i := range out {
		out[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return out
}

func firstDifference[T comparable](got, want []T) int {
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			return i
		}
	}
	return len(want)
}

// TestG722_Saturates: a loud sound is cut off at full scale and never turns over.
func TestG722_Saturates(t *testing.T) {
	code := encode722(t, signals722(16000)["square"])
	got, err := newG722Decoder().Decode(nil, code[:1000])
	if err != nil {
		t.Fatal(err)
	}
	full, turned := 0, wrapped(code[:1000])
	for i, s := range got {
		if s == 32767 || s == -32768 {
			full++
			if turned[i] != s && (turned[i] < 0) == (s < 0) {
				t.Errorf("sample %d is %d, the sum's low bits are %d", i, s, turned[i])
			}
		} else if s != turned[i] {
			t.Errorf("sample %d is %d, want %d", i, s, turned[i])
		}
	}
	if full == 0 {
		t.Error("nothing was cut off: the signal does not prove it")
	}
}

// TestG722_WhatIsHeard: tones of both bands come back at their level, and what is
// added is 20 dB below them or better (a 4 kHz codec would lose the higher ones).
func TestG722_WhatIsHeard(t *testing.T) {
	for _, hz := range []float64{300, 1004, 3000, 4500, 6000, 6800} {
		pcm := make([]int16, 16000)
		for i := range pcm {
			pcm[i] = int16(math.Round(8000 * math.Sin(2*math.Pi*hz*float64(i)/16000)))
		}
		out, err := newG722Decoder().Decode(nil, encode722(t, pcm)[:700])
		if err != nil {
			t.Fatal(err)
		}
		tone, rest := split(out[400:], hz)
		if off := 20 * math.Log10(tone/(8000/math.Sqrt2)); math.Abs(off) > 1 {
			t.Errorf("%v Hz is off by %.1f dB", hz, off)
		}
		if snr := 20 * math.Log10(tone/rest); snr < 20 {
			t.Errorf("%v Hz: %.1f dB of signal to noise", hz, snr)
		}
	}
}

// split is the effective value of a tone in a signal, and of all the rest.
func split(pcm []int16, hz float64) (tone, rest float64) {
	var re, im, all float64
	for i, s := range pcm {
		a := 2 * math.Pi * hz * float64(i) / 16000
		re, im, all = re+float64(s)*math.Cos(a), im+float64(s)*math.Sin(a), all+float64(s)*float64(s)
	}
	n := float64(len(pcm))
	tone = math.Sqrt(2) * math.Hypot(re, im) / n
	return tone, math.Sqrt(max(all/n-tone*tone, 1e-9))
}

func TestG722_RefusesWhatItCannotTake(t *testing.T) {
	c, ok := Find("g722", 8000)
	if !ok || c.SampleRate != 16000 || c.PayloadType != 9 || c.FrameSamples() != 320 || c.FrameTicks() != 160 || c.Ticks(320) != 160 {
		t.Errorf("%+v", c)
	}
	if _, err := c.NewEncoder().Encode(nil, make(audio.Frame, 3)); err == nil {
		t.Error("three samples were encoded")
	}
	if got, err := c.NewDecoder().Decode(make(audio.Frame, 1), make([]byte, MaxPayload+1)); !errors.Is(err, ErrPayload) || len(got) != 1 {
		t.Errorf("%d samples: %v", len(got), err)
	}
}

func TestG722_DoesNotAllocate(t *testing.T) {
	enc, dec := newG722Encoder(), newG722Decoder()
	pcm, payload := make(audio.Frame, 320), make([]byte, 0, 160)
	if n := testing.AllocsPerRun(100, func() {
		payload, _ = enc.Encode(payload[:0], pcm[:320])
		pcm, _ = dec.Decode(pcm[:0], payload)
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// FuzzG722 decodes whatever comes, and encodes what came of it: nothing may panic,
// and both sides stay in step with each other.
func FuzzG722(f *testing.F) {
	f.Add([]byte{0xFF, 0x00, 0x55})
	f.Add(bytes.Repeat([]byte{0x1D, 0xC0}, 200))
	f.Fuzz(func(t *testing.T, payload []byte) {
		dec, enc := newG722Decoder(), newG722Encoder()
		pcm, err := dec.Decode(nil, payload)
		if err != nil {
			return
		}
		code, err := enc.Encode(nil, pcm)
		if err != nil || len(code) != len(payload) {
			t.Fatalf("%d bytes of %d: %v", len(code), len(payload), err)
		}
		far := newG722Decoder()
		if _, err := far.Decode(nil, code); err != nil || far.low != enc.low || far.high != enc.high {
			t.Errorf("the two sides went apart: %v", err)
		}
	})
}

func BenchmarkG722(b *testing.B) {
	enc, dec := newG722Encoder(), newG722Decoder()
	pcm, payload := signals722(320)["noise"], make([]byte, 0, 160)
	b.Run("op=encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			payload, _ = enc.Encode(payload[:0], pcm)
		}
	})
	b.Run("op=decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			pcm, _ = dec.Decode(pcm[:0], payload)
		}
	})
}
