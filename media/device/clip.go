package device

import "ringback/media/audio"

// Playing is a microphone that hears a recording, again and again; nothing is played. The
// clip is shared, not copied, where it is mono at the rate of the device's IO.
func Playing(name string, clip audio.Clip) Device {
	return &fileDevice{name: name, clip: &clip, loop: true}
}

// Echoing is a microphone that hears what the ear does, a frame later, as a handset that
// lies on a table does.
func Echoing() Device { return echoDevice{} }

type echoDevice struct{}

func (echoDevice) Name() string { return "echo" }

func (echoDevice) Start(io IO) (Stream, error) {
	said := make([]int16, audio.FrameSamples(io.Rate))
	return pace(io, func(frame []int16) { copy(frame, said) }, func(heard []int16) error { copy(said, heard); return nil }), nil
}
