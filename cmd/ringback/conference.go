package main

// conferenceVerb is `ringback conference` with what can be done to a party.
func conferenceVerb() verb {
	return verb{
		name: "conference", usage: "call a target and join it to the call", newCall: true,
		words: []operand{{name: "TARGET", arg: "target", optional: true}},
		example: `$ ringback conference 2001 --wait conference
i7  conference  voicecallback  山田 太郎  +81312345678`,
		sub: []verb{
			partyVerb("drop", "let a party go; the others stay"),
			partyVerb("mute", "nobody hears the party"),
			partyVerb("unmute", "the party is heard again"),
			partyVerb("suspend", "hold the party out of the conference"),
			partyVerb("reinstate", "take the party in again"),
		},
	}
}

func partyVerb(name, usage string) verb {
	return verb{
		name: name, action: "conference-" + name, usage: usage,
		words: []operand{{name: "PARTY", arg: "party"}},
		example: `$ ringback conference ` + name + ` c13
i7  conference  voicecallback  山田 太郎  +81312345678`,
	}
}
