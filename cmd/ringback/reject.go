package main

// rejectVerb is `ringback reject`.
func rejectVerb() verb {
	return verb{
		name: "reject", usage: "refuse an offer: it goes to someone else",
		flags: []argFlag{
			stringFlag("reason", "reason", "why, as a short `TEXT`"),
			boolFlag("not-ready", "not_ready", "and take no more offers"),
		},
		example: `$ ringback reject i7 --reason "wrong language"
i7  done  voicecallback  山田 太郎  +81312345678`,
	}
}
