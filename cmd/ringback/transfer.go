package main

// transferVerb is `ringback transfer`.
func transferVerb() verb {
	return verb{
		name: "transfer", usage: "send the contact to a target at once; kept on hold if it fails",
		words: []operand{{name: "TARGET", arg: "target", optional: true}},
		example: `$ ringback transfer 2001 --wait transferred
i7  ready-to-call  voicecallback  山田 太郎  +81312345678`,
	}
}
