package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
	"ringback/internal/simnet"
	"ringback/media"
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

// TestStory_TroubleIsShownWhileItLasts: loss on the way is told, and shown as so until it is
// over; afterwards the call keeps what it was.
func TestStory_TroubleIsShownWhileItLasts(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		b.passes(10 * time.Second)
		b.net.OneWay(labIP, agentIP, simnet.Link{Loss: 0.2})
		e := b.wait(MediaQuality)
		for e.Text == "" { // figures only
			e = b.wait(MediaQuality)
		}
		if q := b.call(call).Quality; !q.Troubled || q.TroubleName != "loss" || q.Trouble != e.Text {
			t.Errorf("told %q, and the call shows %+v", e.Text, q)
		}
		b.net.OneWay(labIP, agentIP, simnet.Link{})
		for e.Text != media.NoTrouble.String() {
			e = b.wait(MediaQuality)
		}
		if q := b.call(call).Quality; q.Troubled || q.TroubleName != "loss" {
			t.Errorf("when it is over the call shows %+v", q)
		}
	})
}

// TestStory_AHeadsetThatStopsIsNamedInTheCall: while RTP arrives and no device takes it, the
// call says so in words, also when null stands in, and when it is over. A call of an agent
// who is muted misses no microphone.
func TestStory_AHeadsetThatStopsIsNamedInTheCall(t *testing.T) {
	story(t, func(c *Config, _ *lab.Config) { c.Audio.Headset = []string{"tone:440", "null"} }, func(b *bed) {
		_, call := b.talk()
		b.passes(3 * time.Second)
		tell := func(events ...media.Event) {
			b.mark()
			b.on(func(a *Agent) {
				a.input(func() {
					for _, e := range events {
						a.deviceEvent(roleHeadset, e)
					}
				})()
			})
		}
		text := func(kind EventType) string {
			e := b.wait(kind)
			for e.Text == "" { // figures only
				e = b.wait(kind)
			}
			return e.Text
		}
		over := func() {
			t.Helper()
			if got := text(MediaQuality); got != media.NoTrouble.String() || b.call(call).Quality.Troubled {
				t.Errorf("told %q, and the call shows %+v", got, b.call(call).Quality)
			}
		}
		is := func(name, words string) {
			t.Helper()
			began := time.Now()
			if got := text(MediaSilent); !strings.HasPrefix(got, words) || time.Since(began) > time.Second {
				t.Errorf("told %q after %v, want %q", got, time.Since(began), words)
			}
			if q := b.call(call).Quality; !q.Troubled || q.TroubleName != name {
				t.Errorf("the call shows %s (%v), want %s", q.TroubleName, q.Troubled, name)
			}
		}
		tell(media.DeviceFlows{Microphone: true})
		is("headset-stopped", "RTP arrives, the headset's stream stopped")
		tell(media.DeviceFlows{Microphone: true, Ear: true})
		over()
		tell(media.DeviceFlows{Ear: true})
		is("microphone-stopped", "the microphone's stream stopped")
		b.do("mute", nil)
		over()
		b.do("unmute", nil)
		is("microphone-stopped", "the microphone's stream stopped")
		tell(media.DeviceLost{Name: "tone:440"}, media.DeviceChanged{Name: "null"}, media.DeviceFlows{Microphone: true, Ear: true})
		is("headset-stopped", "RTP arrives, the headset's stream stopped")
		tell(media.DeviceChanged{Name: "tone:440"})
		over()
	})
}
