//go:build !portaudio

package device

import "fmt"

// absent stands for sound hardware in a build without PortAudio.
type absent struct{ name string }

func portAudio(name string) Device {
	if name == "" {
		return absent{"portaudio"}
	}
	return absent{"portaudio:" + name}
}

func (a absent) Name() string { return a.name }

func (a absent) Start(IO) (Stream, error) {
	return nil, fmt.Errorf("start audio device %q: %w", a.name, ErrNoPortAudio)
}

// Find says that it is not there, and why.
func (a absent) Find(IO) error {
	return fmt.Errorf("look for audio device %q: %w", a.name, ErrNoPortAudio)
}

func hardware() ([]Info, error) { return nil, fmt.Errorf("list audio devices: %w", ErrNoPortAudio) }
