package dtmf

import (
	"math"
	"strings"
	"time"
)

// The keypad's frequencies in Hz (ITU-T Q.23).
var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
)

// matrix holds the digits by row and column.
const matrix = "123A456B789C*0#D"

const (
	defaultLevel = -12.0                // dBFS of each tone: both together stay below full scale
	rampTime     = 2 * time.Millisecond // a digit's edges, so that it does not click
)

// Frequencies returns a digit's row and column frequency in Hz (ITU-T Q.23).
func (d Digit) Frequencies() (row, column float64, ok bool) {
	i := strings.IndexByte(matrix, byte(d))
	if i < 0 {
		return 0, 0, false
	}
	return rows[i/4], columns[i%4], true
}

// ToneConfig says how digits sound in-band. Zero values take the defaults.
type ToneConfig struct {
	Rate     int           // samples per second, default 8000
	Duration time.Duration // how long a digit sounds, as SenderConfig
	Gap      time.Duration // silence behind it, as SenderConfig
	Level    float64       // of each of the two tones in dBFS, -60 to -6, default -12
}

// Tone plays digits as sound. Not safe for concurrent use.
type Tone struct {
	cfg   ToneConfig
	queue Sequence

	digit   Digit
	row     float64 // radians per sample
	column  float64
	played  int // samples of the digit so far
	length  int // samples of the digit in all
	silence int // samples of silence still to play
}

// NewTone returns a player with nothing to play.
func NewTone(cfg ToneConfig) *Tone {
	if cfg.Rate <= 0 {
		cfg.Rate = defaultClock
	}
	if cfg.Level == 0 {
		cfg.Level = defaultLevel
	}
	cfg.Level = min(max(cfg.Level, -60), -6)
	cfg.Duration, cfg.Gap = limits(cfg.Duration, cfg.Gap)
	return &Tone{cfg: cfg}
}

// Send queues a sequence behind what is being played.
func (t *Tone) Send(seq Sequence) { t.queue = append(t.queue, seq...) }

// Clear drops what is queued and fades the digit being played.
func (t *Tone) Clear() {
	t.queue = nil
	if t.digit != 0 {
		t.length = min(t.length, t.played+t.samples(rampTime))
	}
}

// Idle says that nothing is being played or queued, the gap behind the last
// digit included.
func (t *Tone) Idle() bool { return t.digit == 0 && t.silence == 0 && len(t.queue) == 0 }

func (t *Tone) samples(d time.Duration) int {
	return int(int64(d) * int64(t.cfg.Rate) / int64(time.Second))
}

// Fill overwrites frame with the next samples, silence included. active is
// false when it left frame as it was because nothing was to be played; began
// and sent name a digit that began or ended in it, or are 0. A frame of 20 ms
// never holds two beginnings or two ends.
func (t *Tone) Fill(frame []int16) (active bool, began, sent Digit) {
	if t.Idle() {
		return false, 0, 0
	}
	for i := range frame {
		if t.digit == 0 && t.silence == 0 {
			t.next()
			if t.digit != 0 {
				began = t.digit
			}
		}
		switch {
		case t.digit != 0:
			frame[i] = t.sample()
			if t.played++; t.played >= t.length {
				sent, t.digit = t.digit, 0
				t.silence = t.samples(t.cfg.Gap)
			}
		default:
			frame[i] = 0
			t.silence = max(t.silence-1, 0)
		}
	}
	return true, began, sent
}

// next takes one step off the queue.
func (t *Tone) next() {
	if len(t.queue) == 0 {
		return
	}
	step := t.queue[0]
	t.queue = t.queue[1:]
	row, column, ok := step.Digit.Frequencies()
	if !ok {
		t.silence = t.samples(min(step.For, MaxDuration))
		return
	}
	held := t.cfg.Duration
	if step.For > 0 {
		held, _ = limits(step.For, 0)
	}
	turn := 2 * math.Pi / float64(t.cfg.Rate)
	t.digit, t.row, t.column = step.Digit, row*turn, column*turn
	t.played, t.length = 0, t.samples(held)
}

func (t *Tone) sample() int16 {
	level := math.Pow(10, t.cfg.Level/20) * math.MaxInt16
	ramp := float64(t.samples(rampTime))
	edge := min(float64(t.played)+0.5, float64(t.length-t.played)-0.5)
	if edge < ramp {
		level *= max(edge, 0) / ramp
	}
	n := float64(t.played)
	return int16(level * (math.Sin(t.row*n) + math.Sin(t.column*n)))
}
