package media

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/device"
	"ringback/media/mixer"
)

func TestConformance_M21_ConferenceOfEight(t *testing.T) {
	tones := []float64{350, 475, 600, 725, 850, 975, 1100, 1225}
	story(t, func(t *testing.T, n *simnet.Net) {
		host := NewEngine(EngineConfig{Network: n.Host(hereIP), Shards: 1})
		go func() { _ = host.Run(t.Context()) }()
		defer func() { _ = host.Close() }()
		room := host.NewBridge()
		var parties []*phone
		var slots []mixer.Slot
		for i, hz := range tones {
			p := newPhone(t, n, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"}[i])
			defer p.close()
			p.player.PlayTone(audio.Sine(hz, -24), nil)
			ears := p.engine.NewMeter(MeterConfig{Tones: tones})
			slot, err := p.bridge.Add(ears)
			must(t, err)
			p.meter = ears
			must(t, p.bridge.SetRoutes([]mixer.Route{{From: p.player.Slot(), To: p.session.Slot()}, {From: p.session.Slot(), To: slot}}))
			leg := &phone{t: t, engine: host}
			leg.session, err = host.NewSession(SessionConfig{LocalIP: n.Host(hereIP).Addr()})
			must(t, err)
			connect(t, p, leg)
			in, err := room.Add(leg.session)
			must(t, err)
			parties, slots = append(parties, p), append(slots, in)
		}
		must(t, room.SetRoutes(mixer.Conference(slots...)))
		pass(2 * time.Second)
		for i, p := range parties {
			for k, hz := range tones {
				if on, level := p.meter.Tone(hz); on != (i != k) || (on && math.Abs(level+24) > 1.5) {
					t.Errorf("party %d, tone of %d: heard %v at %.1f dBFS", i, k, on, level)
				}
			}
		}
		// One goes silent: the others go on without a gap.
		stalled := parties[0]
		n.Partition(hereIP, "10.0.0.1", true)
		gap := quietest(parties[1], func() { pass(2 * time.Second) })
		if gap >= 20*time.Millisecond || stalled.engine.Panics() != 0 {
			t.Errorf("the stall of one cost another %v", gap)
		}
	})
}

func TestBridge_RouteSwitchDoesNotClick(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		e := NewEngine(EngineConfig{Network: n.Host(hereIP), Shards: 1})
		go func() { _ = e.Run(t.Context()) }()
		defer func() { _ = e.Close() }()
		b := e.NewBridge()
		p, q, m := e.NewPlayer(), e.NewPlayer(), e.NewMeter(MeterConfig{})
		for _, port := range []Port{p, q, m} {
			_, err := b.Add(port)
			must(t, err)
		}
		p.PlayTone(audio.Sine(300, -6), nil)
		q.PlayTone(audio.Sine(410, -6), nil)
		pass(100 * time.Millisecond)
		m.TakeStep()
		amplitude := 32767 * audio.Linear(-6)
		most := int(amplitude*2*math.Pi*(300+410)/8000) + 260 // both at once, and the ramp
		for i := range 40 {
			route := mixer.Route{From: []mixer.Slot{p.Slot(), q.Slot()}[i%2], To: m.Slot()}
			if i%5 == 4 {
				must(t, b.SetRoutes(nil))
			} else {
				must(t, b.SetRoutes([]mixer.Route{route}))
			}
			if i%7 == 3 {
				p.Stop()
				p.PlayTone(audio.Sine(300, -6), nil)
			}
			pass(70 * time.Millisecond)
			if step := m.TakeStep(); step > most {
				t.Errorf("switch %d: a step of %d, at most %d is sound", i, step, most)
			}
		}
	})
}

func TestPlayer_ChangesWithoutAClick(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		e := NewEngine(EngineConfig{Network: n.Host(hereIP), Shards: 1})
		go func() { _ = e.Run(t.Context()) }()
		defer func() { _ = e.Close() }()
		b, p, m := e.NewBridge(), e.NewPlayer(), e.NewMeter(MeterConfig{})
		for _, port := range []Port{p, m} {
			_, err := b.Add(port)
			must(t, err)
		}
		must(t, b.SetRoutes([]mixer.Route{{From: p.Slot(), To: m.Slot()}}))
		for i := range 60 {
			switch i % 3 {
			case 0:
				p.PlayTone(audio.Sine(100, -3), nil)
			case 1:
				p.PlayTone(audio.Sine(130, -3), nil)
			default:
				p.Stop()
			}
			pass(time.Duration(61+i) * time.Millisecond)
			if step := m.TakeStep(); step > 23000*(100+130)*7/8000+1000 {
				t.Errorf("change %d: a step of %d", i, step)
			}
		}
	})
}

func TestBridge_PanicOfOnePortLeavesTheOthers(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		bad := &probe{}
		_, err := b.bridge.Add(bad)
		must(t, err)
		a.tone(440)
		pass(time.Second)
		bad.mu.Lock()
		bad.boom = true
		bad.mu.Unlock()
		pass(time.Second)
		if b.engine.Panics() != 1 || !b.hears(440) {
			t.Errorf("panics %d, heard %v", b.engine.Panics(), b.hears(440))
		}
		// A session that panics stops, and says so.
		b.session.mu.Lock()
		b.session.rx.formats[8] = 100
		b.session.mu.Unlock()
		a.tone(620)
		pass(time.Second)
		if count[Failed](b) != 1 {
			t.Errorf("told %v", b.told())
		}
		must(t, b.session.Close())
	})
}

func TestBridge_PortsMoveAndLeave(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		other := b.engine.NewBridge()
		if _, err := other.Add(b.session); err == nil {
			t.Fatal("a session is in two bridges")
		}
		b.bridge.Remove(b.session)
		if b.session.Slot() != mixer.None {
			t.Error("it has a slot in no bridge")
		}
		sent := b.session.Stats().TxPackets
		pass(time.Second)
		if now := b.session.Stats().TxPackets; now < sent+48 || now > sent+52 {
			t.Errorf("alone it sent %d packets in a second", now-sent)
		}
		slot, err := other.Add(b.session)
		must(t, err)
		m := b.engine.NewMeter(MeterConfig{Tones: []float64{440}})
		ear, err := other.Add(m)
		must(t, err)
		must(t, other.SetRoutes([]mixer.Route{{From: slot, To: ear}}))
		a.tone(440)
		pass(time.Second)
		if on, _ := m.Tone(440); !on {
			t.Error("not heard in its new bridge")
		}
		if err := other.SetRoutes([]mixer.Route{{From: slot, To: 77}}); err == nil {
			t.Error("a route to nowhere was taken")
		}
		must(t, b.session.Close())
		must(t, other.Close())
		if _, err := other.Add(a.player); err == nil {
			t.Error("a closed bridge takes ports")
		}
	})
}

func TestRecorder_TwoChannelsReadableAtAnyTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "call.wav")
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		f, err := os.Create(path)
		must(t, err)
		rec, err := b.engine.NewRecorder(f, RecorderConfig{Channels: 2, OnEvent: b.note})
		must(t, err)
		left, err := b.bridge.Add(rec.Port(0))
		must(t, err)
		right, err := b.bridge.Add(rec.Port(1))
		must(t, err)
		must(t, b.bridge.SetRoutes([]mixer.Route{
			{From: b.player.Slot(), To: left}, {From: b.player.Slot(), To: b.session.Slot()}, {From: b.session.Slot(), To: right},
		}))
		a.tone(440)
		b.tone(850)
		pass(2 * time.Second)
		data, err := os.ReadFile(path)
		must(t, err)
		if clip, err := audio.ReadWAV(bytes.NewReader(data)); err != nil || clip.Frames() < 14000 {
			t.Errorf("while recording: %d samples, %v", clip.Frames(), err)
		}
		pass(time.Second)
		must(t, rec.Close())
		if d := rec.Duration(); d < 2900*time.Millisecond || d > 3100*time.Millisecond {
			t.Errorf("recorded %v", d)
		}
		data, err = os.ReadFile(path)
		must(t, err)
		clip, err := audio.ReadWAV(bytes.NewReader(data))
		must(t, err)
		for channel, hz := range []float64{850, 440} {
			d := audio.NewToneDetector(clip.Rate, 440, 850)
			d.Add(clip.Channel(channel).Samples, nil)
			if !d.Present(hz) || d.Present(1290-hz) {
				t.Errorf("channel %d: 440 %v, 850 %v", channel, d.Present(440), d.Present(850))
			}
		}
	})
}

func TestRecorder_ASideThatSaysNothingIsSilence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "half.wav")
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		f, err := os.Create(path)
		must(t, err)
		rec, err := b.engine.NewRecorder(f, RecorderConfig{Channels: 2})
		must(t, err)
		slot, err := b.bridge.Add(rec.Port(1))
		must(t, err)
		must(t, b.bridge.SetRoutes(routesTo(b, slot)))
		a.tone(440)
		pass(10 * time.Second)
		if d := rec.Duration(); d < 8*time.Second {
			t.Errorf("%v are on the disk after 10 s", d)
		}
		must(t, rec.Close())
		data, err := os.ReadFile(path)
		must(t, err)
		clip, err := audio.ReadWAV(bytes.NewReader(data))
		must(t, err)
		if clip.Frames() < 79000 || audio.LevelDBFS(clip.Channel(0).Samples) != audio.SilenceDBFS {
			t.Errorf("%d samples, the silent side has %.0f dBFS", clip.Frames(), audio.LevelDBFS(clip.Channel(0).Samples))
		}
	})
}

type brokenFile struct{ io.WriterAt }

func (brokenFile) Write(b []byte) (int, error) {
	if len(b) == 44 {
		return len(b), nil
	}
	return 0, io.ErrShortWrite
}

func TestRecorder_DiskFails(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		rec, err := b.engine.NewRecorder(brokenFile{}, RecorderConfig{Channels: 1, OnEvent: b.note})
		must(t, err)
		_, err = b.bridge.Add(rec.Port(0))
		must(t, err)
		a.tone(440)
		pass(10 * time.Second)
		if count[Failed](b) != 1 || !b.hears(440) {
			t.Errorf("told %d times, call heard %v", count[Failed](b), b.hears(440))
		}
		if rec.Close() == nil {
			t.Error("closed without an error")
		}
	})
}

func TestDevicePort_SpeaksAndListens(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		devices, err := device.ParsePreference([]string{"tone:620", "null"})
		must(t, err)
		port, err := a.engine.NewDevicePort(DeviceConfig{Devices: devices, Listen: true, OnEvent: a.note})
		must(t, err)
		_, err = a.bridge.Add(port)
		must(t, err)
		must(t, a.bridge.SetRoutes([]mixer.Route{{From: port.Slot(), To: a.session.Slot()}, {From: a.session.Slot(), To: port.Slot()}}))
		pass(3 * time.Second)
		gap := quietest(b, func() { pass(5 * time.Second) })
		if !b.hears(620) || gap > 0 || port.Device() != "tone:620" || count[DeviceChanged](a) != 1 {
			t.Errorf("heard %v, gap %v, device %q, told %v", b.hears(620), gap, port.Device(), a.told())
		}
		must(t, port.Close())
		must(t, port.Close())
	})
}
