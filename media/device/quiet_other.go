//go:build portaudio && !linux

package device

// quiet has nothing to do where the sound system does not write to stderr.
func quiet() {}
