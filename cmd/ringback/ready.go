package main

// readyVerb is `ringback ready`.
func readyVerb() verb {
	return verb{
		name: "ready", agent: true, usage: "take offers on a channel",
		flags: []argFlag{channelFlag()},
		example: `$ ringback ready
voice        ready      since 10:02, 0s
webcallback  not-ready  since 09:58, 4m`,
	}
}

func channelFlag() argFlag {
	return stringFlag("channel", "channel", "the `CHANNEL`: voice (default), webcallback or all")
}
