package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
	"ringback/media/audio"
	"ringback/media/device"
)

// TestStory_SilenceIsToldWithItsCause: a microphone that gives digital silence is told with
// what the sound system says of it; one that the agent muted is not told at all.
func TestStory_SilenceIsToldWithItsCause(t *testing.T) {
	silence := filepath.Join(t.TempDir(), "silence.wav")
	f, err := os.Create(silence)
	if err != nil {
		t.Fatal(err)
	}
	w, err := audio.NewWAVWriter(f, 8000, 1)
	if err == nil {
		err = w.Write(make([]int16, 8000))
	}
	if err != nil || f.Close() != nil {
		t.Fatal(err)
	}
	for want, mute := range map[string]device.Mute{
		"the microphone is muted in the system's sound settings (Headset)":    {Known: true, System: true, Source: "Headset"},
		"have muted this program's recording from Headset":                    {Known: true, App: true, Source: "Headset"},
		"the system does not mute the microphone (Headset), and yet it gives": {Known: true, Source: "Headset"},
		"only silence is sent: the microphone is muted, or gives no sound":    {},
	} {
		story(t, func(c *Config, _ *lab.Config) { c.Audio.Headset = []string{"file:" + silence} }, func(b *bed) {
			b.on(func(a *Agent) { a.deps.Mute = func() device.Mute { return mute } })
			_, call := b.talk()
			e := b.wait(MediaSilent)
			if !strings.HasPrefix(e.Text, "only silence is sent: ") || !strings.Contains(e.Text, want) {
				t.Errorf("told %q, want %q", e.Text, want)
			}
			if q := b.call(call).Quality; q.Trouble != e.Text || q.TroubleName != "says-nothing" {
				t.Errorf("the call shows %q (%s)", q.Trouble, q.TroubleName)
			}
		})
	}
	story(t, func(c *Config, _ *lab.Config) { c.Audio.Headset = []string{"file:" + silence} }, func(b *bed) {
		b.talk()
		b.do("mute", nil)
		b.mark()
		b.passes(30 * time.Second)
		if got := strings.Join(b.happened(), " "); strings.Contains(got, string(MediaSilent)) {
			t.Errorf("an agent who is muted is told of it: %s", got)
		}
	})
}
