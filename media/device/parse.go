package device

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"ringback/media/audio"
)

// Tones that a tone device makes, in Hz.
const (
	minTone = 20
	maxTone = 20000
)

// maxPreferences bounds a preference list.
const maxPreferences = 16

// Parse makes the device of one entry of a preference list:
//
//	portaudio            the system's microphone and loudspeaker
//	portaudio:NAME       hardware by (part of) its name
//	tone:HZ              a microphone that hears a tone; nothing is played
//	file:IN.wav,OUT.wav  a recording as microphone, then silence; what the ear
//	                     hears is recorded. Either may be empty; ",loop" behind
//	                     them repeats the recording
//	null                 silence
//
// It fails for a file that is no WAV; hardware is looked for only when it is
// started.
func Parse(entry string) (Device, error) {
	kind, rest, has := strings.Cut(entry, ":")
	fail := func(err error) (Device, error) {
		return nil, fmt.Errorf("parse audio device %q: %w", entry, err)
	}
	switch {
	case kind == "null" && !has:
		return nullDevice{}, nil
	case kind == "portaudio" && !has:
		return portAudio(""), nil
	case kind == "portaudio" && strings.TrimSpace(rest) != "":
		return portAudio(strings.TrimSpace(rest)), nil
	case kind == "portaudio":
		return fail(errors.New("no name behind the colon: give one that `ringback devices` lists, or leave the colon out"))
	case kind == "tone":
		hz, err := strconv.ParseFloat(rest, 64)
		if err != nil || math.IsNaN(hz) || hz < minTone || hz > maxTone {
			return fail(fmt.Errorf("frequency %q: give Hz from %d to %d, as in tone:440", rest, minTone, maxTone))
		}
		return toneDevice{name: entry, hz: hz}, nil
	case kind == "file" && has:
		d, err := parseFile(entry, rest)
		if err != nil {
			return fail(err)
		}
		return d, nil
	}
	return fail(errors.New("no such kind: use portaudio, portaudio:NAME, tone:HZ, file:IN.wav,OUT.wav or null"))
}

func parseFile(entry, rest string) (Device, error) {
	parts := strings.Split(rest, ",")
	loop := len(parts) == 3 && parts[2] == "loop"
	if len(parts) > 3 || len(parts) == 3 && !loop {
		return nil, fmt.Errorf("%d parts: use file:IN.wav,OUT.wav or file:IN.wav,OUT.wav,loop", len(parts))
	}
	d := &fileDevice{name: entry, loop: loop}
	if in := parts[0]; in != "" {
		clip, err := readWAV(in)
		if err != nil {
			return nil, err
		}
		d.clip = &clip
	}
	if len(parts) > 1 {
		d.out = parts[1]
	}
	if d.clip == nil && d.out == "" {
		return nil, errors.New("neither a file to play nor one to record to: use file:IN.wav,OUT.wav")
	}
	if d.out != "" {
		folder := filepath.Dir(d.out)
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("record to %s: %s is no folder: make it first", d.out, folder)
		}
	}
	return d, nil
}

func readWAV(path string) (audio.Clip, error) {
	file, err := os.Open(path)
	if err != nil {
		return audio.Clip{}, fmt.Errorf("%w: give the path of a WAV file that is there", err)
	}
	defer file.Close()
	clip, err := audio.ReadWAV(file)
	if err != nil {
		return audio.Clip{}, fmt.Errorf("read %s: %w", path, err)
	}
	return clip, nil
}

// ParsePreference makes the devices of a preference list, the best first.
func ParsePreference(entries []string) ([]Device, error) {
	if len(entries) == 0 {
		return nil, errors.New("parse audio devices: the list is empty: name at least null")
	}
	if len(entries) > maxPreferences {
		return nil, fmt.Errorf("parse audio devices: %d in the list: name at most %d", len(entries), maxPreferences)
	}
	devices := make([]Device, 0, len(entries))
	for _, entry := range entries {
		d, err := Parse(strings.TrimSpace(entry))
		if err != nil {
			return nil, err
		}
		devices = append(devices, d)
	}
	return devices, nil
}
