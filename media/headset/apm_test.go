//go:build apm

package headset

import (
	"math"
	"math/rand/v2"
	"testing"

	"ringback/media/audio"
)

// speechLike is noise in the band of a voice that comes and goes as syllables do.
func speechLike(rate int, seed uint64, amplitude float64, seconds int) []int16 {
	rng := rand.New(rand.NewPCG(seed, 7))
	pcm := make([]int16, rate*seconds)
	low, high := 0.0, 0.0
	pitch := 0.0
	for i := range pcm {
		at := float64(i) / float64(rate)
		syllable := math.Max(0, math.Sin(2*math.Pi*3.1*at+float64(seed))) * math.Max(0, math.Sin(2*math.Pi*0.37*at+1)+0.6)
		pitch += (110 + 30*math.Sin(2*math.Pi*0.7*at)) / float64(rate)
		source := 2*(pitch-math.Floor(pitch)) - 1 + 0.3*rng.NormFloat64()
		low += 0.35 * (source - low)
		high += 0.05 * (low - high)
		pcm[i] = audio.Saturate(int32(amplitude * 2 * syllable * (low - high)))
	}
	return pcm
}

func noise(rate int, amplitude float64, seconds int) []int16 {
	rng := rand.New(rand.NewPCG(3, 3))
	pcm := make([]int16, rate*seconds)
	for i := range pcm {
		pcm[i] = int16(amplitude * rng.NormFloat64())
	}
	return pcm
}

// TestEchoCancellation: what the ear hears comes back into the microphone 120 ms
// later by several ways, with some noise; after some seconds it is 25 dB softer still.
func TestEchoCancellation(t *testing.T) {
	const seconds = 12
	for _, rate := range []int{audio.Rate8k, audio.Rate16k, audio.Rate48k} {
		p := processor(t, rate, Config{EchoCancellation: true})
		far, rng := speechLike(rate, 1, 14000, seconds), rand.New(rand.NewPCG(9, 9))
		n, delay := audio.FrameSamples(rate), rate*120/1000
		var came, left []int16
		mic := make(audio.Frame, n)
		for at := 0; at+n <= len(far); at += n {
			for i := range mic {
				mic[i] = 0
				for tap, share := range []float64{0.25, 0, -0.12, 0.08, 0, 0.05} { // the desk, the wall, the room
					if k := at + i - delay - tap*rate/170; k >= 0 {
						mic[i] += int16(share * float64(far[k]))
					}
				}
				mic[i] += int16(rng.IntN(21) - 10)
			}
			if at > (seconds-4)*rate {
				came = append(came, mic...)
			}
			p.Microphone(mic)
			if at > (seconds-4)*rate {
				left = append(left, mic...)
			}
			ear := append(audio.Frame(nil), far[at:at+n]...)
			p.Ear(ear)
		}
		if db := audio.LevelDBFS(came) - audio.LevelDBFS(left); db < 25 {
			t.Errorf("%d Hz: the echo is %.1f dB softer, want 25", rate, db)
		} else {
			t.Logf("%d Hz: the echo is %.1f dB softer", rate, db)
		}
	}
}

// TestNoiseSuppression: steady noise goes down by 8 dB and more, a voice stays.
func TestNoiseSuppression(t *testing.T) {
	const rate = audio.Rate16k
	p := processor(t, rate, Config{NoiseSuppression: NoiseHigh})
	out := each(rate, noise(rate, 300, 6), p.Microphone)
	if db := audio.LevelDBFS(out[4*rate:]) - audio.LevelDBFS(noise(rate, 300, 2)); db > -8 {
		t.Errorf("noise is changed by %.1f dB", db)
	}
	p = processor(t, rate, Config{NoiseSuppression: NoiseHigh})
	voice := speechLike(rate, 2, 14000, 6)
	out = each(rate, voice, p.Microphone)
	if db := audio.LevelDBFS(out[3*rate:]) - audio.LevelDBFS(voice[3*rate:]); db < -4 || db > 1 {
		t.Errorf("a voice is changed by %.1f dB", db)
	}
}

// TestAutoGain: a soft voice is brought up, and a loud one is not clipped.
func TestAutoGain(t *testing.T) {
	const rate = audio.Rate16k
	soft := speechLike(rate, 2, 1500, 20)
	out := each(rate, soft, processor(t, rate, Config{AutoGain: true}).Microphone)
	if db := audio.LevelDBFS(out[15*rate:]) - audio.LevelDBFS(soft[15*rate:]); db < 6 {
		t.Errorf("a soft voice is brought up by %.1f dB, want 6", db)
	}
}
