package lab

import "time"

// Extension is a number that the lab answers for itself: a machine, a colleague
// or a contact, played by a party of the lab.
type Extension struct {
	Number string
	Name   string // display name, UTF-8
	Behaviour
}

// Behaviour is what a party does when it is called. The zero value answers at
// once and is silent.
type Behaviour struct {
	Ring        time.Duration // rings for so long, then answers or refuses
	NoAnswer    bool          // rings for ever
	Refuse      int           // refuses with this code in place of an answer; zero: answers
	RefuseText  string        // its reason phrase; empty: the usual one
	Early       Sound         // said in a 183 while it rings; zero: 180 only
	Say         Sound         // said once it has answered
	Press       string        // digits that it sends after the answer
	PressAfter  time.Duration // when, after the answer; zero: 500 ms
	HangUpAfter time.Duration // hangs up so long after the answer; zero: never
}

// Sound is what a party says. The zero value is silence.
type Sound struct {
	kind string
	hz   float64
}

// Tone is a sine of so many Hz at -10 dBFS.
func Tone(hz float64) Sound { return Sound{kind: "tone", hz: hz} }

// Speech is a synthesised voice: bursts of vowels with pauses between.
func Speech() Sound { return Sound{kind: "speech"} }

// Music is the music on hold: a melody over a drone of MusicHz.
func Music() Sound { return Sound{kind: "music"} }

// Echo says what it hears.
func Echo() Sound { return Sound{kind: "echo"} }

// MusicHz is the drone by which music on hold is told from everything else.
const MusicHz = 392

// Tones of the default extensions, in Hz: all apart, and none of them DTMF.
const (
	ToneHz      = 1004 // extension 601
	EarlyHz     = 1150 // extension 604 before its answer
	ColleagueHz = 620  // extension 2001
	ContactHz   = 520  // contacts
)

// DefaultExtensions are the machines (600 to 615), colleagues (2001 to 2005) and
// contacts that a newcomer can call.
func DefaultExtensions() []Extension {
	second := time.Second
	return []Extension{
		{"600", "Echo", Behaviour{Say: Echo()}},
		{"601", "Tone 1004 Hz", Behaviour{Say: Tone(ToneHz)}},
		{"602", "Speech", Behaviour{Say: Speech()}},
		{"603", "Music on hold", Behaviour{Say: Music()}},
		{"604", "Early media", Behaviour{Ring: 2 * second, Early: Tone(EarlyHz), Say: Tone(ToneHz)}},
		{"605", "Sends digits", Behaviour{Press: "1234#", Say: Sound{}}},
		{"606", "Takes digits", Behaviour{}},
		{"610", "Busy", Behaviour{Refuse: 486}},
		{"611", "No answer", Behaviour{NoAnswer: true}},
		{"612", "Declines", Behaviour{Refuse: 603}},
		{"613", "Answers after 3 s", Behaviour{Ring: 3 * second, Say: Tone(ToneHz)}},
		{"614", "Hangs up after 3 s", Behaviour{Say: Tone(ToneHz), HangUpAfter: 3 * second}},
		{"615", "Unavailable", Behaviour{Refuse: 480}},
		{"2001", "Colleague Sato", Behaviour{Ring: second, Say: Tone(ColleagueHz)}},
		{"2002", "Colleague who refuses", Behaviour{Ring: second, Refuse: 603}},
		{"2003", "Colleague who does not answer", Behaviour{NoAnswer: true}},
		{"2004", "Colleague on the phone", Behaviour{Refuse: 486}},
		{"2005", "Colleague who hangs up", Behaviour{Ring: second, Say: Tone(ColleagueHz), HangUpAfter: 3 * second}},
		{"+81312345678", "山田 太郎", Behaviour{Ring: second, Say: Tone(ContactHz)}},
		{"+81312345679", "Busy contact", Behaviour{Refuse: 486}},
		{"+81312345670", "Absent contact", Behaviour{NoAnswer: true}},
	}
}
