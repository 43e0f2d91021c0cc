package main

import "fmt"

// dndVerb is `ringback dnd`.
func dndVerb() verb {
	return verb{
		name: "dnd", agent: true, usage: "do not disturb: on or off",
		words: []operand{{name: "on|off", arg: "on", read: readOnOff}},
		flags: []argFlag{channelFlag()},
		example: `$ ringback dnd on
voice        dnd        since 12:00, 0s
webcallback  not-ready  since 09:58, 2h02m`,
	}
}

func readOnOff(words []string) (any, error) {
	switch words[0] {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return nil, usageError("%s: it is on or off", fmt.Sprintf("%q", words[0]))
}
