package main

// disposeVerb is `ringback dispose`.
func disposeVerb() verb {
	return verb{
		name: "dispose", usage: "set the disposition code: the business outcome",
		words: []operand{{name: "CODE", arg: "code"}},
		example: `$ ringback dispose sold
i7  ready-to-call  voicecallback  山田 太郎  +81312345678  sold`,
	}
}
