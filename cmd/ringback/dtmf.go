package main

// dtmfVerb is `ringback dtmf`.
func dtmfVerb() verb {
	return verb{
		name: "dtmf", usage: "send digits 0-9 * # A-D; , and w are pauses",
		words: []operand{{name: "DIGITS", arg: "digits"}},
		flags: []argFlag{
			stringFlag("method", "method", "by this `METHOD`: rfc4733, info or inband (default: as configured)"),
			durationFlag("duration", "duration", "length of each digit, a `DURATION`"),
			stringFlag("party", "party", "in a conference, to this `PARTY` only, such as c13"),
			durationFlag("gap", "gap", "pause between two digits, a `DURATION`"),
		},
		example: `$ ringback dtmf '1234#' --wait sent
i7  connected  voicecallback  山田 太郎  +81312345678`,
	}
}
