//go:build !linux

package device

// MicrophoneMute knows nothing here.
func MicrophoneMute() Mute { return Mute{} }
