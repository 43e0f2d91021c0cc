package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/media/audio"
)

// specRecording is which of record and play are allowed where: while there is no
// recording and nothing is played, while the call is recorded, while that is paused.
const specRecording = `
| state | none | recording | paused |
| offered | | | |
| preview | | | |
| dialling | | | |
| connected | record-start play | record-pause record-stop play | record-start record-stop play |
| on hold | record-start | record-pause record-stop | record-start record-stop |
| consulting | record-start play | record-pause record-stop play | record-start record-stop play |
| conference | record-start play | record-pause record-stop play | record-start record-stop play |
| ready to call | | | |
| done | | | |
`

func TestInteractionTable_RecordAndPlay(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(specRecording), "\n")
	columns := cells(lines[0])[1:]
	all := []string{"record-start", "record-pause", "record-stop", "play", "play-stop"}
	for _, line := range lines[1:] {
		row := cells(line)
		phase := Phase(strings.ReplaceAll(row[0], " ", "-"))
		for i, column := range columns {
			for _, plays := range []bool{false, true} {
				a := newTestAgent(t, testConfig())
				in := fixture(a, phase)
				talks := slices.Contains([]Phase{PhaseConnected, PhaseOnHold, PhaseConsulting, PhaseConference}, phase)
				if column != "none" && talks {
					in.recording = &recording{in: in, leg: in.main, state: recordingState(column)}
				}
				want := strings.Fields(row[i+1])
				if plays && talks {
					in.playing = &playing{}
					want = append(want, "play-stop")
				}
				for _, action := range all {
					if got := slices.Contains(in.view(a.table).Allowed, action); got != slices.Contains(want, action) {
						t.Errorf("%s, %s, playing %v: %s is allowed: %v", phase, column, plays, action, got)
					}
				}
			}
		}
	}
}

func TestInteractionTable_NothingOfAContactWhoHasGoneIsRecorded(t *testing.T) {
	a := newTestAgent(t, testConfig())
	in := fixture(a, PhaseConference)
	in.main.phase = CallPhaseEnded
	err := refusedOf(t, a, "record-start", json.RawMessage("{}"))
	if err == nil || err.Code != CodeNotAllowed || !strings.Contains(err.Message, "the contact is not there") {
		t.Errorf("%+v", err)
	}
}

// TestRecordingMoves walks the table: every state is reached, each but the last can be
// left, and what is not in it changes nothing.
func TestRecordingMoves(t *testing.T) {
	moves := recordingMoves()
	reached := map[recordingState]bool{recordingOpening: true}
	for from, row := range moves {
		if len(row) == 0 && from != recordingOver {
			t.Errorf("%s has no end", from)
		}
		for _, on := range []recordingInput{fileOpened, fileRefused, askPause, askResume, askStop, fileClosed} {
			r := &recording{state: from}
			to, known := row[on]
			if r.move(on) != known || known && r.state != to || !known && r.state != from {
				t.Errorf("%s on %s: %s", from, on, r.state)
			}
			reached[to] = reached[to] || known
		}
	}
	for state := range moves {
		if !reached[state] {
			t.Errorf("%s is never reached", state)
		}
	}
}

func TestCheckRecordingName(t *testing.T) {
	for name, want := range map[string]string{
		"order-4711.wav": "order-4711.wav", "order-4711": "order-4711.wav", "注文 4711": "注文 4711.wav", "a.WAV": "a.wav", "a.b.wav": "a.b.wav",
		"../a.wav": "", "a/b.wav": "", "/etc/passwd": "", `a\b`: "", "..": "", ".": "", ".hidden": "", "": "", ".wav": "", "-rf": "", "a\nb": "", "a\x00b": "",
		" a": "", "C:a": "", "a.": "", "a..wav": "", "\xff": "", strings.Repeat("a", 101): "",
	} {
		got, refused := checkRecordingName(name)
		if got != want || (refused == nil) != (want != "") {
			t.Errorf("%q: %q %v", name, got, refused)
		}
		if refused != nil && (refused.Code != CodeInvalid || refused.Hint == "") {
			t.Errorf("%q: %+v", name, refused)
		}
	}
}

func FuzzCheckRecordingName(f *testing.F) {
	for _, seed := range []string{"order.wav", "../a", `..\a`, "a/./b", "\x00", "．．", "NUL"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, refused := checkRecordingName(name)
		if refused != nil {
			return
		}
		folder := filepath.FromSlash("/srv/recordings")
		if path := filepath.Join(folder, got); filepath.Dir(path) != folder || filepath.Base(path) != got || filepath.Ext(path) != ".wav" {
			t.Errorf("%q leads to %s", name, path)
		}
	})
}

func TestCreateRecording_NeverTakesWhatIsThere(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "recordings")
	var names []string
	for range 3 {
		f, err := createRecording(folder, "x.wav")
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Base(f.Name()))
		_ = f.Close()
	}
	if err := os.Symlink("/nowhere", filepath.Join(folder, "y.wav")); err != nil {
		t.Fatal(err)
	}
	f, err := createRecording(folder, "y.wav")
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, filepath.Base(f.Name()))
	if err := dropFile(f); err != nil {
		t.Error(err)
	}
	if want := []string{"x.wav", "x-2.wav", "x-3.wav", "y-2.wav"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}

func TestConfig_Recording(t *testing.T) {
	for field, change := range map[string]func(*RecordingConfig){
		"recording.start":               func(c *RecordingConfig) { c.Start = "sometimes" },
		"recording.folder":              func(c *RecordingConfig) { c.Folder = "recordings" },
		"recording.consent_tone_hz":     func(c *RecordingConfig) { c.ToneHz = 20 },
		"recording.consent_tone_length": func(c *RecordingConfig) { c.ToneLength = time.Minute },
		"recording.consent_tone_every":  func(c *RecordingConfig) { c.ToneEvery = time.Second },
	} {
		c := testConfig()
		change(&c.Recording)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	env := map[string]string{"RINGBACK_RECORDING_START": "always", "RINGBACK_RECORDING_FOLDER": "~/calls", "RINGBACK_RECORDING_CONSENT_TONE": "true",
		"RINGBACK_RECORDING_CONSENT_TONE_EVERY": "10s", "RINGBACK_STORE_KEEP_RECORDINGS": "720h"}
	c, err := LoadConfig(LoadOptions{Flags: map[string]string{"account.aor": "sip:1001@pbx"}, Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err != nil || c.Recording.Start != "always" || !c.Recording.Tone || c.Recording.ToneEvery != 10*time.Second || c.Recording.Folder != "~/calls" || c.Store.KeepRecordings != 720*time.Hour {
		t.Errorf("%+v %v", c.Recording, err)
	}
}

func TestConsentTone_IsWhatTheConfigurationSays(t *testing.T) {
	r := DefaultConfig().Recording
	tone := audio.NewTone(r.tone(), 8000)
	sound := make([]int16, 16*8000)
	tone.Fill(sound)
	loud := func(from, until time.Duration) bool {
		return audio.LevelDBFS(sound[int(from.Seconds()*8000):int(until.Seconds()*8000)]) > -30
	}
	if !loud(0, 500*time.Millisecond) || loud(501*time.Millisecond, 15*time.Second) || !loud(15*time.Second, 15500*time.Millisecond) || loud(15501*time.Millisecond, 16*time.Second) {
		t.Error("not half a second every fifteen")
	}
}
