package main

// muteVerb is `ringback mute`.
func muteVerb() verb {
	return verb{
		name: "mute", usage: "send nothing of the microphone",
		example: `$ ringback mute
i7  connected  voicecallback  山田 太郎  +81312345678  muted`,
	}
}
