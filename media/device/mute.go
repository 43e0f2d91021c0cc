package device

// Mute is what the sound system says of the microphone that this process listens to. The
// zero Mute: nothing is known.
type Mute struct {
	Known  bool
	System bool   // the microphone is muted in the system's sound settings
	App    bool   // only this program's recording is
	Source string // what the sound system calls the microphone
}

// Text says it for an agent whose microphone gives nothing but digital silence.
func (m Mute) Text() string {
	switch {
	case m.System:
		return "the microphone is muted in the system's sound settings (" + m.Source + "): take the mute off there"
	case m.App:
		return "the system's sound settings have muted this program's recording from " + m.Source + ": take the mute off there"
	case m.Known:
		return "the system does not mute the microphone (" + m.Source + "), and yet it gives digital silence: look at the switch of the headset"
	}
	return ""
}
