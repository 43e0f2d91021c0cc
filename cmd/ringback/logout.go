package main

// logoutVerb is `ringback logout`.
func logoutVerb() verb {
	return verb{
		name: "logout", agent: true, usage: "leave a channel, after the call; ready and not-ready log in again",
		flags: []argFlag{channelFlag()},
		example: `$ ringback logout --channel all
voice        logged-out  since 17:30, 0s
webcallback  logged-out  since 17:30, 0s`,
	}
}
