//go:build interop

package mixer

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"ringback/internal/asterisk"
	"ringback/media/audio"
)

// realSpeech are announcements of the tests' Asterisk (asterisk-core-sounds-en-wav, a
// woman's voice at 8 kHz), each some 10 s or more.
func realSpeech(t *testing.T) (all []audio.Clip) {
	t.Helper()
	root, err := asterisk.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"demo-instruct", "demo-congrats", "basic-pbx-ivr-main", "priv-callee-options", "demo-echotest"} {
		f, err := os.Open(filepath.Join(root, "usr/share/asterisk/sounds/en_US_f_Allison", name+".wav"))
		if err != nil {
			t.Fatalf("%v (testdata/asterisk/install puts it there)", err)
		}
		clip, err := audio.ReadWAV(f)
		f.Close()
		if err != nil || clip.Frames() < 8*clip.Rate {
			t.Fatalf("%s: %d samples: %v", name, clip.Frames(), err)
		}
		all = append(all, clip)
	}
	return all
}

// TestLeveller_RealSpeech: what parties really say, from a whisper to a shout, is at one
// level within 3 dB, the gain does not pump, and the loud ones are not clipped.
func TestLeveller_RealSpeech(t *testing.T) {
	least, most := math.Inf(1), math.Inf(-1)
	for i, clip := range realSpeech(t) {
		in := []float64{-36, -30, -24, -18, -12}[i]
		y, gains := level(withNoise(at(clip.Samples, in), -68, 1), clip.Rate)
		after := activeLevel(y[5*clip.Rate:])
		least, most = min(least, after), max(most, after)
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, g := range gains[250:] {
			lo, hi = min(lo, g), max(hi, g)
		}
		if hi-lo > 3 {
			t.Errorf("%.0f dBov: the gain pumps between %.1f and %.1f dB", in, lo, hi)
		}
		t.Logf("%.0f dBov became %.1f dBov, gain %.1f to %.1f dB", in, after, lo, hi)
	}
	if most-least > 3 {
		t.Errorf("parties are at %.1f to %.1f dBov", least, most)
	}
}

// TestMatrix_RealSpeechOfManyIsNotClipped: of 32 parties twelve talk at once, at any level:
// what is heard is turned down, and not cut off.
func TestMatrix_RealSpeechOfManyIsNotClipped(t *testing.T) {
	const parties = 32
	speech := realSpeech(t)
	voices := make([][]int16, parties)
	for i := range voices {
		if voices[i] = make([]int16, 8*audio.Rate8k); i > 0 && i <= 12 {
			voices[i] = at(speech[i%len(speech)].Samples, []float64{-36, -26, -12}[i%3])
		}
	}
	heard := levelled(t, audio.Rate8k, voices)
	clipped := 0
	for i := 1; i < len(heard); i++ {
		if v := heard[i]; (v == math.MaxInt16 || v == math.MinInt16) && v == heard[i-1] {
			clipped++
		}
	}
	if t.Logf("%d samples of 8 s are cut off", clipped); clipped > 8*20 {
		t.Errorf("of twelve who talk at once %d samples are cut off", clipped)
	}
	if l := activeLevel(heard); l < -26 {
		t.Errorf("twelve who talk at once are heard at %.1f dBov", l)
	}
}
