// Package audio is the leaf under all media: samples and what is done to them
// without knowing of calls, packets or devices.
//
// Words: a Frame is 20 ms of mono samples, 16 bit, at some rate; a Clip is a
// whole recording in memory; a Cadence is a pattern of tones and pauses; dBFS is
// the level against a full-scale sine, so that such a sine reads 0.
//
// Where things are: frame.go the units, ring.go the queue between two
// goroutines, tone.go and cadence.go what a phone plays itself, wav.go,
// wavreader.go and wavwriter.go files, companding.go the G.711 law (ITU-T G.711) that files and
// package codec share, resample.go rate conversion, varispeed.go rates that are the
// same but for parts in a million, stretch.go other speed at the same pitch,
// level.go, gain.go, detect.go and speech.go what is measured.
//
// Goroutines: none is started here. A Ring has one writer and one reader, which
// may be two goroutines (one may be a device callback: nothing in it locks or
// allocates). Everything else belongs to one goroutine at a time.
//
// Why 16-bit samples: every codec and device here speaks them, and a table look-up
// codec then costs 0.1 us a frame. Sums are made in 32 bits and saturate.
// tonefinder.go finds tones of any frequency; gonum.org/v1/gonum gives it the
// Fourier transform, which is not our business. All else is the standard library.
package audio
