package main

// noteVerb is `ringback note`.
func noteVerb() verb {
	return verb{
		name: "note", usage: "write the interaction's note",
		words: []operand{{name: "TEXT", arg: "text", rest: true}},
		example: `$ ringback note i7 asked for a written offer
i7  ready-to-call  voicecallback  山田 太郎  +81312345678`,
	}
}
