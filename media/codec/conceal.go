package codec

import "ringback/media/audio"

// The rule of a Concealer: pitch is looked for between 66 and 400 Hz, and what
// is made up is silent after three frames, since speech has changed by then.
const (
	pitchLowHz    = 66
	pitchHighHz   = 400
	concealFrames = 3
)

// Concealer makes up samples where a packet did not come: the last pitch period
// is repeated and fades out over 60 ms, and what comes next is faded in over it.
type Concealer struct {
	rate    int
	history []int16 // the last samples that were played, oldest first
	period  int
	phase   int
	run     int // frames concealed in a row
	overlap []int16
}

// NewConcealer works at rate (Hz).
func NewConcealer(rate int) *Concealer {
	return &Concealer{rate: rate, history: make([]int16, 3*rate/pitchLowHz), overlap: make([]int16, rate/200)}
}

// Good takes a frame that did come. After concealment its first 5 ms are blended
// in place with what would have been made up.
func (c *Concealer) Good(f audio.Frame) {
	if c.run > 0 {
		n := min(len(c.overlap), len(f))
		over := c.overlap[:n]
		c.repeat(over)
		audio.Crossfade(f[:n], over, f[:n])
		c.run = 0
	}
	c.remember(f)
}

// Conceal fills f with made-up samples.
func (c *Concealer) Conceal(f audio.Frame) {
	if c.run == 0 {
		c.period, c.phase = c.pitch(), 0
	}
	c.run++
	c.repeat(f)
	if c.run == concealFrames { // the next one is silent: end at nothing
		n := int32(len(f))
		for i := range f {
			f[i] = int16(int32(f[i]) * (n - int32(i)) / n)
		}
	}
}

// Quiet fills f where the sender pauses: what was there fades out within a frame.
func (c *Concealer) Quiet(f audio.Frame) {
	if c.run == 0 {
		c.period, c.phase = c.pitch(), 0
	}
	c.run = max(c.run, concealFrames-1)
	c.Conceal(f)
}

// Reset forgets the sound before.
func (c *Concealer) Reset() {
	clear(c.history)
	c.run = 0
}

// repeat goes on with the last period at the level that run gives it.
func (c *Concealer) repeat(f audio.Frame) {
	level := int32(max(0, concealFrames+1-c.run))
	if c.period == 0 || c.run > concealFrames {
		clear(f)
		return
	}
	from := c.history[len(c.history)-c.period:]
	for i := range f {
		f[i] = int16(int32(from[c.phase]) * level / concealFrames)
		if c.phase++; c.phase == c.period {
			c.phase = 0
		}
	}
}

func (c *Concealer) remember(f audio.Frame) {
	if len(f) >= len(c.history) {
		copy(c.history, f[len(f)-len(c.history):])
		return
	}
	copy(c.history, c.history[len(f):])
	copy(c.history[len(c.history)-len(f):], f)
}

// pitch finds the lag at which the last samples resemble those before most.
func (c *Concealer) pitch() int {
	low, high := c.rate/pitchHighHz, c.rate/pitchLowHz
	h := c.history
	window := min(high, len(h)-high)
	end := h[len(h)-window:]
	best, lag := int64(-1), 0
	step := max(1, c.rate/8000)
	for l := low; l <= high; l += step {
		from := h[len(h)-window-l:]
		var dot, energy int64
		for i := 0; i < window; i += step {
			a, b := int64(end[i]), int64(from[i])
			dot += a * b
			energy += b * b
		}
		if dot <= 0 || energy == 0 {
			continue
		}
		if score := dot / (energy/dot + 1); score > best {
			best, lag = score, l
		}
	}
	return lag
}
