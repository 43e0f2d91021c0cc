//go:build !portaudio

package main

// audioBuild names the sound system that this build can use.
const audioBuild = "none (pure Go build; file, tone and null devices work)"
