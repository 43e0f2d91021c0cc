package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"ringback/agent"
)

// headsetVerb is `ringback headset`.
func headsetVerb() verb {
	return verb{
		name: "headset", plain: true, onlySubs: true, usage: "another headset, its gain and its volume, while the phone runs",
		example: `$ ringback headset use "portaudio:USB Headset"
headset  portaudio:USB Headset  gain +0 dB  volume +0 dB

What is set holds until the phone ends; audio.headset, headset.microphone_gain and
headset.volume of the configuration are for ever.`,
		sub: []verb{
			{
				name: "use", action: "headset-use", plain: true, usage: "take another headset now, also within a call", show: headsetText,
				words: []operand{{name: "DEVICE", arg: "device", optional: true}},
				example: `$ ringback headset use "portaudio:USB Headset"
headset  portaudio:USB Headset  gain +0 dB  volume +0 dB

DEVICE is as ringback devices prints it. Without it the configured list holds again.`,
			},
			levelVerb("gain", "how loud the microphone is", "headset  portaudio:USB Headset  gain -6 dB  volume +0 dB"),
			levelVerb("volume", "how loud the ear hears, never above headset.ceiling", "headset  portaudio:USB Headset  gain +0 dB  volume -6 dB"),
		},
	}
}

func levelVerb(name, usage, prints string) verb {
	return verb{
		name: name, action: "headset-" + name, plain: true, usage: usage, show: headsetText,
		words:   []operand{{name: "DB", arg: "db", read: readDecibels}},
		example: "$ ringback headset " + name + " -6\n" + prints,
	}
}

func readDecibels(words []string) (any, error) {
	db, err := strconv.Atoi(words[0])
	if err != nil || db < -agent.MaxDecibels || db > agent.MaxDecibels {
		return nil, usageError("%q: write a whole number of dB, %d to %d", words[0], -agent.MaxDecibels, agent.MaxDecibels)
	}
	return db, nil
}

func headsetText(result json.RawMessage) string {
	var now agent.AudioState
	if err := json.Unmarshal(result, &now); err != nil {
		return "headset: " + err.Error()
	}
	return fmt.Sprintf("headset  %s  gain %+d dB  volume %+d dB", clean(now.Headset), now.MicrophoneGain, now.Volume)
}
