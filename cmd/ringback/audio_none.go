//go:build !portaudio

package main

// audioBuild names the sound system that this build can use.
const audioBuild = "none (built without PortAudio; file, tone and null devices work)"
