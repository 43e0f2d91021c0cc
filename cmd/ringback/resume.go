package main

// resumeVerb is `ringback resume`.
func resumeVerb() verb {
	return verb{
		name: "resume", usage: "take the contact back",
		example: `$ ringback resume
i7  connected  voicecallback  山田 太郎  +81312345678`,
	}
}
