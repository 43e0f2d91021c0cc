package main

// doneVerb is `ringback done`.
func doneVerb() verb {
	return verb{
		name: "done", usage: "close the interaction",
		example: `$ ringback done
i7  done  voicecallback  山田 太郎  +81312345678  sold`,
	}
}
