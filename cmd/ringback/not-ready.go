package main

// notReadyVerb is `ringback not-ready`.
func notReadyVerb() verb {
	return verb{
		name: "not-ready", agent: true, usage: "take no offers on a channel",
		flags: []argFlag{channelFlag(), stringFlag("reason", "reason", "why, one of the configured `REASON`s")},
		example: `$ ringback not-ready --reason lunch
voice        not-ready  lunch        since 12:00, 0s
webcallback  not-ready  since 09:58, 2h02m`,
	}
}
