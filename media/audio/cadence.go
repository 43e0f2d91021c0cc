package audio

import "time"

// Segment is one part of a Cadence: the sum of up to two sines, or a pause.
type Segment struct {
	Hz     [2]float64    // 0: none. Both 0: a pause
	DBFS   float64       // level of each sine
	Length time.Duration // 0: for ever
}

// Cadence is a pattern of tones and pauses.
type Cadence struct {
	Name     string
	Segments []Segment
	Repeat   int // how often the pattern is played; 0: for ever
}

const localLevel = -16.0 // dBFS: loud enough to hear, below speech at full level

func beeps(name string, repeat int, hz float64, lengths ...time.Duration) Cadence {
	c := Cadence{Name: name, Repeat: repeat}
	for i, length := range lengths {
		s := Segment{DBFS: localLevel, Length: length}
		if i%2 == 0 {
			s.Hz[0] = hz
		}
		c.Segments = append(c.Segments, s)
	}
	return c
}

// Ringback is what the caller hears while the far end rings: 425 Hz, 1 s on and
// 4 s off (ETSI TR 101 041).
func Ringback() Cadence { return beeps("ringback", 0, 425, time.Second, 4*time.Second) }

// Busy is 425 Hz, half a second on and off.
func Busy() Cadence {
	return beeps("busy", 0, 425, 500*time.Millisecond, 500*time.Millisecond)
}

// Congestion is 425 Hz in quarter seconds: the call could not be put through.
func Congestion() Cadence {
	return beeps("congestion", 0, 425, 250*time.Millisecond, 250*time.Millisecond)
}

// CallWaiting is two short beeps over a running call, again every 5 s.
func CallWaiting() Cadence {
	return beeps("call-waiting", 0, 425, 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond, 4400*time.Millisecond)
}

// AutoAnswerBeep tells once that a call was answered without the agent's hand.
func AutoAnswerBeep() Cadence {
	return beeps("auto-answer", 1, 1000, 150*time.Millisecond, 100*time.Millisecond, 150*time.Millisecond, 100*time.Millisecond)
}

// RingTone is what the ring device plays for an offer: a warble of two notes for
// 1.2 s, then 2.8 s of rest.
func RingTone() Cadence {
	c := Cadence{Name: "ring"}
	for i := range 24 {
		hz := 950.0
		if i%2 == 1 {
			hz = 1200
		}
		c.Segments = append(c.Segments, Segment{Hz: [2]float64{hz}, DBFS: localLevel + 4, Length: 50 * time.Millisecond})
	}
	c.Segments = append(c.Segments, Segment{Length: 2800 * time.Millisecond})
	return c
}

// Sine is one steady tone for ever.
func Sine(hz, dbfs float64) Cadence {
	return Cadence{Name: "sine", Segments: []Segment{{Hz: [2]float64{hz}, DBFS: dbfs}}}
}

// ConsentTone tells those in a call that it is recorded: a beep of hz, length long,
// that begins again so long after it began. North American telephony has 1400 Hz for
// half a second every 15 s.
func ConsentTone(hz float64, length, every time.Duration) Cadence {
	return beeps("consent", 0, hz, length, every-length)
}
