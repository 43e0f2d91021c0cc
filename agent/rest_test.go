package agent

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/media/audio"
)

// loudest is the peak of what a device of a file was given, in dBFS.
func loudest(t *testing.T, path string) float64 {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	clip, err := audio.ReadWAV(file)
	if err != nil {
		t.Fatal(err)
	}
	top := 0
	for _, s := range clip.Channel(0).Samples {
		top = max(top, int(s), -int(s))
	}
	return 20 * math.Log10(float64(top)/32767)
}

// recorded is how much sound a device of a file was given; 0: it was not at work.
func recorded(t *testing.T, path string) time.Duration {
	t.Helper()
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	clip, err := audio.ReadWAV(file)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(clip.Frames()) * time.Second / time.Duration(clip.Rate)
}

// A phone that is not in use holds no microphone open; what it recorded tells when
// it did. What rings is in an ear as well, where the headset itself is what rings.
func TestStory_DevicesRest(t *testing.T) {
	dir := t.TempDir()
	headset, ring := filepath.Join(dir, "headset.wav"), filepath.Join(dir, "ring.wav")
	between := func(path string, from, to time.Duration) {
		t.Helper()
		if got := recorded(t, path); got < from || got > to {
			t.Errorf("%s was at work for %v, want %v to %v", filepath.Base(path), got, from, to)
		}
	}
	change := func(c *Config, _ *lab.Config) {
		c.Audio.Headset, c.Audio.Ring = []string{"file:," + headset}, []string{"file:," + ring}
		c.Headset.Ceiling = -30
	}
	story(t, change, func(b *bed) {
		<-time.After(time.Minute)
		between(headset, 0, 0)
		between(ring, 0, 0)
		b.offer(lab.Callback{ID: "cb-1", Type: "immediate", Number: contact, Name: "Sato"})
		b.wait(OfferReceived)
		<-time.After(5 * time.Second)
		b.do("accept", nil)
		b.wait(CallConnected)
		<-time.After(10 * time.Second)
		b.do("end", nil)
		b.wait(CallEnded)
		<-time.After(time.Minute)
		between(headset, 15*time.Second, 18*time.Second)
		between(ring, 5*time.Second, 8*time.Second)
		for _, path := range []string{headset, ring} {
			if got := loudest(t, path); got > -29.9 {
				t.Errorf("%s was played up to %.1f dBFS, the ceiling is -30", filepath.Base(path), got)
			}
		}
		b.do("done", nil)

		// What follows at once finds the headset at work.
		b.do("dial", map[string]any{"target": contact})
		b.wait(CallConnected)
		b.do("end", nil)
		b.wait(CallEnded)
		b.do("done", nil)
		<-time.After(time.Second)
		b.do("dial", map[string]any{"target": contact})
		b.wait(CallConnected)
		<-time.After(5 * time.Second)
		b.do("end", nil)
		b.wait(CallEnded)
		<-time.After(time.Minute)
		between(filepath.Join(dir, "headset-2.wav"), 8*time.Second, 20*time.Second)
		between(filepath.Join(dir, "headset-3.wav"), 0, 0)
		b.do("done", nil)
	})
}

// The second ear hears what the headset hears, no louder than its ceiling, and is at
// work as long.
func TestStory_SecondEar(t *testing.T) {
	dir := t.TempDir()
	headset, second := filepath.Join(dir, "headset.wav"), filepath.Join(dir, "second.wav")
	change := func(c *Config, _ *lab.Config) {
		c.Audio.Headset, c.Audio.SecondEar = []string{"file:," + headset}, []string{"file:," + second}
	}
	story(t, change, func(b *bed) {
		if got := b.agent.State().Audio.SecondEar; got != "file:,"+second {
			t.Errorf("state: second ear %q", got)
		}
		b.do("dial", map[string]any{"target": contact})
		b.wait(CallConnected)
		<-time.After(5 * time.Second)
		b.do("end", nil)
		b.wait(CallEnded)
		<-time.After(time.Minute)
		level := func(path string) float64 {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			clip, err := audio.ReadWAV(f)
			if err != nil {
				t.Fatal(err)
			}
			pcm := clip.Channel(0).Samples
			return audio.LevelDBFS(pcm[len(pcm)/3 : len(pcm)/2])
		}
		if h, s := level(headset), level(second); h < -30 || s < h-1 || s > h+1 {
			t.Errorf("headset at %.1f dBFS, second ear at %.1f", h, s)
		}
		b.do("done", nil)
	})
}

// What the buffer does against a bad road stands in the call's quality.
func TestStory_QualityTellsWhatTheBufferDid(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.do("dial", map[string]any{"target": contact})
		b.wait(CallConnected)
		<-time.After(3 * time.Second)
		for _, jitter := range []time.Duration{20, 40, 100} {
			b.net.OneWay(labIP, agentIP, simnet.Link{Latency: 5 * time.Millisecond, Jitter: jitter * time.Millisecond, Reorder: true})
			<-time.After(5 * time.Second)
		}
		b.net.OneWay(labIP, agentIP, simnet.Link{Latency: 5 * time.Millisecond})
		<-time.After(20 * time.Second)
		q := b.agent.State().Calls[0].Quality
		if q.AcceleratedMS <= 0 || q.DeceleratedMS <= 0 || q.Late+q.Waited+q.Discarded == 0 || q.Late+q.Waited > q.RXPackets {
			t.Errorf("quality %+v", q)
		}
		b.do("end", nil)
		b.wait(CallEnded)
		b.do("done", nil)
	})
}
