package headset

import (
	"errors"
	"strings"
)

// ErrNoLibrary is what New returns for wishes that this build cannot fulfil.
var ErrNoLibrary = errors.New("built without webrtc-audio-processing: install libwebrtc-audio-processing-dev and pkg-config, and build with make build, or switch it off")

// apmConfig is what is asked of the library.
type apmConfig struct {
	echo, gain  bool
	suppression NoiseSuppression
}

func (c apmConfig) any() bool { return c.echo || c.gain || c.suppression != NoiseOff }

func (c apmConfig) String() string {
	var parts []string
	if c.echo {
		parts = append(parts, "echo cancellation")
	}
	if c.suppression != NoiseOff {
		parts = append(parts, "noise suppression "+c.suppression.String())
	}
	if c.gain {
		parts = append(parts, "automatic gain")
	}
	return strings.Join(parts, ", ")
}
