// Package script has the commands that the scripts of both suites know: those of
// cmd/ringback against the lab PBX, and those of internal/interop against real peers.
//
// A tone counts as heard in a window of 200 ms when it has at least 1.5 % of full scale
// there, by one bin of a discrete Fourier transform under a Hann window.
package script
