package media

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"ringback/internal/simnet"
	"ringback/media/audio"
	"ringback/media/device"
	"ringback/media/mixer"
)

// offBeat is a device whose clock is off: it moves 10 ms of sound each period.
type offBeat struct {
	period time.Duration
	fails  chan error
	stalls chan time.Duration // it stands still so long, and then has all that it heard
}

func (d *offBeat) Name() string { return "off-beat" }

func (d *offBeat) Start(io device.IO) (device.Stream, error) {
	s := &offBeatStream{quit: make(chan struct{}), done: make(chan struct{}), failed: d.fails}
	go func() {
		defer close(s.done)
		tone, buf := audio.NewTone(audio.Sine(620, -12), io.Rate), make([]int16, io.Rate/100)
		next := time.Now()
		for {
			next = next.Add(d.period)
			select {
			case <-s.quit:
				return
			case <-time.After(time.Until(next)):
			case pause := <-d.stalls:
				<-time.After(pause)
				next = next.Add(pause)
				for range pause / d.period {
					tone.Fill(buf)
					io.Capture.Write(buf)
				}
			}
			if io.Capture != nil {
				tone.Fill(buf)
				io.Capture.Write(buf)
			}
			io.Playback.Read(buf)
			s.moved.Add(uint64(len(buf)))
		}
	}()
	return s, nil
}

type offBeatStream struct {
	quit, done chan struct{}
	failed     chan error
	moved      atomic.Uint64
}

func (s *offBeatStream) Frames() (uint64, uint64) { return s.moved.Load(), s.moved.Load() }
func (s *offBeatStream) Failed() <-chan error     { return s.failed }
func (s *offBeatStream) Stop() error {
	close(s.quit)
	<-s.done
	return nil
}

func TestDevicePort_FollowsADriftingDevice(t *testing.T) {
	for _, ppm := range []int{2000, -2000} {
		t.Run(fmt.Sprintf("ppm=%d", ppm), func(t *testing.T) {
			story(t, func(t *testing.T, n *simnet.Net) {
				a, b := twoPhones(t, n)
				defer a.close()
				defer b.close()
				period := 10*time.Millisecond - 10*time.Millisecond*time.Duration(ppm)/1_000_000
				port, err := a.engine.NewDevicePort(DeviceConfig{Devices: []device.Device{&offBeat{period: period}}, Listen: true})
				must(t, err)
				_, err = a.bridge.Add(port)
				must(t, err)
				must(t, a.bridge.SetRoutes([]mixer.Route{{From: port.Slot(), To: a.session.Slot()}, {From: a.session.Slot(), To: port.Slot()}}))
				pass(2 * time.Second)
				most := 0
				gap := quietest(b, func() {
					for range 1200 {
						pass(100 * time.Millisecond)
						most = max(most, port.mic.ring.Len(), port.ear.ring.Len())
					}
				})
				if most > 8*32 { // 32 ms: a frame, a chunk, and 2 ms
					t.Errorf("%d samples wait in a ring", most)
				}
				if gap > 0 || !b.hears(620) {
					t.Errorf("gap of %v, heard %v", gap, b.hears(620))
				}
			})
		})
	}
}

// A sound server that stood still leaves no delay behind.
func TestDevicePort_CatchesUpAfterAStall(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		d := &offBeat{period: 10 * time.Millisecond, stalls: make(chan time.Duration)}
		port, err := a.engine.NewDevicePort(DeviceConfig{Devices: []device.Device{d}, Listen: true})
		must(t, err)
		_, err = a.bridge.Add(port)
		must(t, err)
		must(t, a.bridge.SetRoutes([]mixer.Route{{From: port.Slot(), To: a.session.Slot()}, {From: a.session.Slot(), To: port.Slot()}}))
		pass(2 * time.Second)
		d.stalls <- 300 * time.Millisecond
		pass(300 * time.Millisecond)
		if mic, ear := port.mic.ring.Len(), port.ear.ring.Len(); mic < 8*200 || ear < 8*200 {
			t.Fatalf("no stall: %d and %d samples wait", mic, ear)
		}
		pass(2500 * time.Millisecond)
		if mic, ear := port.mic.ring.Len(), port.ear.ring.Len(); mic > 8*40 || ear > 8*40 {
			t.Errorf("%d samples wait for the wire and %d for the ear", mic, ear)
		}
		if gap := quietest(b, func() { pass(time.Second) }); gap > 0 || !b.hears(620) {
			t.Errorf("gap of %v, heard %v", gap, b.hears(620))
		}
	})
}

func TestDevicePort_LostDeviceDoesNotEndTheCall(t *testing.T) {
	story(t, func(t *testing.T, n *simnet.Net) {
		a, b := twoPhones(t, n)
		defer a.close()
		defer b.close()
		spare, err := device.Parse("tone:1004")
		must(t, err)
		bad := &offBeat{period: 10 * time.Millisecond, fails: make(chan error, 1)}
		port, err := a.engine.NewDevicePort(DeviceConfig{Devices: []device.Device{bad, spare}, Listen: true, OnEvent: a.note})
		must(t, err)
		_, err = a.bridge.Add(port)
		must(t, err)
		must(t, a.bridge.SetRoutes([]mixer.Route{{From: port.Slot(), To: a.session.Slot()}}))
		pass(time.Second)
		if !b.hears(620) {
			t.Error("the first device is not heard")
		}
		bad.period = time.Hour // unplugged, and dead when tried again
		bad.fails <- errors.New("unplugged")
		pass(500 * time.Millisecond)
		if count[DeviceLost](a) == 0 || !b.hears(1004) {
			t.Errorf("told %v, heard %v", a.told(), b.hears(1004))
		}
	})
}

func TestNewDevicePort_NeedsADevice(t *testing.T) {
	if _, err := NewEngine(EngineConfig{}).NewDevicePort(DeviceConfig{}); err == nil {
		t.Error("an empty list was taken")
	}
}
