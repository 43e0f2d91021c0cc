package agent

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"ringback/internal/lab"
	"ringback/media/audio"
)

// tape of a test: what a recording's file holds.
type heardTape struct {
	t    *testing.T
	clip audio.Clip
}

func readTape(t *testing.T, path string) heardTape {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clip, err := audio.ReadWAV(bytes.NewReader(data))
	if err != nil || clip.Channels != 2 {
		t.Fatalf("%s: %d channels, %v", path, clip.Channels, err)
	}
	return heardTape{t, clip}
}

// level is how loud hz is in a channel (0 agent, 1 contact) from one time to another,
// in dBFS.
func (h heardTape) level(channel int, hz float64, from, until time.Duration) float64 {
	s := h.clip.Channel(channel).Samples
	at := func(d time.Duration) int { return min(len(s), int(d.Seconds()*float64(h.clip.Rate))) }
	s = s[at(from):at(until)]
	var re, im float64
	for i, v := range s {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / float64(h.clip.Rate))
		re, im = re+float64(v)*cos, im+float64(v)*sin
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(max(1, len(s)))/32768+1e-9)
}

// holds checks that a tone is there (above -30 dBFS), or that it is not (below -60).
func (h heardTape) holds(what string, channel int, hz float64, from, until time.Duration, want bool) {
	h.t.Helper()
	got := h.level(channel, hz, from, until)
	if want && got < -30 || !want && got > -60 {
		h.t.Errorf("%s: %v Hz in channel %d from %v to %v has %.1f dBFS, want it there: %v", what, hz, channel, from, until, got, want)
	}
}

// silent checks that a channel is zero over a time.
func (h heardTape) silent(what string, channel int, from, until time.Duration) {
	h.t.Helper()
	s := h.clip.Channel(channel).Samples
	at := func(d time.Duration) int { return min(len(s), int(d.Seconds()*float64(h.clip.Rate))) }
	if l := audio.LevelDBFS(s[at(from):at(until)]); l > -90 {
		h.t.Errorf("%s: channel %d from %v to %v has %.1f dBFS", what, channel, from, until, l)
	}
}

// recordingStory is a story with a state directory and an agent at a known place.
func recordingStory(t *testing.T, change func(*Config), fn func(b *bed, folder string)) {
	t.Helper()
	dir := t.TempDir()
	storyIn(t, dir, func(c *Config, l *lab.Config) {
		l.Hears = []float64{micHz, beepHz}
		l.Extensions = append(l.Extensions, lab.Extension{Number: "3001", Behaviour: lab.Behaviour{Say: lab.Tone(colleagueSays)}})
		if change != nil {
			change(c)
		}
	}, func(b *bed) { fn(b, filepath.Join(dir, "recordings")) })
}

// passes lets virtual time go by.
func (b *bed) passes(n time.Duration) {
	<-time.After(n)
	synctest.Wait()
}

func oneFile(t *testing.T, folder string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("in %s: %q %v", folder, found, err)
	}
	return found[0]
}

// contactNumber is the number of the newest interaction's contact.
func (b *bed) contactNumber() string {
	all := b.agent.State().Interactions
	return all[len(all)-1].Contact.Number
}

// sinceStart is where the recording is.
func (b *bed) sinceStart(t *testing.T) time.Duration {
	t.Helper()
	all := b.agent.State().Interactions
	r := all[len(all)-1].Recording
	if r == nil {
		t.Fatal("nothing is recorded")
	}
	return time.Since(r.Started)
}

// digitsFile is a WAV file of 44.1 kHz, stereo, with a second of the key 8.
func digitsFile(t *testing.T) string {
	t.Helper()
	const rate = 44100
	tone := audio.NewTone(audio.Cadence{Segments: []audio.Segment{{Hz: [2]float64{852, 1336}, DBFS: -12, Length: time.Second}}, Repeat: 1}, rate)
	mono := make([]int16, rate)
	tone.Fill(mono)
	stereo := make([]int16, 0, 2*rate)
	for _, v := range mono {
		stereo = append(stereo, v, v)
	}
	return wavFile(t, rate, 2, stereo)
}

func wavFile(t *testing.T, rate, channels int, samples []int16) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "played.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := audio.NewWAVWriter(f, rate, channels)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(samples); err != nil {
		t.Fatal(err)
	}
	return path
}
