package main

// holdVerb is `ringback hold`.
func holdVerb() verb {
	return verb{
		name: "hold", usage: "put the contact on hold",
		example: `$ ringback hold
i7  on-hold  voicecallback  山田 太郎  +81312345678`,
	}
}
