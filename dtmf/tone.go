package dtmf

import "time"

// ToneConfig says how digits sound in-band. Zero values take the defaults.
type ToneConfig struct {
	Rate     int           // samples per second, default 8000
	Duration time.Duration // how long a digit sounds, as SenderConfig
	Gap      time.Duration // silence behind it, as SenderConfig
	Level    float64       // of each of the two tones in dBFS, default -12
}

// Frequencies returns a digit's row and column frequency in Hz (ITU-T Q.23).
func (d Digit) Frequencies() (row, column float64, ok bool) { return 0, 0, false }

// Tone plays digits as sound. Not safe for concurrent use.
type Tone struct {
	cfg   ToneConfig
	queue Sequence
}

// NewTone returns a player with nothing to play.
func NewTone(cfg ToneConfig) *Tone { return &Tone{cfg: cfg} }

// Send queues a sequence behind what is being played.
func (t *Tone) Send(seq Sequence) { t.queue = append(t.queue, seq...) }

// Clear drops what is queued and fades the digit being played.
func (t *Tone) Clear() { t.queue = nil }

// Idle says that nothing is being played or queued.
func (t *Tone) Idle() bool { return len(t.queue) == 0 }

// Fill overwrites frame with the next samples, silence included. active is
// false when it left frame as it was because nothing was to be played; began
// and sent name a digit that began or ended in it, or are 0.
func (t *Tone) Fill(frame []int16) (active bool, began, sent Digit) { return false, 0, 0 }
