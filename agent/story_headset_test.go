package agent

import (
	"context"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
)

// TestStory_TheHeadsetIsChangedInACall: another device, its gain and its volume, while the
// call goes on; the state says so, and the configured list can be taken again.
func TestStory_TheHeadsetIsChangedInACall(t *testing.T) {
	story(t, func(c *Config, _ *lab.Config) { c.Audio.Headset = []string{"tone:440", "null"} }, func(b *bed) {
		_, call := b.talk()
		b.farHears(contact, 440, true)
		b.do("headset-use", map[string]any{"device": "tone:620"})
		if e := b.wait(MediaDeviceChanged); e.Device != "tone:620" || b.agent.State().Audio.Headset != "tone:620" {
			t.Errorf("told %q, and the state has %q", e.Device, b.agent.State().Audio.Headset)
		}
		b.passes(time.Second)
		b.farHears(contact, 620, true)
		b.farHears(contact, 440, false)

		level := func() float64 {
			t.Helper()
			b.passes(time.Second)
			levels, err := b.agent.Levels(context.Background())
			if err != nil || len(levels) != 1 || levels[0].Call != call {
				t.Fatalf("%v %v", levels, err)
			}
			return levels[0].Out
		}
		before := level()
		b.do("headset-gain", map[string]any{"db": -12})
		if now := level(); now > before-11.5 || now < before-12.5 {
			t.Errorf("the call is sent %.1f dBFS, and with 12 dB less %.1f", before, now)
		}
		b.do("headset-volume", map[string]any{"db": 6})
		if s := b.agent.State().Audio; s.MicrophoneGain != -12 || s.Volume != 6 || !strings.Contains(s.Microphone, "gain -12 dB") || !strings.Contains(s.Ear, "volume +6 dB") {
			t.Errorf("the state has %+v", s)
		}
		b.fails("headset-gain", map[string]any{"db": 31}, CodeInvalid)
		b.fails("headset-gain", nil, CodeInvalid)
		if err := b.fails("headset-use", map[string]any{"device": "tone:loud"}, CodeInvalid); !strings.Contains(err.Error(), "ringback devices") {
			t.Errorf("no way out in %q", err)
		}
		if err := b.fails("headset-use", map[string]any{"device": "portaudio:Nonesuch"}, CodeFailed); !strings.Contains(err.Error(), "portaudio:Nonesuch is not in use") {
			t.Errorf("%q", err)
		}
		b.farHears(contact, 620, true) // the one in use, behind what does not work
		b.do("headset-use", nil)
		b.passes(time.Second)
		b.farHears(contact, 440, true)
		b.phase(PhaseConnected)
	})
}
