package media

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/headset"
	"ringback/media/mixer"
)

// TestDevicePort_CeilingOfTheEar: a tone at full scale is played at the ceiling.
func TestDevicePort_CeilingOfTheEar(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ear.wav")
	story(t, func(t *testing.T, _ *simnet.Net) {
		e := NewEngine(EngineConfig{Shards: 1, Rate: audio.Rate16k})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- e.Run(ctx) }()
		d, err := e.NewDevicePort(DeviceConfig{Devices: parseDevices(t, "file:,"+path), Sound: headset.Config{Ceiling: -20, HighPass: true}})
		must(t, err)
		p, b := e.NewPlayer(), e.NewBridge()
		for _, port := range []Port{d, p} {
			_, err := b.Add(port)
			must(t, err)
		}
		must(t, b.SetRoutes([]mixer.Route{{From: p.Slot(), To: d.Slot()}}))
		p.PlayTone(audio.Sine(440, 0), nil)
		pass(2 * time.Second)
		if mic, ear := d.Sound(); mic != "" || ear != "limiter -20 dBFS" {
			t.Errorf("microphone %q, ear %q", mic, ear)
		}
		cancel()
		must(t, <-ended)
	})
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	clip, err := audio.ReadWAV(f)
	must(t, err)
	pcm, top := clip.Channel(0).Samples, 0
	for _, s := range pcm {
		top = max(top, int(s), -int(s))
	}
	if want := int(headset.Config{Ceiling: -20}.CeilingSample()); top > want || top < want*98/100 {
		t.Errorf("played up to %d, the ceiling is %d", top, want)
	}
	if len(pcm) < audio.Rate16k {
		t.Errorf("%d samples", len(pcm))
	}
}
