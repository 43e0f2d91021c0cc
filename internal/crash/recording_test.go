package crash

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ringback/agent"
	"ringback/agent/store"
	"ringback/media/audio"
)

// TestCrash_RecordingIsReadable kills the agent at random moments of a recording. Each
// file can be read up to the last second before, its lengths agree with each other, and
// the next life knows how long it is.
func TestCrash_RecordingIsReadable(t *testing.T) {
	t.Parallel()
	d := newDay(t, 4)
	lasted, most := map[string]time.Duration{}, time.Duration(0)
	for range 15 {
		d.child = start(d.T, d.life)
		if !d.talks() || !d.do("record-start", nil) {
			text, _ := json.MarshalIndent(d.now(), "", " ")
			t.Fatalf("nothing is recorded: %s", text)
		}
		began := time.Now()
		in, _ := d.open()
		if in.Recording == nil {
			t.Fatalf("%+v", in)
		}
		stood := passes(time.Duration(d.chance.Int64N(int64(2500 * time.Millisecond)))) // the moment of the death is chance
		until := time.Since(began) - stood
		d.child.kill()
		length := wholeRecording(t, in.Recording.File, until)
		lasted[in.Recording.File], most = length, max(most, until-length)
	}
	t.Logf("at most %v were lost of %d recordings", most, len(lasted))
	d.child = start(d.T, d.life)
	ended := 0
	d.child.until(func(agent.State) bool { ended = len(d.endedRecordings()); return ended == len(lasted) })
	d.child.kill()
	for _, r := range d.endedRecordings() {
		if want := lasted[r.File].Truncate(time.Millisecond); r.Reason != "interrupted" || r.Duration != want {
			t.Errorf("%s: %s, %v long, want %v", r.File, r.Reason, r.Duration, want)
		}
	}
	d.check()
}

// passes lets d pass, and says for how much of it the machine stood still: then no phone
// records anything.
func passes(d time.Duration) (stood time.Duration) {
	const beat = 10 * time.Millisecond
	for end := time.Now().Add(d); ; {
		at := time.Now()
		left := end.Sub(at)
		if left <= 0 {
			return stood
		}
		<-time.After(min(left, beat))
		if late := time.Since(at) - beat; late > beat {
			stood += late
		}
	}
}

// endedRecordings are those of the store that have an end.
func (d *day) endedRecordings() []store.Recording {
	d.Helper()
	s, err := store.Open(filepath.Join(d.life.Dir, "ringback.db"), store.Options{ReadOnly: true})
	if err != nil {
		d.Fatal(err)
	}
	defer s.Close()
	all, err := s.OldRecordings(time.Now().Add(time.Hour), 1000)
	if err != nil {
		d.Fatal(err)
	}
	return all
}

// wholeRecording holds that a file has all but the last second of what was recorded,
// and gives its length.
func wholeRecording(t *testing.T, path string, until time.Duration) time.Duration {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clip, err := audio.ReadWAV(bytes.NewReader(data))
	if err != nil || clip.Channels != 2 {
		t.Fatalf("%s: %d channels, %v", path, clip.Channels, err)
	}
	at := bytes.Index(data, []byte("data"))
	riff, samples := binary.LittleEndian.Uint32(data[4:]), binary.LittleEndian.Uint32(data[at+4:])
	if int(riff) != at+int(samples) || at+8+int(samples) > len(data) || int(samples) != 4*clip.Frames() {
		t.Errorf("%s: %d bytes, RIFF says %d, data at %d says %d", path, len(data), riff, at, samples)
	}
	length := time.Duration(clip.Frames()) * time.Second / time.Duration(clip.Rate)
	if length < until-time.Second {
		t.Errorf("%s is %v long, %v were recorded", path, length, until)
	}
	if length > 600*time.Millisecond {
		for side, hz := range []float64{440, 520} {
			if own, other := spoken(clip, side, hz, 960-hz); own < 200*time.Millisecond || other > 0 {
				t.Errorf("%s, %v long: channel %d says its %v Hz for %v, the other's for %v", path, length, side, hz, own, other)
			}
		}
	}
	return length
}

// spoken is for how long in all a side says its own tone, and that of the other one. The rest is
// silent: what a busy machine slept through is as long in a recording as it was.
func spoken(clip audio.Clip, side int, own, other float64) (its, others time.Duration) {
	const block = 40 * time.Millisecond // of a ToneDetector
	samples, n := clip.Channel(side).Samples, int(block.Seconds()*float64(clip.Rate))
	for ; len(samples) >= n; samples = samples[n:] {
		tone := audio.NewToneDetector(clip.Rate, own, other)
		tone.Add(samples[:n], nil)
		switch a, b := tone.Level(own), tone.Level(other); {
		case a > -40 && a > b:
			its += block
		case b > -40:
			others += block
		}
	}
	return its, others
}
