package device

// Writer takes captured samples without blocking; it returns how many it took.
// An audio.Ring is one.
type Writer interface {
	Write(samples []int16) int
}

// Reader gives samples to be played without blocking; it returns how many it
// gave. An audio.Ring is one.
type Reader interface {
	Read(samples []int16) int
}

// IO is the phone's side of a device: mono, 16 bits, Rate samples per second.
// Capture and Playback are each used by one goroutine of the device at a time.
type IO struct {
	Rate     int    // samples per second
	Capture  Writer // what the microphone hears; nil: no capture wanted
	Playback Reader // what the ear is to hear; nil: no playback wanted
}

// Device is something to speak into and to listen with. Starting it again after
// a failure looks for the hardware afresh.
type Device interface {
	Name() string                // stable, as in the configuration: "portaudio:Headset", "tone:440"
	Start(io IO) (Stream, error) // may take a second: not for the agent's loop
}

// Stream is a device at work. Stop may be called once, from any goroutine but
// the device's own; it returns when IO is no longer touched, or, for hardware
// that hangs, after two seconds with an error, IO then being cut off from it.
type Stream interface {
	Frames() (captured, played uint64) // samples moved so far; any goroutine
	Failed() <-chan error              // one error when the device itself saw a failure
	Stop() error
}

// Info describes a device of this machine.
type Info struct {
	Name    string `json:"name"`     // as it is written in a preference list
	HostAPI string `json:"host_api"` // ALSA, Core Audio, ...
	Inputs  int    `json:"inputs"`   // capture channels
	Outputs int    `json:"outputs"`  // playback channels
	Default bool   `json:"default"`  // what the bare word portaudio would take
	Rate    int    `json:"rate"`     // its own samples per second
}

// Parse makes the device of one entry of a preference list: portaudio,
// portaudio:NAME, tone:HZ, file:IN.wav,OUT.wav (either may be empty) or null.
func Parse(entry string) (Device, error) { return nil, nil }

// ParsePreference makes the devices of a preference list, the best first.
func ParsePreference(entries []string) ([]Device, error) { return nil, nil }

// List names the devices of this machine. In a build without PortAudio it
// returns ErrNoPortAudio and the built-in ones.
func List() ([]Info, error) { return nil, nil }
