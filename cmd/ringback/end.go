package main

// endVerb is `ringback end`.
func endVerb() verb {
	return verb{
		name: "end", usage: "hang up; the interaction stays open until done",
		example: `$ ringback end
i7  ready-to-call  voicecallback  山田 太郎  +81312345678`,
	}
}
