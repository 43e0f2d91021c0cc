package media

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"ringback/media/audio"
	"ringback/media/device"
	"ringback/media/headset"
	"ringback/media/mixer"
)

// DeviceConfig sets up a DevicePort.
type DeviceConfig struct {
	Devices []device.Device // by preference
	Listen  bool            // false: only played to, as a ring device is
	Resting bool            // the devices are left alone until Wake
	Sound   headset.Config  // what is done to what it hears and plays
	OnEvent func(Event)     // DeviceChanged, DeviceLost, DeviceFlows; must only post
	Log     *slog.Logger
	// Outside lists the devices by another process, which sees those that have come since
	// this one opened some; nil: they are seen once none is open. Any goroutine.
	Outside func(context.Context) ([]device.Info, error)
}

// DevicePort is a headset, or a ring device, in a slot: what its microphone hears
// comes into the bridge, what is routed to it is played. A device that fails
// never ends it: the next of the list takes over.
type DevicePort struct {
	engine  *Engine
	super   *device.Supervisor
	resting atomic.Bool
	cancel  context.CancelFunc
	done    chan struct{}
	once    sync.Once

	mu   sync.Mutex
	seat seat
	mic  *inlet // nil: not listened to
	ear  *outlet

	sound *headset.Processor
	heard frame // what the ear is to hear, on its way
}

// NewDevicePort starts to keep the best of the devices at work. OnEvent is called
// on a goroutine of the port. It fails for an empty list, and for a Sound that
// headset.New refuses.
func (e *Engine) NewDevicePort(cfg DeviceConfig) (*DevicePort, error) {
	if len(cfg.Devices) == 0 {
		return nil, errors.New("open device: the list is empty: name at least null")
	}
	rate := e.cfg.Rate
	sound, err := headset.New(rate, cfg.Sound)
	if err != nil {
		return nil, fmt.Errorf("open device: %w", err)
	}
	d := &DevicePort{engine: e, sound: sound, heard: make(frame, audio.FrameSamples(rate)), done: make(chan struct{})}
	d.seat.slot = mixer.None
	d.resting.Store(cfg.Resting)
	d.ear = newOutlet(rate)
	io := device.IO{Rate: rate, Playback: (*taken)(d.ear.ring), Ceiling: cfg.Sound.CeilingSample()}
	if cfg.Listen {
		d.mic = newInlet(rate)
		io.Capture = (*given)(d.mic.ring)
	}
	d.super = device.NewSupervisor(device.SupervisorConfig{
		Devices: cfg.Devices, IO: io, Resting: cfg.Resting, Log: cfg.Log, OnChange: func(c device.Change) { tellChange(cfg.OnEvent, c) },
		Outside: cfg.Outside, OnFlow: func(f device.Flow) { tellFlow(cfg.OnEvent, f) },
	})
	if err := e.adopt(d); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	e.tasks.Go(func() {
		defer close(d.done)
		d.super.Run(ctx)
	})
	return d, nil
}

func tellChange(tell func(Event), c device.Change) {
	if tell == nil {
		return
	}
	if c.Lost != "" {
		tell(DeviceLost{Name: c.Lost, Err: c.Err})
	}
	tell(DeviceChanged{Name: c.Device})
}

func tellFlow(tell func(Event), f device.Flow) {
	if tell != nil {
		tell(DeviceFlows(f))
	}
}

// Device names the device in use, at rest the one that is to be; empty when none
// works.
func (d *DevicePort) Device() string { return d.super.Current() }

// Sound prints what is done to what the microphone hears and to what the ear is to
// hear; the first is empty for a port that does not listen.
func (d *DevicePort) Sound() (microphone, ear string) {
	microphone, ear = d.sound.Chains()
	if d.mic == nil {
		microphone = ""
	}
	return microphone, ear
}

// SetGain sets the microphone's gain, in dB of -30 to 30. Any goroutine.
func (d *DevicePort) SetGain(db int) error { return d.sound.SetGain(db) }

// SetVolume sets how loud the ear hears, in dB of -30 to 30; the ceiling of its Sound holds.
// Any goroutine.
func (d *DevicePort) SetVolume(db int) error { return d.sound.SetVolume(db) }

// Use takes another preference list, and returns once its first device is at work, or why
// it is not; what is at work goes on until then.
func (d *DevicePort) Use(ctx context.Context, devices []device.Device) error {
	if len(devices) == 0 {
		return errors.New("use device: the list is empty: name at least null")
	}
	return d.super.Use(ctx, devices)
}

// Rest lets go of the device: no microphone listens until Wake. The port stays
// where it is, silent and deaf.
func (d *DevicePort) Rest() {
	d.resting.Store(true)
	d.super.Rest()
}

// Wake puts the best device that works to use; sound moves after some tenths of a
// second.
func (d *DevicePort) Wake() {
	d.resting.Store(false)
	d.super.Wake()
	rouse(&d.mu, &d.seat)
}

// Close leaves the bridge and stops the device; it waits until nothing touches
// the device any more.
func (d *DevicePort) Close() error {
	d.once.Do(func() {
		_ = closePort(d, &d.mu, &d.seat)
		d.cancel()
		<-d.done
		d.sound.Close()
		d.engine.forget(d)
	})
	return nil
}

// Slot implements Port.
func (d *DevicePort) Slot() mixer.Slot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seat.slot
}

func (d *DevicePort) attach(b *Bridge, slot mixer.Slot) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.seat.take(b, slot)
}

func (d *DevicePort) detach() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seat.leave()
}

func (d *DevicePort) pull(dst frame, _ time.Time, _ int) {
	if d.mic == nil {
		clear(dst)
		return
	}
	d.mic.pull(dst)
	d.sound.Microphone(dst)
}

func (d *DevicePort) push(src frame, _ time.Time) {
	if !d.resting.Load() {
		copy(d.heard, src)
		d.sound.Ear(d.heard)
		d.ear.push(d.heard)
	}
}

func (d *DevicePort) rests() bool   { return d.resting.Load() }
func (d *DevicePort) fail(error)    {}
func (d *DevicePort) flush() func() { return nil }
