package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
)

// The lab's contact says this, and a colleague that.
const (
	contactSays   = 520
	colleagueSays = 620
	beepHz        = 1400
)

// TestStory_RecordingHoldsWhatTheTwoHear: the agent left, the contact right; what they
// do not hear of each other is silence of the same length, and a consultation is
// nobody's business.
func TestStory_RecordingHoldsWhatTheTwoHear(t *testing.T) {
	recordingStory(t, nil, func(b *bed, folder string) {
		in, call := b.talk()
		started := time.Now()
		at := func() time.Duration { return time.Since(started) }
		b.do("record-start", nil)
		e := b.wait(RecordingStarted)
		v := b.phase(PhaseConnected)
		if r := v.Recording; r == nil || r.State != "recording" || r.Call != call || r.File != e.File || filepath.Dir(r.File) != folder ||
			!strings.HasSuffix(r.File, fmt.Sprintf("-%s-%s.wav", in, call)) {
			t.Fatalf("%+v", v.Recording)
		}
		b.passes(2 * time.Second)
		talked := at()
		b.do("hold", nil)
		b.passes(2 * time.Second)
		held := at()
		b.do("consult", map[string]any{"target": "3001"})
		b.wait(ConsultationStarted)
		b.passes(3 * time.Second)
		consulted := at()
		b.do("consult-end", nil)
		b.do("resume", nil)
		b.passes(time.Second)
		resumed := at()
		b.passes(2 * time.Second)
		b.do("mute", nil)
		muted := at()
		b.passes(2 * time.Second)
		b.do("record-stop", nil)
		stopped := b.wait(RecordingStopped)
		if d := time.Duration(stopped.Duration) - at(); d.Abs() > 60*time.Millisecond || stopped.Reason != "stopped" {
			t.Errorf("%v long, the story %v: %+v", stopped.Duration, at(), stopped)
		}
		if v := b.phase(PhaseConnected); v.Recording != nil {
			t.Errorf("%+v", v.Recording)
		}
		path := oneFile(t, folder)
		h := readTape(t, path)
		const edge = 200 * time.Millisecond
		h.holds("talk", 0, micHz, edge, talked-edge, true)
		h.holds("talk", 0, contactSays, edge, talked-edge, false)
		h.holds("talk", 1, contactSays, edge, talked-edge, true)
		h.holds("talk", 1, micHz, edge, talked-edge, false)
		for channel := range 2 {
			h.silent("hold", channel, talked+edge, held)
			h.silent("consultation", channel, held, consulted)
		}
		h.holds("resumed", 0, micHz, resumed, muted-edge, true)
		h.holds("resumed", 1, contactSays, resumed, muted-edge, true)
		h.silent("muted", 0, muted+edge, at()-edge)
		h.holds("muted", 1, contactSays, muted+edge, at()-edge, true)
		for name, want := range map[string]os.FileMode{path: 0o600, folder: 0o700} {
			if s, err := os.Stat(name); err != nil || s.Mode().Perm() != want {
				t.Errorf("%s: %v %v", name, s.Mode(), err)
			}
		}
	})
}

// TestStory_RecordingOfAConference: parties are on our side; the contact alone is on
// the right.
func TestStory_RecordingOfAConference(t *testing.T) {
	recordingStory(t, nil, func(b *bed, folder string) {
		b.talk()
		b.do("record-start", nil)
		b.do("conference", map[string]any{"target": "3001"})
		b.wait(ConferencePartyJoined)
		b.passes(time.Second)
		from := b.sinceStart(t)
		b.passes(2 * time.Second)
		until := b.sinceStart(t)
		b.do("hold", nil) // the agent is out, the others go on
		b.passes(2 * time.Second)
		away := b.sinceStart(t)
		b.do("record-stop", nil)
		h := readTape(t, oneFile(t, folder))
		h.holds("conference", 0, micHz, from, until, true)
		h.holds("conference", 0, colleagueSays, from, until, true)
		h.holds("conference", 0, contactSays, from, until, false)
		h.holds("conference", 1, contactSays, from, until, true)
		h.holds("conference", 1, colleagueSays, from, until, false)
		h.silent("nobody", 0, 0, 0)
		h.holds("the agent is out", 0, colleagueSays, until+time.Second, away, true)
		h.holds("the agent is out", 0, micHz, until+time.Second, away, false)
		h.holds("the agent is out", 1, contactSays, until+time.Second, away, true)
	})
}

// TestStory_RecordingPaused: what is said, and the tones of keys that are pressed, are
// not in the file while it is paused; the file's time goes on.
func TestStory_RecordingPaused(t *testing.T) {
	recordingStory(t, nil, func(b *bed, folder string) {
		b.talk()
		b.do("record-start", nil)
		b.passes(2 * time.Second)
		b.do("record-pause", nil)
		paused := b.wait(RecordingPaused)
		b.fails("record-pause", nil, CodeNotAllowed)
		if v := b.phase(PhaseConnected); v.Recording == nil || v.Recording.State != "paused" || !slices.Contains(v.Allowed, "record-start") || slices.Contains(v.Allowed, "record-pause") {
			t.Errorf("%+v %v", v.Recording, v.Allowed)
		}
		b.passes(time.Second)
		b.do("play", map[string]any{"file": digitsFile(t)}) // a card number, spoken and keyed
		b.wait(PlayEnded)
		b.do("dtmf", map[string]any{"digits": "4711#"})
		b.fails("record-start", map[string]any{"file": "other"}, CodeNotAllowed)
		b.do("record-start", nil)
		resumed := b.wait(RecordingResumed)
		b.passes(2 * time.Second)
		b.do("record-stop", nil)
		from, until := time.Duration(paused.Duration), time.Duration(resumed.Duration)
		if from < 1900*time.Millisecond || from > 2100*time.Millisecond || until-from < 2*time.Second {
			t.Errorf("paused from %v to %v", from, until)
		}
		h := readTape(t, oneFile(t, folder))
		for channel := range 2 {
			h.silent("paused", channel, from, until)
		}
		h.holds("before", 0, micHz, 200*time.Millisecond, from, true)
		h.holds("before", 1, contactSays, 200*time.Millisecond, from, true)
		h.holds("after", 0, micHz, until+100*time.Millisecond, until+time.Second, true)
		h.holds("after", 1, contactSays, until+100*time.Millisecond, until+time.Second, true)
		for _, hz := range []float64{852, 1336} { // the keyed digit, which the contact did hear
			if l := h.level(0, hz, 0, time.Hour); l > -60 {
				t.Errorf("%v Hz of a digit has %.1f dBFS in the file", hz, l)
			}
		}
		w := asked[HistoryResult](b, "history-show", map[string]any{"interaction": "i1"}).Interaction
		if text := toJSON(t, w); strings.Contains(text, "4711") || w.Sent != "xxxx#" {
			t.Errorf("the digits of the pause are kept: %q", w.Sent)
		}
		if len(w.Recordings) != 1 || len(w.Recordings[0].Pauses) != 1 || w.Recordings[0].Missing {
			t.Fatalf("%+v", w.Recordings)
		}
		if p := w.Recordings[0].Pauses[0]; p.From != paused.Duration.String() || p.Until != resumed.Duration.String() {
			t.Errorf("%+v", p)
		}
	})
}

// TestStory_RecordsByItself: every call with a contact, from the answer to its end; a
// recording that the agent stopped stays so; a second call has a second file.
// TestStory_DigitsThatGoOutWhenThePauseHasEnded: their numerals are kept nowhere, whether
// the order came before the pause or in it.
func TestStory_DigitsThatGoOutWhenThePauseHasEnded(t *testing.T) {
	for _, method := range []string{"rfc4733", "info"} {
		for _, pausedFirst := range []bool{true, false} {
			recordingStory(t, nil, func(b *bed, _ string) {
				b.talk()
				b.do("record-start", nil)
				if pausedFirst {
					b.do("record-pause", nil)
				}
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					b.do("dtmf", map[string]any{"digits": "4711w0815#", "method": method})
				}()
				b.passes(300 * time.Millisecond)
				if !pausedFirst {
					b.do("record-pause", nil)
				}
				b.passes(100 * time.Millisecond)
				b.do("record-start", nil)
				<-sent
				if e := b.wait(DTMFSent); e.Digits != "xxxxxxxx#" {
					t.Errorf("%s, paused first %v: the event has %q", method, pausedFirst, e.Digits)
				}
				b.do("dtmf", map[string]any{"digits": "5#", "method": method})
				if e := b.wait(DTMFSent); e.Digits != "5#" {
					t.Errorf("%s: later ones are hidden too: %q", method, e.Digits)
				}
				w := asked[HistoryResult](b, "history-show", map[string]any{"interaction": "i1"}).Interaction
				if text := toJSON(t, w); strings.Contains(text, "0815") || strings.Contains(text, "4711") || w.Sent != "xxxxxxxx#5#" {
					t.Errorf("%s: they are kept: %q", method, w.Sent)
				}
			})
		}
	}
}

// TestStory_RecordingHasTheRateOfTheCall: a phone that mixes at 16 kHz records a call in
// G.711 at 8 kHz.
func TestStory_RecordingHasTheRateOfTheCall(t *testing.T) {
	recordingStory(t, func(c *Config) { c.Audio.Codecs = []string{"g722", "pcmu"} }, func(b *bed, folder string) {
		_, call := b.talk()
		b.do("record-start", nil)
		b.passes(2 * time.Second)
		b.do("record-stop", nil)
		want := 8000
		if b.call(call).Codec == "G722" {
			want = 16000
		}
		h := readTape(t, oneFile(t, folder))
		if b.agent.engine.Rate() != 16000 || h.clip.Rate != want {
			t.Errorf("the file has %d Hz, the call talks %s", h.clip.Rate, b.call(call).Codec)
		}
		h.holds("agent", 0, micHz, 200*time.Millisecond, time.Second, true)
		h.holds("contact", 1, contactSays, 200*time.Millisecond, time.Second, true)
	})
}

func TestStory_RecordsByItself(t *testing.T) {
	recordingStory(t, func(c *Config) { c.Recording.Start = "callbacks" }, func(b *bed, folder string) {
		b.do("dial", map[string]any{"target": "3001"})
		b.wait(CallConnected)
		b.settle()
		b.do("end", nil)
		if got := b.happened(); slices.Contains(got, "recording.started") {
			t.Errorf("a plain call was recorded: %v", got)
		}
		b.do("done", nil)
		b.do("ready", nil)
		b.offer(lab.Callback{ID: "cb-1", Number: "3001"})
		b.wait(OfferReceived)
		b.do("accept", nil)
		b.wait(RecordingStarted)
		b.passes(time.Second)
		b.do("end", nil)
		if e := b.wait(RecordingStopped); e.Reason != "call-ended" || e.Duration < Length(900*time.Millisecond) {
			t.Errorf("%+v", e)
		}
		b.do("call", nil)
		b.wait(RecordingStarted)
		b.do("record-stop", nil)
		b.settle()
		if got := b.happened(); slices.Contains(got, "recording.started") {
			t.Errorf("it began again: %v", got)
		}
		b.do("end", nil)
		b.do("done", nil)
		w := asked[HistoryResult](b, "history-show", map[string]any{"interaction": "i2"}).Interaction
		if len(w.Recordings) != 2 || w.Recordings[0].Call == w.Recordings[1].Call || w.Recordings[0].Ended == nil {
			t.Errorf("%+v", w.Recordings)
		}
	})
}

// TestStory_ConsentTone: both hear it while the call is recorded, and only then.
func TestStory_ConsentTone(t *testing.T) {
	change := func(c *Config) {
		c.Recording.Tone, c.Recording.ToneEvery = true, 3*time.Second
	}
	recordingStory(t, change, func(b *bed, folder string) {
		b.talk()
		b.do("record-start", nil)
		b.passes(7 * time.Second) // at 0, 3 and 6 s
		b.do("record-pause", nil)
		b.passes(6 * time.Second)
		b.do("record-start", nil)
		b.passes(time.Second)
		b.do("record-stop", nil)
		b.passes(6 * time.Second)
		// Of the fourth beep half a second is heard, as of the others, and nothing after the end.
		if heard := b.lab.Heard(b.contactNumber()).Tones[beepHz]; heard < 1500*time.Millisecond || heard > 2400*time.Millisecond {
			t.Errorf("the contact heard %v of the tone", heard)
		}
		h := readTape(t, oneFile(t, folder))
		for _, at := range []time.Duration{0, 3 * time.Second, 6 * time.Second, 13 * time.Second} {
			h.holds("beep", 0, beepHz, at+100*time.Millisecond, at+400*time.Millisecond, true)
			h.holds("the contact does not say it", 1, beepHz, at+100*time.Millisecond, at+400*time.Millisecond, false)
			h.holds("between", 0, beepHz, at+600*time.Millisecond, at+900*time.Millisecond, false)
		}
	})
}

// TestStory_RecordingThatCannotBegin: the call goes on, and the reason is told.
func TestStory_RecordingThatCannotBegin(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	recordingStory(t, func(c *Config) { c.Recording.Folder = filepath.Join(blocked, "in") }, func(b *bed, _ string) {
		b.talk()
		err := b.fails("record-start", nil, CodeFailed)
		if !strings.Contains(err.Error(), blocked) || !strings.Contains(err.Error(), "recording.folder") {
			t.Errorf("%v", err)
		}
		if e := b.wait(RecordingFailed); !strings.Contains(e.Text, blocked) {
			t.Errorf("%+v", e)
		}
		if v := b.phase(PhaseConnected); v.Recording != nil || !slices.Contains(v.Allowed, "record-start") {
			t.Errorf("%+v", v)
		}
		b.fails("record-stop", nil, CodeNotAllowed)
	})
}
