// Package quality measures what became of sound that went through a phone: how
// late it is, how near to what was said, and where it broke. Only tests use it.
//
// Words: the reference is what was said, the heard signal what came out; both
// begin at the same moment, so that the lag at which they match is the delay. A
// window is 400 ms.
//
// Where things are: speech.go a signal that is like speech (voiced and unvoiced
// sounds with formants, pitch that moves, pauses), the same for the same seed;
// align.go the delay of each window, as the likeliest way through all of them, by
// normalised correlation at 8 kHz; frames.go a noise of which no part is like another,
// and how much of it was not heard; nsim.go
// the neurogram similarity index (A. Hines and N. Harte, 2012: luminance and
// structure of 3 x 3 patches) of two spectrograms with 32 bands on the ERB scale
// (B. Glasberg and B. Moore, 1990), which is 1 for two equal signals; breaks.go gaps
// and clicks in a steady tone.
//
// Goroutines: none. gonum.org/v1/gonum has the Fourier transform.
package quality
