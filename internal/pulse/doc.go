// Package pulse is a headset without hardware, for tests: a PulseAudio of the
// test's own in a folder of the test's own, with null sinks as ear piece and
// microphone, and ALSA set up so that PortAudio lists them as one device called
// headset. It can be unplugged and plugged in, spoken into and listened to; the sound
// server can be killed, and made to hang.
//
// A Server runs the sound server; a Voice says a tone into the microphone (pacat);
// Listen hears what comes out of the ear piece (parec); an Ear is what judges it.
// etc/ has the configuration, with DIR for the folder.
//
// Goroutines: each process has one that waits for it; Close, Kill and Hush end
// them. A Server is used by one goroutine at a time. All processes end with the
// test's own, also when that crashes (Linux).
package pulse
