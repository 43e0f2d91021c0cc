package main

import "path/filepath"

// playVerb is `ringback play`.
func playVerb() verb {
	return verb{
		name: "play", usage: "play a WAV file into the call; stop ends it",
		words: []operand{{name: "FILE", arg: "file", read: readPath}},
		example: `$ ringback play welcome.wav --wait played
i7  connected  voicecallback  山田 太郎  +81312345678
$ ringback play ./stop         a file of that name`,
		sub: []verb{{
			name: "stop", action: "play-stop", usage: "end what is played",
			example: `$ ringback play stop
i7  connected  voicecallback  山田 太郎  +81312345678`,
		}},
	}
}

// readPath is a file as seen from here: the agent may work in another folder.
func readPath(words []string) (any, error) {
	path, err := filepath.Abs(words[0])
	if err != nil {
		return nil, usageError("file %q: %v", words[0], err)
	}
	return path, nil
}
