package main

// resultVerb is `ringback result`.
func resultVerb() verb {
	return verb{
		name: "result", usage: "correct the result of the last call",
		words: []operand{{name: "RESULT", arg: "result", rest: true}},
		example: `$ ringback result machine
i7  ready-to-call  webcallback  山田 太郎  +81312345678`,
	}
}
