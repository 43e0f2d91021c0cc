package codec

import (
	"math"
	"math/rand/v2"
	"testing"

	"ringback/media/audio"
)

// ambient is noise of a room: more of it is low.
func ambient(n int, dbfs float64) audio.Frame {
	rng, f, y := rand.New(rand.NewPCG(5, 5)), make(audio.Frame, n), 0.0
	amp := 32767 / math.Sqrt2 * audio.Linear(dbfs) * math.Sqrt(1-0.85*0.85)
	for i := range f {
		y = 0.85*y + amp*rng.NormFloat64()
		f[i] = int16(y)
	}
	return f
}

// tilt is how much of a signal is low: its correlation with itself a sample later.
func tilt(f audio.Frame) float64 { return audio.Alike(f[1:], f[:len(f)-1], 1) }

// TestComfortNoise_SoundsLikeWhatItDescribes: level and spectrum come back, at any rate.
func TestComfortNoise_SoundsLikeWhatItDescribes(t *testing.T) {
	for _, dbfs := range []float64{-40, -55} {
		room := ambient(1600, dbfs)
		payload := DescribeNoise(nil, room)
		if len(payload) != 1+comfortOrder {
			t.Fatalf("%d bytes", len(payload))
		}
		for _, rate := range []int{8000, 16000, 48000} {
			n, heard := NewNoise(rate), make(audio.Frame, 0, rate)
			n.Hear(payload)
			for range 50 {
				f := make(audio.Frame, rate/50)
				n.Add(f)
				heard = append(heard, f...)
			}
			if off := audio.LevelDBFS(heard) - audio.LevelDBFS(room); math.Abs(off) > 1.5 {
				t.Errorf("%v dBFS at %d Hz: off by %.1f dB", dbfs, rate, off)
			}
			if rate == 8000 && math.Abs(tilt(heard)-tilt(room)) > 0.1 {
				t.Errorf("tilt %.2f, the room has %.2f", tilt(heard), tilt(room))
			}
		}
	}
}

func TestComfortNoise_AnyPayloadIsBearable(t *testing.T) {
	for _, payload := range [][]byte{nil, {127}, {0xFF}, {30}, {0, 254, 254, 254, 254}, append([]byte{60}, make([]byte, 200)...)} {
		n, f := NewNoise(8000), make(audio.Frame, 160)
		n.Hear(payload)
		for range 100 {
			clear(f)
			n.Add(f)
		}
		if len(payload) > 0 && payload[0]&0x7F == 127 && audio.LevelDBFS(f) != audio.SilenceDBFS {
			t.Errorf("%v is heard", payload)
		}
		if len(payload) > 20 && audio.LevelDBFS(f) > -40 {
			t.Errorf("60 dB below full scale is heard at %.0f dBFS", audio.LevelDBFS(f))
		}
	}
	if p := DescribeNoise(nil, make(audio.Frame, 160)); p[0] != 127 {
		t.Errorf("silence is %v", p)
	}
}
