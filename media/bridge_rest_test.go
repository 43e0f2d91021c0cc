package media

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ringback/media/audio"
	"ringback/media/device"
	"ringback/media/mixer"
)

// TestBridge_RestsWhenNothingIsToDo: a bridge of a resting headset, a silent
// player and a meter is worked on for a second more and then not at all; the
// player and the headset rouse it.
func TestBridge_RestsWhenNothingIsToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(EngineConfig{Shards: 1})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- e.Run(ctx) }()
		headset, err := e.NewDevicePort(DeviceConfig{Devices: parseDevices(t, "null"), Listen: true, Resting: true})
		must(t, err)
		player, meter := e.NewPlayer(), e.NewMeter(MeterConfig{Tones: []float64{440}})
		b := e.NewBridge()
		for _, p := range []Port{headset, player, meter} {
			_, err := b.Add(p)
			must(t, err)
		}
		must(t, b.SetRoutes([]mixer.Route{{From: player.Slot(), To: meter.Slot()}}))
		onWheel := func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.onWheel
		}
		pass(2 * time.Second)
		if onWheel() || e.shards[0].load.Load() != 0 {
			t.Errorf("idle for 2 s and still worked on: %d nodes", e.shards[0].load.Load())
		}
		pass(time.Hour)
		player.PlayTone(audio.Sine(440, -10), nil)
		pass(200 * time.Millisecond)
		if on, dbfs := meter.Tone(440); !on {
			t.Errorf("the player roused nobody: 440 Hz at %.0f dBFS", dbfs)
		}
		player.Stop()
		pass(2 * time.Second)
		if on, _ := meter.Tone(440); on || onWheel() {
			t.Errorf("stopped 2 s ago: tone %v, worked on %v", on, onWheel())
		}
		headset.Wake()
		pass(2 * time.Second)
		if !onWheel() {
			t.Error("the headset was woken and the bridge was not")
		}
		headset.Rest()
		pass(2 * time.Second)
		if onWheel() {
			t.Error("the headset rests and the bridge does not")
		}
		cancel()
		must(t, <-ended)
	})
}

// comesBack ends one stay and is on the wheel again before the shard took it off.
type comesBack struct {
	e     *Engine
	ticks int
}

func (n *comesBack) tick(time.Time, int) bool {
	n.ticks++
	if n.ticks != 5 {
		return true
	}
	n.e.place(n)
	return false
}

// TestWheel_KeepsWhatCameBack: what rests and is roused in the same turn is not
// taken off for good.
func TestWheel_KeepsWhatCameBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(EngineConfig{Shards: 1})
		for i := range wheelSlots - 1 { // every other slot has more: the one that it leaves is taken again
			e.shards[0].slots[i+1].nodes = []*entry{{slowNode{&slow{}}}, {slowNode{&slow{}}}}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		n := &comesBack{e: e}
		e.place(n)
		go func() { ended <- e.Run(ctx) }()
		pass(time.Second)
		cancel()
		must(t, <-ended)
		if n.ticks < 45 {
			t.Errorf("worked on %d times in a second", n.ticks)
		}
	})
}

func parseDevices(t *testing.T, names ...string) []device.Device {
	t.Helper()
	devices, err := device.ParsePreference(names)
	must(t, err)
	return devices
}
