//go:build portaudio

package device

import (
	"errors"
	"fmt"
	"time"

	"github.com/gordonklaus/portaudio"
)

const (
	callLimit  = 3 * time.Second       // for a call into PortAudio before it counts as hung
	renewLimit = time.Second           // for streams to be closed, so that devices are listed anew
	renewPoll  = 10 * time.Millisecond // between two looks whether they are
)

// library is PortAudio. It is one for the whole process and knows no instances:
// Initialize and Terminate act on everybody's streams. So is its guard.
var library = &guard{watchdog: newWatchdog(callLimit, nil), open: map[*soundStream]struct{}{}}

// guard is PortAudio's watchdog, with what is open. Inside of call:
type guard struct {
	*watchdog
	open  map[*soundStream]struct{} // that are open or hang
	stale bool                      // all are being closed, so that devices can be listed anew
}

// enter makes PortAudio ready. With no stream open it is initialised anew, which
// is how it looks for devices.
func (g *guard) enter() error {
	switch {
	case len(g.open) > 0 && g.stale:
		return errRenewed
	case len(g.open) > 0:
		return nil
	}
	g.stale = false
	quiet()
	if err := portaudio.Initialize(); err != nil {
		return fmt.Errorf("initialise PortAudio: %w", err)
	}
	return nil
}

// renew ends all streams, so that the next start lists devices anew.
func (g *guard) renew() error {
	for s := range g.open {
		g.stale = true
		select {
		case s.failed <- errRenewed:
		default: // it has failed by itself
		}
	}
	return nil
}

// giveUp goes on with the list that there is, since a stream does not close, and says so.
func (g *guard) giveUp() error {
	if err := g.call(func() error { g.stale = false; return nil }, nil); err != nil {
		return err
	}
	return ErrHangs
}

// leave lets go of PortAudio when no stream is open.
func (g *guard) leave() error {
	if len(g.open) > 0 {
		return nil
	}
	return portaudio.Terminate()
}

// hardwareDevice is sound hardware by name; "" is the system's choice.
type hardwareDevice struct{ name string }

func portAudio(name string) Device { return hardwareDevice{name} }

func (d hardwareDevice) Name() string {
	if d.name == "" {
		return "portaudio"
	}
	return "portaudio:" + d.name
}

// Start opens a half-duplex stream for each direction that is wanted.
func (d hardwareDevice) Start(io IO) (Stream, error) {
	s := &soundStream{failed: make(chan error, 1)}
	err := library.call(func() error { return d.open(s, io) }, s.close)
	for began := time.Now(); errors.Is(err, errRenewed); {
		if time.Since(began) > renewLimit {
			return nil, fmt.Errorf("start audio device %q: %w", d.Name(), library.giveUp())
		}
		time.Sleep(renewPoll)
		err = library.call(func() error { return d.open(s, io) }, s.close)
	}
	if err != nil {
		return nil, fmt.Errorf("start audio device %q: %w", d.Name(), err)
	}
	s.run()
	return s, nil
}

// open opens and starts the streams, inside of library.call.
func (d hardwareDevice) open(s *soundStream, io IO) error {
	if err := library.enter(); err != nil {
		return err
	}
	library.open[s] = struct{}{}
	if io.Capture != nil {
		info, err := d.find(true)
		if err != nil {
			return s.undo(err)
		}
		if s.mic, err = openHalf(info, true, io.Rate); err != nil {
			return s.undo(err)
		}
		s.mic.sink = io.Capture
	}
	if io.Playback != nil {
		info, err := d.find(false)
		if err != nil {
			return s.undo(err)
		}
		if s.ear, err = openHalf(info, false, io.Rate); err != nil {
			return s.undo(err)
		}
		s.ear.source, s.ear.ceiling = io.Playback, io.Ceiling
	}
	for _, h := range s.halves() {
		if err := h.stream.Start(); err != nil {
			return s.undo(fmt.Errorf("start stream: %w", err))
		}
	}
	return nil
}

// Find implements Finder; no stream is opened.
func (d hardwareDevice) Find(io IO) error {
	err := library.call(func() error {
		if err := library.enter(); err != nil {
			return err
		}
		var errs [2]error
		if io.Capture != nil {
			_, errs[0] = d.find(true)
		}
		if io.Playback != nil {
			_, errs[1] = d.find(false)
		}
		return errors.Join(errs[0], errs[1], library.leave())
	}, nil)
	if err != nil {
		return fmt.Errorf("find audio device %q: %w", d.Name(), err)
	}
	return nil
}

// unseen implements newcomer.
func (d hardwareDevice) unseen(io IO, list []Info) bool {
	if d.name == "" || !listed(list, d.name, io) {
		return false
	}
	unseen := false
	err := library.call(func() error {
		if len(library.open) == 0 {
			return nil // it is listed at each start
		}
		_, found, err := enumerate()
		unseen = err == nil && !fits(found, d.name, io)
		return err
	}, nil)
	return err == nil && unseen
}

// renew implements newcomer.
func (d hardwareDevice) renew() error { return library.call(library.renew, nil) }

// find returns the hardware that the name means in one direction.
func (d hardwareDevice) find(input bool) (*portaudio.DeviceInfo, error) {
	if d.name == "" && input {
		return portaudio.DefaultInputDevice()
	}
	if d.name == "" {
		return portaudio.DefaultOutputDevice()
	}
	devices, found, err := enumerate()
	if err != nil {
		return nil, err
	}
	at, err := match(found, d.name, input)
	if err != nil {
		return nil, err
	}
	return devices[at], nil
}

// enumerate lists the hardware, inside of library.call.
func enumerate() ([]*portaudio.DeviceInfo, []candidate, error) {
	devices, err := portaudio.Devices()
	if err != nil {
		return nil, nil, fmt.Errorf("list devices: %w", err)
	}
	primary, err := portaudio.DefaultHostApi()
	if err != nil {
		return nil, nil, fmt.Errorf("list devices: %w", err)
	}
	found := make([]candidate, len(devices))
	for i, d := range devices {
		found[i] = candidate{
			name: d.Name, api: d.HostApi.Name, inputs: d.MaxInputChannels, outputs: d.MaxOutputChannels,
			primary: d.HostApi == primary,
		}
	}
	return devices, found, nil
}

func hardware() (list []Info, err error) {
	var found []Info // not touched by a call that hangs once we have gone
	err = library.call(func() error {
		if err := library.enter(); err != nil {
			return err
		}
		devices, names, err := enumerate()
		if err == nil {
			found = describe(devices, names)
		}
		return errors.Join(err, library.leave())
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("list audio devices: %w", err)
	}
	return found, nil
}

func describe(devices []*portaudio.DeviceInfo, names []candidate) []Info {
	in, _ := portaudio.DefaultInputDevice() // none is no error here
	out, _ := portaudio.DefaultOutputDevice()
	list := make([]Info, len(devices))
	for i, d := range devices {
		list[i] = Info{
			Name: stableName(names, i), HostAPI: names[i].api, Inputs: d.MaxInputChannels, Outputs: d.MaxOutputChannels,
			Rate: int(d.DefaultSampleRate), Default: in != nil && d.Index == in.Index || out != nil && d.Index == out.Index,
		}
	}
	return list
}
