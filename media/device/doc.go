// Package device is what a person speaks into and listens with: the sound
// hardware by PortAudio, and stand-ins that need none.
//
// Words: a Device can be started; a Stream is a device at work; IO is the phone's
// side of it, a ring for what the microphone hears (capture) and one for what the
// ear is to hear (playback); a preference list names devices, the best first; the
// Supervisor keeps the best one that works at work.
//
// Where to look:
//
//	device.go            the interfaces
//	parse.go             preference lists: portaudio[:NAME] tone:HZ file:IN,OUT null
//	paced.go             null and tone, and the pace of all that have no clock
//	file.go              WAV files as microphone and as ear
//	supervisor.go        which device is at work
//	flow.go              whether sound moves through it
//	start.go             starting one, and knowing that it works
//	choose.go            another preference list, while one is at work
//	rest.go              and that none is while nobody needs one
//	newcomer.go          a device that comes while another of its library is open
//	mark_linux.go        whether devices have come or gone, without opening any
//	gate.go              only one device at a time touches the rings
//	match.go             hardware by name
//	portaudio.go         tag portaudio: the library and its streams
//	portaudio_stream.go  tag portaudio: one half-duplex stream
//	shape.go             tag portaudio: rates and channels of hardware
//	quiet_linux.go       tag portaudio: ALSA and JACK told to keep still
//	mute.go              what the sound system does to the microphone (mute_linux.go asks it)
//	portaudio_absent.go  without the tag: says what to do
//
// Capture and playback are two half-duplex streams: one full-duplex stream
// under-ran in most trials, two never did.
//
// Hardware is named, never numbered: numbers change with every cable.
// "portaudio" is the system's choice, "portaudio:NAME" the device whose name is,
// or holds, NAME, "portaudio:API/NAME" the same under one host API.
//
// Goroutines: a stream runs one for each direction, and nothing of ours runs on
// the sound system's own threads. They touch only their end of a ring. The
// Supervisor runs on the goroutine that called Run; starting and stopping devices
// is done beside it, because hardware may hang: whatever a library call does,
// Run returns, the rings are cut off from the hung device, and the phone goes on
// without it. Only the thread inside the call remains until the library lets go.
//
// Clock drift: the device's clock and the media clock differ by some parts in
// 10,000, and no device is asked to change its pace. The media side of the rings
// (package media, elastic.go) plays so much faster or slower that what waits stays
// what is wanted: a chunk of the device or a frame of the bridge, as late as they
// were seen to come, and 1 ms. Only what a stall of the sound system left behind is
// left out at once, and where nothing is there sound is made up. A device writes
// what it has and drops what the ring does not take, and plays silence for what
// the ring does not give. What waits for the ear when a device is put to work is
// thrown away: it was said while none was there.
//
// A device has failed when its library says so, which takes a frame or two, or
// when no frame has moved for a second (some drivers go silent without an error
// when the hardware is pulled; sound servers pause for half a second on a loaded
// machine); that it stands still is told before, so that a person knows why nothing is
// heard. The next of the list takes over at once; better
// ones are tried again every second. PortAudio reads the list of devices only
// when it is initialised, which closes all its streams: a device that was
// plugged in for the first time is not seen while another PortAudio device is
// open in the process; one that had been there before comes back in any case. So
// another process lists them (newcomer.go) when the system's devices have changed,
// or now and then where the system does not tell; it is asked only while a better
// device is missed, since a look opens every device for a moment. When it sees the
// missed one, all streams of the process are closed, PortAudio is initialised anew, and
// each Supervisor starts its best device again: 150 ms, in which nothing was lost.
//
// A sound server that has another device left moves a stream there without a word
// when one is pulled: that is the desktop's choice, and is not seen here.
//
// At rest (rest.go) no device is open, and none is looked for: to look, PortAudio
// opens every device for a moment, and a headset would blink. The first look is at
// the start; whether the headset is still there is seen when it is wanted.
//
// The test over real sound plumbing (PortAudio, ALSA, PulseAudio with null sinks;
// internal/pulse) needs portaudio19-dev, pulseaudio, pulseaudio-utils and
// libasound2-plugins, starts its own PulseAudio and ends it:
//
//	go test -count=1 -tags portaudio,pulse ./media/device
//
// With -race it also needs -gcflags=all=-d=checkptr=0: the binding hands PortAudio
// a number in the place of a pointer, which the checks that come with -race refuse.
//
// github.com/gordonklaus/portaudio is the one binding to the one library that
// reaches ALSA, Core Audio and WASAPI alike; github.com/jfreymuth/pulse (MIT, pure Go)
// asks the sound server whether the microphone is muted, which PortAudio cannot. Only
// this room knows them.
package device
