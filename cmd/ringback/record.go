package main

// recordVerb is `ringback record` with what can be done with a recording.
func recordVerb() verb {
	return verb{
		name: "record", usage: "record the call with the contact: start, pause, stop", onlySubs: true,
		example: `$ ringback record start
i7  connected  voicecallback  山田 太郎  +81312345678  recording 20261125-100212-i7-c12.wav`,
		sub: []verb{{
			name: "start", action: "record-start", usage: "begin to record, or go on after a pause",
			words: []operand{{name: "FILE", arg: "file", optional: true}},
			example: `$ ringback record start order-4711.wav
i7  connected  voicecallback  山田 太郎  +81312345678  recording order-4711.wav`,
		}, {
			name: "pause", action: "record-pause", usage: "write silence, as for card numbers; start goes on",
			example: `$ ringback record pause
i7  connected  voicecallback  山田 太郎  +81312345678  recording order-4711.wav, paused`,
		}, {
			name: "stop", action: "record-stop", usage: "end the recording; the file is whole then",
			example: `$ ringback record stop
i7  connected  voicecallback  山田 太郎  +81312345678`,
		}},
	}
}
