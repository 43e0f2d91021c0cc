package codec

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"ringback/media/audio"
)

// The values that ITU-T G.711 tables 1 and 2 give: code, and decoder output
// scaled to 16 bits.
func TestG711_ValuesOfTheStandard(t *testing.T) {
	for _, row := range []struct {
		law  string
		code byte
		want int16
	}{
		{"PCMU", 0xFF, 0}, {"PCMU", 0x7F, 0}, {"PCMU", 0x80, 32124}, {"PCMU", 0x00, -32124}, {"PCMU", 0xFE, 8}, {"PCMU", 0xEF, 132}, {"PCMU", 0x8F, 16764},
		{"PCMA", 0xD5, 8}, {"PCMA", 0x55, -8}, {"PCMA", 0xAA, 32256}, {"PCMA", 0x2A, -32256}, {"PCMA", 0xD4, 24}, {"PCMA", 0xC5, 264},
	} {
		c, _ := Find(row.law, 0)
		got, err := c.NewDecoder().Decode(nil, []byte{row.code})
		if err != nil || got[0] != row.want {
			t.Errorf("%s %#x is %v, want %d", row.law, row.code, got, row.want)
		}
	}
}

func TestG711_EveryCodeComesBack(t *testing.T) {
	for _, c := range []Codec{alaw(), mulaw()} {
		enc, dec := c.NewEncoder(), c.NewDecoder()
		for code := range 256 {
			pcm, _ := dec.Decode(nil, []byte{byte(code)})
			back, _ := enc.Encode(nil, pcm)
			if back[0] != byte(code) && (c.Name != "PCMU" || code != 0x7F) { // minus nothing
				t.Errorf("%s: %#x is %d is %#x", c.Name, code, pcm[0], back[0])
			}
		}
	}
}

func TestG711_NearestWithinAStep(t *testing.T) {
	for _, c := range []Codec{alaw(), mulaw()} {
		enc, dec := c.NewEncoder(), c.NewDecoder()
		for v := -32768; v <= 32767; v++ {
			code, _ := enc.Encode(nil, audio.Frame{int16(v)})
			pcm, _ := dec.Decode(nil, code)
			off := math.Abs(float64(pcm[0]) - float64(v))
			if limit := math.Max(16, math.Abs(float64(v))/16); off > limit && v > -32000 && v < 32000 {
				t.Fatalf("%s: %d becomes %d", c.Name, v, pcm[0])
			}
		}
	}
}

func TestG711_RefusesWhatIsTooLong(t *testing.T) {
	c, _ := Find("pcmu", 8000)
	if _, err := c.NewDecoder().Decode(nil, make([]byte, MaxPayload+1)); !errors.Is(err, ErrPayload) {
		t.Errorf("%v", err)
	}
	if _, ok := Find("PCMU", 16000); ok {
		t.Error("PCMU at 16 kHz")
	}
}

func TestConcealer_GoesOnAndFades(t *testing.T) {
	const hz = 200.0
	c := NewConcealer(8000)
	f := make(audio.Frame, 160)
	at, last, most := 0, int16(0), 0
	next := func() {
		for i := range f {
			f[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(at)/8000))
			at++
		}
	}
	look := func() {
		for _, s := range f {
			if step := int(s) - int(last); step > most {
				most = step
			} else if -step > most {
				most = -step
			}
			last = s
		}
	}
	for range 10 {
		next()
		c.Good(f)
		look()
	}
	natural := most
	c.Conceal(f)
	look()
	if level := audio.LevelDBFS(f); level < -14 {
		t.Errorf("the first frame made up has %.1f dBFS, the sound had -10", level)
	}
	before := audio.LevelDBFS(f)
	for i := range 8 { // a tone repeats itself: 160 ms
		c.Conceal(f)
		look()
		level := audio.LevelDBFS(f)
		if level > before+0.1 || i < 2 && level < -20 {
			t.Errorf("%.1f dBFS after %d frames, %.1f before", level, i+2, before)
		}
		before = level
	}
	if before > roomMost+3 {
		t.Errorf("does not fall silent: %.1f dBFS", before)
	}
	at += 9 * 160
	next()
	c.Good(f)
	look()
	if most > natural+natural/2 {
		t.Errorf("a step of %d, the sound has %d", most, natural)
	}
	c.Reset()
	c.Conceal(f)
	if audio.LevelDBFS(f) != audio.SilenceDBFS {
		t.Error("reset remembers")
	}
}

// TestConcealer_LeavesTheRoom: behind a word that is cut off it does not go dead: the noise
// that was heard in the pauses comes up, at its level, and has faded out after 2 s.
func TestConcealer_LeavesTheRoom(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		rng := rand.New(rand.NewPCG(1, 2))
		c, f := NewConcealer(rate), make(audio.Frame, rate/50)
		say := func(level float64) {
			for i := range f {
				f[i] = int16(32767 / math.Sqrt2 * audio.Linear(level) * rng.NormFloat64())
			}
		}
		for i := range 100 {
			say(-60)
			if i > 80 {
				say(-20) // a hiss, which does not repeat itself: gone after 80 ms
			}
			c.Good(f)
		}
		var levels []float64
		for range 110 {
			c.Conceal(f)
			levels = append(levels, audio.LevelDBFS(f))
		}
		for i, level := range levels {
			switch {
			case i == 0 && level < -25, i >= 5 && i < 45 && math.Abs(level+60) > 3, i >= 101 && level != audio.SilenceDBFS:
				t.Errorf("%d Hz: frame %d has %.1f dBFS", rate, i, level)
			}
		}
	}
}

// TestConcealer_QuietAfterSound: where the sender pauses nothing is made up, not even noise.
func TestConcealer_QuietAfterSound(t *testing.T) {
	c, f := NewConcealer(8000), make(audio.Frame, 160)
	for i := range f {
		f[i] = int16(i * 50)
	}
	c.Good(f)
	c.Quiet(f)
	c.Quiet(f)
	if level := audio.LevelDBFS(f); level != audio.SilenceDBFS {
		t.Errorf("%.1f dBFS", level)
	}
}

func BenchmarkG711(b *testing.B) {
	for _, c := range []Codec{alaw(), mulaw()} {
		enc, dec := c.NewEncoder(), c.NewDecoder()
		pcm, payload := make(audio.Frame, 160), make([]byte, 0, 160)
		b.Run("law="+c.Name+"/op=encode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				payload, _ = enc.Encode(payload[:0], pcm)
			}
		})
		b.Run("law="+c.Name+"/op=decode", func(b *testing.B) {
			payload, _ = enc.Encode(payload[:0], pcm)
			b.ReportAllocs()
			for b.Loop() {
				pcm, _ = dec.Decode(pcm[:0], payload)
			}
		})
	}
}

func BenchmarkConcealer(b *testing.B) {
	c, f := NewConcealer(8000), make(audio.Frame, 160)
	for i := range f {
		f[i] = int16(i * 100)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Good(f)
		c.Conceal(f)
	}
}

func TestConcealer_NothingIsAllocated(t *testing.T) {
	c, f := NewConcealer(48000), make(audio.Frame, 960)
	for i := range f {
		f[i] = int16(i * 30)
	}
	if n := testing.AllocsPerRun(100, func() {
		c.Good(f)
		for range 12 {
			c.Conceal(f)
		}
		c.Quiet(f)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
