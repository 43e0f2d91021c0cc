package main

// unmuteVerb is `ringback unmute`.
func unmuteVerb() verb {
	return verb{
		name: "unmute", usage: "send the microphone again",
		example: `$ ringback unmute
i7  connected  voicecallback  山田 太郎  +81312345678`,
	}
}
