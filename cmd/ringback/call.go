package main

// callVerb is `ringback call`.
func callVerb() verb {
	return verb{
		name: "call", usage: "call the contact of a preview, or again", newCall: true, schema: "ringback.call/1",
		flags: []argFlag{stringFlag("number", "number", "another `NUMBER` of the contact")},
		example: `$ ringback call i7 --wait connected
i7  connected  voicecallback  山田 太郎  +81312345678`,
	}
}
