package main

// rescheduleVerb is `ringback reschedule`.
func rescheduleVerb() verb {
	return verb{
		name: "reschedule", usage: "call the contact again at another time; takes effect on done",
		flags: []argFlag{
			stringFlag("at", "at", "the contact's `TIME`: 15:04, tomorrow 09:00, mon 09:00, +30m or RFC 3339"),
			stringFlag("zone", "zone", "whose clock is meant, an IANA `NAME`; the contact's when left out"),
			stringFlag("number", "number", "another `NUMBER` of the contact"),
			stringFlag("reason", "reason", "why, as one of the configured `REASONS`"),
			boolFlag("personal", "personal", "comes back to this agent; otherwise the team gets it"),
			boolFlag("drop", "drop", "forget what is armed"),
		},
		example: `$ ringback reschedule --at "tomorrow 09:00" --reason busy --personal
i7  ready-to-call  webcallback  山田 太郎  +81312345678  again 2026-11-26 09:00 JST, personal, busy`,
	}
}
