package main

// consultVerb is `ringback consult` with the ways in which it goes on.
func consultVerb() verb {
	return verb{
		name: "consult", usage: "hold the contact and call a target", newCall: true,
		words: []operand{{name: "TARGET", arg: "target"}},
		example: `$ ringback consult 2001 --wait connected
i7  consulting  voicecallback  山田 太郎  +81312345678`,
		sub: []verb{
			consultStep("swap", "consulting", "talk to the other one of contact and target"),
			consultStep("transfer", "ready-to-call", "give the contact to the target"),
			consultStep("conference", "conference", "make one conference of both calls"),
			consultStep("end", "on-hold", "end the consultation; the contact stays"),
		},
	}
}

func consultStep(name, state, usage string) verb {
	return verb{
		name: name, action: "consult-" + name, usage: usage,
		example: `$ ringback consult ` + name + `
i7  ` + state + `  voicecallback  山田 太郎  +81312345678`,
	}
}
