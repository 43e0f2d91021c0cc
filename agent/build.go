package agent

import (
	"ringback/media"
	"ringback/media/headset"
)

// Build is what depends on the libraries in C that the phone was built with.
type Build struct {
	Opus  bool // can be sent, and so is used in calls: libopus
	Noise bool // is suppressed, as echo is, and voices are levelled: webrtc-audio-processing
}

// ThisBuild tells it of the running program.
func ThisBuild() Build { return Build{Opus: media.Sends("opus"), Noise: headset.Library} }
