package device

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/media/audio"
)

// writeWAV makes a recording of a tone.
func writeWAV(t testing.TB, path string, rate int, hz float64, length time.Duration) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	w, err := audio.NewWAVWriter(file, rate, 1)
	if err != nil {
		t.Fatal(err)
	}
	samples := make([]int16, int(length.Seconds()*float64(rate)))
	for i := range samples {
		samples[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	if err := w.Write(samples); err != nil {
		t.Fatal(err)
	}
}

func TestParse_Refused(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.wav")
	if err := os.WriteFile(text, []byte("not a recording at all, whatever its name says"), 0o600); err != nil {
		t.Fatal(err)
	}
	for entry, want := range map[string]string{
		"":                           "use portaudio, portaudio:NAME, tone:HZ",
		"speaker":                    `"speaker"`,
		"null:1":                     "no such kind",
		"portaudio:":                 "ringback devices",
		"tone":                       "give Hz from 20 to 20000",
		"tone:":                      "give Hz from 20 to 20000",
		"tone:high":                  `frequency "high"`,
		"tone:NaN":                   `frequency "NaN"`,
		"tone:5":                     `frequency "5"`,
		"tone:99999":                 `frequency "99999"`,
		"file:":                      "neither a file to play",
		"file:,":                     "neither a file to play",
		"file":                       "no such kind",
		"file:" + dir + "/no.wav,":   "give the path of a WAV file that is there",
		"file:" + text:               "not a WAV file",
		"file:," + dir + "/no/o.wav": "make it first",
		"file:a,b,c":                 "3 parts",
		"file:a,b,loop,d":            "4 parts",
	} {
		d, err := Parse(entry)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "parse audio device") {
			t.Errorf("%q: %v, %v, want an error with %q", entry, d, err, want)
		}
	}
}

func TestParsePreference(t *testing.T) {
	wav := filepath.Join(t.TempDir(), "in.wav")
	writeWAV(t, wav, 44100, 440, time.Second/10)
	entries := []string{"portaudio:HDA Intel: ALC (hw:0,0)", " portaudio", "tone:440.5", "file:" + wav + ",", "file:" + wav, "file:" + wav + ",,loop", "null"}
	devices, err := ParsePreference(entries)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range devices {
		if d.Name() != strings.TrimSpace(entries[i]) {
			t.Errorf("%q is called %q", entries[i], d.Name())
		}
	}
	for _, list := range [][]string{nil, {"null", "nul"}, make([]string, 17)} {
		if _, err := ParsePreference(list); err == nil {
			t.Errorf("%q is taken", list)
		}
	}
}

// run starts a device for a time in a bubble and returns what was captured.
func run(t *testing.T, d Device, rate int, length time.Duration, play []int16) []int16 {
	t.Helper()
	var out []int16
	synctest.Test(t, func(t *testing.T) {
		mic, ear := audio.NewRing(rate*20), audio.NewRing(rate*20)
		ear.Write(play)
		s, err := d.Start(IO{Rate: rate, Capture: mic, Playback: ear})
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(length - time.Millisecond)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		out = make([]int16, mic.Len())
		mic.Read(out)
		captured, played := s.Frames()
		if want := int(length.Seconds() * float64(rate)); len(out) != want || captured != uint64(want) || played != uint64(want) {
			t.Errorf("%v gave %d samples, counted %d and %d, want %d", length, len(out), captured, played, want)
		}
	})
	return out
}

// level is a tone's level in dBFS.
func level(samples []int16, rate int, hz float64) float64 {
	var re, im float64
	for i, x := range samples {
		a := 2 * math.Pi * hz * float64(i) / float64(rate)
		re += float64(x) * math.Cos(a)
		im += float64(x) * math.Sin(a)
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(len(samples))/math.MaxInt16+1e-9)
}

func parse(t testing.TB, entry string) Device {
	t.Helper()
	d, err := Parse(entry)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNull(t *testing.T) {
	for _, x := range run(t, parse(t, "null"), 8000, time.Second, make([]int16, 100)) {
		if x != 0 {
			t.Fatal("silence is not silent")
		}
	}
}

func TestTone(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		got := run(t, parse(t, "tone:1004"), rate, time.Second, nil)
		if l := level(got, rate, 1004); math.Abs(l-toneLevel) > 0.5 {
			t.Errorf("%d Hz: level %.1f dBFS", rate, l)
		}
	}
}

func TestFile_AnyRateIsHeardThenSilence(t *testing.T) {
	for _, rate := range []int{8000, 11025, 44100, 48000} {
		wav := filepath.Join(t.TempDir(), "in.wav")
		writeWAV(t, wav, rate, 440, time.Second/2)
		got := run(t, parse(t, "file:"+wav+","), 8000, time.Second, nil)
		if l := level(got[400:3600], 8000, 440); l < -11.5 || l > -9 {
			t.Errorf("%d Hz: level %.1f dBFS", rate, l)
		}
		for i, x := range got[4200:] {
			if x != 0 {
				t.Errorf("%d Hz: sample %d behind the end is %d", rate, i, x)
				break
			}
		}
	}
}

func TestFile_Loops(t *testing.T) {
	wav := filepath.Join(t.TempDir(), "in.wav")
	writeWAV(t, wav, 8000, 400, time.Second/10)
	got := run(t, parse(t, "file:"+wav+",,loop"), 8000, time.Second, nil)
	if l := level(got[7000:], 8000, 400); l < -11 {
		t.Errorf("level at the end %.1f dBFS", l)
	}
}

func TestFile_RecordsEachStartToItsOwnFile(t *testing.T) {
	dir := t.TempDir()
	d := parse(t, "file:,"+dir+"/out.wav")
	play := make([]int16, 4000)
	for i := range play {
		play[i] = int16(10000 * math.Sin(2*math.Pi*600*float64(i)/8000))
	}
	run(t, d, 8000, time.Second, play)
	run(t, d, 8000, time.Second, nil)
	for name, want := range map[string]float64{"out.wav": -10.3, "out-2.wav": -100} {
		clip, err := readWAV(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if clip.Rate != 8000 || clip.Frames() != 8000 {
			t.Errorf("%s: %d samples at %d Hz", name, clip.Frames(), clip.Rate)
		}
		if l := level(clip.Samples[:4000], 8000, 600); math.Abs(l-want) > 1 && (want > -50 || l > -50) {
			t.Errorf("%s: level %.1f dBFS, want %.1f", name, l, want)
		}
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %o, so that others on the machine hear the call", name, info.Mode().Perm())
		}
	}
}

// A disk that is full is a failure of the device, and of nothing else.
func TestFile_FailureIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("disk full")
		p := pace(IO{Rate: 8000, Capture: audio.NewRing(100), Playback: audio.NewRing(100)}, func([]int16) {}, func([]int16) error { return full })
		if err := <-p.Failed(); !errors.Is(err, full) {
			t.Errorf("got %v", err)
		}
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestMatch(t *testing.T) {
	found := []candidate{
		{name: "Headset", api: "ALSA", inputs: 1, outputs: 2, primary: true},
		{name: "Headset", api: "JACK", inputs: 2, outputs: 2},
		{name: "Speakers (Realtek)", api: "ALSA", outputs: 2, primary: true},
		{name: "Speakers (HDMI)", api: "ALSA", outputs: 2, primary: true},
		{name: "Microphone (Jabra)", api: "ALSA", inputs: 1, primary: true},
		{name: "Headphones (Jabra)", api: "ALSA", outputs: 2, primary: true},
	}
	for _, row := range []struct {
		name  string
		input bool
		want  int
		err   string
	}{
		{"headset", true, 0, ""},
		{"JACK/Headset", true, 1, ""},
		{"jack/head", true, 1, ""},
		{"Jabra", true, 4, ""},
		{"jabra", false, 5, ""},
		{"hdmi", false, 3, ""},
		{"Speakers", false, 0, "write more of its name"},
		{"Speakers", true, 0, "there are Headset, Headset, Microphone (Jabra)"},
		{"Nothing", false, 0, `no loudspeaker called "Nothing"`},
	} {
		got, err := match(found, row.name, row.input)
		if row.err != "" {
			if err == nil || !strings.Contains(err.Error(), row.err) {
				t.Errorf("%s: %v, want an error with %q", row.name, err, row.err)
			}
			continue
		}
		if err != nil || got != row.want {
			t.Errorf("%s (microphone %v): %d, %v, want %d", row.name, row.input, got, err, row.want)
		}
	}
	if _, err := match(nil, "x", true); err == nil || !strings.Contains(err.Error(), "plug one in") {
		t.Errorf("nothing there: %v", err)
	}
	for i, want := range map[int]string{0: "portaudio:ALSA/Headset", 1: "portaudio:JACK/Headset", 2: "portaudio:Speakers (Realtek)"} {
		if got := stableName(found, i); got != want {
			t.Errorf("%d is written %q, want %q", i, got, want)
		}
	}
}

// What a resampler or a device's own code adds is kept below the ceiling too.
func TestLimit(t *testing.T) {
	got := []int16{-32768, -101, -100, 0, 100, 101, 32767}
	limit(got, 100)
	if want := []int16{-100, -100, -100, 0, 100, 100, 100}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	free := []int16{-32768}
	if limit(free, 0); free[0] != -32768 {
		t.Errorf("without a ceiling: %v", free)
	}
}
