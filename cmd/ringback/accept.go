package main

// acceptVerb is `ringback accept`.
func acceptVerb() verb {
	return verb{
		name: "accept", usage: "take an offer; status says what that will do",
		example: `$ ringback accept --wait connected
i7  connected  voicecallback  山田 太郎  +81312345678`,
	}
}
