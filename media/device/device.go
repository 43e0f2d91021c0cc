package device

import "errors"

// ErrNoPortAudio is what everything that needs sound hardware returns in a build
// without PortAudio.
var ErrNoPortAudio = errors.New("built without PortAudio; build with -tags portaudio, or install portaudio19-dev and run make")

// ErrGone is the failure of a stream that no frame moves through.
var ErrGone = errors.New("no sound moves through it: is it still plugged in?")

// Writer takes captured samples without blocking and says how many it took. An
// *audio.Ring is one.
type Writer interface {
	Write(samples []int16) int
}

// Reader gives samples to be played without blocking and says how many it gave.
// An *audio.Ring is one.
type Reader interface {
	Read(samples []int16) int
}

// Forgetter is a Reader that is told when a device begins to read: what waits is old by
// then. Other Readers are read until they are empty.
type Forgetter interface {
	Forget()
}

// IO is the phone's side of a device: mono, 16 bits. One goroutine of a device
// writes to Capture, one reads from Playback.
type IO struct {
	Rate     int    // samples per second
	Capture  Writer // what the microphone hears; nil: no microphone wanted
	Playback Reader // what the ear is to hear; nil: no loudspeaker wanted
	Ceiling  int16  // the greatest sample that is played, also behind a resampler; 0: any
}

// limit keeps what is about to be played at or below the ceiling, if there is one.
func limit(samples []int16, ceiling int16) {
	if ceiling == 0 {
		return
	}
	for i, s := range samples {
		samples[i] = min(max(s, -ceiling), ceiling)
	}
}

// Device is something to speak into and to listen with. Starting it again after
// a failure looks for the hardware afresh.
type Device interface {
	// Name is stable and as in the configuration: portaudio:Headset, tone:440.
	Name() string
	// Start begins to move samples. It may take a second or two, so it is not for
	// the agent's loop. Errors name the device and what to do.
	Start(io IO) (Stream, error)
}

// Finder is a Device that can be looked for without being started; others are
// always there.
type Finder interface {
	// Find says why the device is not there, if so. It may take a second.
	Find(io IO) error
}

// Stream is a device at work.
type Stream interface {
	// Frames returns how many samples were captured and played so far. Any
	// goroutine.
	Frames() (captured, played uint64)
	// Failed has one error when the device itself sees that it failed.
	Failed() <-chan error
	// Stop is called once, from any goroutine but the device's own. It returns
	// when IO is no longer touched, or after some seconds with an error when the
	// hardware hangs; the caller cuts IO off before.
	Stop() error
}

// Info describes a device of this machine.
type Info struct {
	Name    string `json:"name"`     // as it is written in a preference list
	HostAPI string `json:"host_api"` // ALSA, Core Audio, ...; "" for what is built in
	Inputs  int    `json:"inputs"`   // capture channels
	Outputs int    `json:"outputs"`  // playback channels
	Default bool   `json:"default"`  // what the bare word portaudio takes, for either direction
	Rate    int    `json:"rate"`     // its own samples per second; 0: any
}

// List names the devices of this machine and the built-in null. In a build
// without PortAudio, or when the sound system cannot be asked, the built-in one
// comes with an error. It may take a second.
func List() ([]Info, error) {
	found, err := hardware()
	return append(found, Info{Name: "null", Inputs: 1, Outputs: 1}), err
}
