// Package headset makes the sound of a headset fit to work with for eight hours:
// what the microphone hears on its way to the call, and what the call says on its
// way to the ear.
//
// Words: a stage is one step; a chain is the stages of one direction in their
// order, and prints itself ("high-pass 100 Hz, microphone gain +6 dB"). The ceiling
// is the greatest level that reaches the ear; the side-tone is the agent's own
// voice in the ear.
//
// A Processor belongs to one goroutine, the one that works on its bridge, and
// allocates nothing after New. Frames are those of media/audio, at any rate that
// bridges mix at.
//
// The microphone: high-pass (hum and handling noise; it also takes an offset
// away), then echo cancellation, noise suppression and automatic gain, then the
// gain that was set. The ear: the volume that was set, the side-tone, and last of
// all the limiter, after which no sample is above the ceiling whatever comes. What
// is played is told to the echo canceller behind the limiter, as the ear hears it.
//
// Where things are: processor.go the chains, highpass.go, limiter.go what is
// written here (both short, and the limiter is a promise: it must be ours to
// prove); apm.go what the library does, apm_cgo.go and apm.cpp with it,
// apm_absent.go without.
//
// Outside: webrtc-audio-processing (libwebrtc-audio-processing-dev, BSD; tag apm)
// cancels echo, suppresses noise and levels voices, because to do that well is the
// work of years. The pure-Go build goes without and says so.
package headset
