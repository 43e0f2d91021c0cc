package main

// claimVerb is `ringback callbacks claim`.
func claimVerb() verb {
	return verb{
		name: "claim", action: "callbacks-claim", usage: "make a callback of the team yours: it comes to you at its time", plain: true, show: orderText,
		words: []operand{{name: "CALLBACK", arg: "callback"}},
		example: `$ ringback callbacks claim cb-9
cb-9 is here`,
	}
}

// callNowVerb is `ringback callbacks call`.
func callNowVerb() verb {
	return verb{
		name: "call", action: "callbacks-call", usage: "take a callback of the list and call its contact", fresh: true, newCall: true,
		schema: "ringback.call/1",
		words:  []operand{{name: "CALLBACK", arg: "callback"}},
		example: `$ ringback callbacks call cb-9 --wait connected
i9  connected  webcallback  山田 太郎  +81312345678`,
	}
}
