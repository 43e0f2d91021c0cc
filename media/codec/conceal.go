package codec

import (
	"math"
	"slices"

	"ringback/media/audio"
)

// The rule of a Concealer: pitch is looked for between 66 and 400 Hz. What is made
// up goes on as loud as it was for 20 ms and has faded out after 80, since speech has
// changed by then; a sound that repeats itself well, as a vowel does, fades slower, over
// up to 160 ms. Under it the noise of the far end's room comes up, so that the line does
// not go dead.
const (
	pitchLowHz   = 66
	pitchHighHz  = 400
	mostPeriods  = 3    // that are repeated together, so that it does not buzz
	periodsAfter = 10   // ms until one more period is taken in
	holdTime     = 20   // ms
	fadedBy      = 80   // ms
	roomFull     = 1000 // ms for which the noise of the room is as loud as it was
	roomGone     = 2000 // ms until it has faded out
	steadyBy     = 160  // ms, of a sound that is quite like itself a period before
	alikeLeast   = 0.6  // likeness from which on it takes longer
	alikeMost    = 0.95
)

// Concealer makes up samples where a packet did not come, in the manner of G.711
// Appendix I: the last pitch periods are repeated, more of them as time goes by, and
// fade out; what comes next is faded in over it, the longer the more was missing.
type Concealer struct {
	rate    int
	history []int16 // the last samples that were played; the oldest is at oldest
	oldest  int
	loop    []int16 // what is repeated: its end runs into its begin
	period  int     // one pitch period in samples
	periods int     // of them in loop
	phase   int     // next sample of loop
	made    int     // samples made up in a row
	step    float64 // what the first sample is off the last one that was true
	fade    int     // samples after which nothing of it is heard
	room    *room
	overlap []int16
}

// NewConcealer works at rate (Hz).
func NewConcealer(rate int) *Concealer {
	longest := mostPeriods * rate / pitchLowHz
	return &Concealer{rate: rate, history: make([]int16, longest+longest/4+1), loop: make([]int16, 0, longest),
		overlap: make([]int16, rate/100), room: newRoom(rate)}
}

// Good takes a frame that did come. After concealment its begin is blended in place
// with what would have been made up.
func (c *Concealer) Good(f audio.Frame) {
	if c.made > 0 {
		n := min(c.rate/250+c.made/8, len(c.overlap), len(f)) // 4 ms and an eighth of the gap, to 10 ms
		over := c.overlap[:n]
		c.extend(over)
		audio.Crossfade(f[:n], over, f[:n])
		c.made = 0
	}
	c.remember(f)
	c.room.learn(f)
}

// Conceal fills f with made-up samples.
func (c *Concealer) Conceal(f audio.Frame) {
	if c.made == 0 {
		c.begin()
	}
	c.extend(f)
}

// Quiet fills f where the sender pauses: what was there fades out within a frame. What
// was being made up already goes on as it would, since a pause and a break of the network
// look the same.
func (c *Concealer) Quiet(f audio.Frame) {
	if c.made > 0 {
		c.extend(f)
		return
	}
	c.begin()
	for i := range f {
		f[i] = int16(float64(c.next()) * float64(len(f)-i) / float64(len(f)))
	}
	c.made = c.silent()
}

// silent is a number of samples made up after which there is not even noise.
func (c *Concealer) silent() int { return c.ms(roomGone) }

// Reset forgets the sound before.
func (c *Concealer) Reset() {
	clear(c.history)
	c.made = 0
	c.room.forget()
}

func (c *Concealer) ms(t int) int { return t * c.rate / 1000 }

// begin looks for the pitch and takes the last period of it.
func (c *Concealer) begin() {
	c.straighten()
	lag, likeness := c.pitch()
	c.period = lag
	steady := (min(max(likeness, alikeLeast), alikeMost) - alikeLeast) / (alikeMost - alikeLeast)
	c.fade = c.ms(fadedBy) + int(steady*float64(c.ms(steadyBy-fadedBy)))
	c.periods, c.phase = 0, 0
	c.grow()
	last := c.history[len(c.history)-1]
	c.step = 0
	if len(c.loop) > 0 {
		before := c.history[len(c.history)-len(c.loop)-1] // what preceded the loop's begin
		c.step = float64(last) - float64(before)
	}
}

// grow takes one more period into the loop. Its last quarter is blended with what
// came before its begin, so that the end runs into the begin.
func (c *Concealer) grow() {
	c.periods++
	n := c.periods * c.period
	c.loop = c.loop[:n]
	end := len(c.history)
	copy(c.loop, c.history[end-n:])
	blend := min(c.period/4, end-n)
	audio.Crossfade(c.loop[n-blend:], c.history[end-blend:end], c.history[end-n-blend:end-n])
}

// gain is how loud the next sample is: 1, and after the hold time down to 0.
func (c *Concealer) gain() float64 {
	hold, end := c.ms(holdTime), c.fade
	switch {
	case c.made <= hold:
		return 1
	case c.made >= end:
		return 0
	}
	return float64(end-c.made) / float64(end-hold)
}

// roomGain is how loud the noise of the room is where the loop has that gain.
func (c *Concealer) roomGain(loop float64) float64 {
	full, gone := c.ms(roomFull), c.ms(roomGone)
	if c.made > full {
		return float64(max(0, gone-c.made)) / float64(gone-full)
	}
	return math.Sqrt(1 - loop*loop)
}

// next is the next sample of the loop.
func (c *Concealer) next() int16 {
	if len(c.loop) == 0 {
		return 0
	}
	v := c.loop[c.phase]
	if c.phase++; c.phase == len(c.loop) {
		c.phase = 0
		if c.periods < mostPeriods && c.made > c.ms(periodsAfter)*c.periods {
			c.grow()
		}
	}
	return v
}

// extend goes on with the loop at the level that is due.
func (c *Concealer) extend(f audio.Frame) {
	if c.made >= c.silent() || len(c.loop) == 0 {
		clear(f)
		c.made += len(f)
		return
	}
	blend := max(1, c.period/4)
	for i := range f {
		gain := c.gain()
		v := float64(c.next()) * gain
		if gain < 1 {
			v += c.room.next() * c.roomGain(gain)
		}
		if c.made < blend { // from the last true sample on, without a step
			v += c.step * float64(blend-c.made) / float64(blend)
		}
		f[i] = audio.Saturate(int32(v))
		c.made++
	}
}

func (c *Concealer) remember(f audio.Frame) {
	f = f[max(0, len(f)-len(c.history)):]
	n := copy(c.history[c.oldest:], f)
	c.oldest = (c.oldest + len(f)) % len(c.history)
	copy(c.history, f[n:])
}

// straighten has the history begin with the oldest sample: it is looked at only where
// something is missing, and is written with each frame.
func (c *Concealer) straighten() {
	slices.Reverse(c.history[:c.oldest])
	slices.Reverse(c.history[c.oldest:])
	slices.Reverse(c.history)
	c.oldest = 0
}

// pitch is the lag at which the last 15 ms resemble those before most: looked for at
// 8 kHz, then around the best to the sample.
func (c *Concealer) pitch() (lag int, likeness float64) {
	low, high := c.rate/pitchHighHz, c.rate/pitchLowHz
	step := max(1, c.rate/8000)
	lag, likeness = c.search(low, high, step)
	if step > 1 {
		lag, likeness = c.search(max(low, lag-step), min(high, lag+step), 1)
	}
	return lag, likeness
}

func (c *Concealer) search(low, high, step int) (lag int, likeness float64) {
	h := c.history
	window := min(c.rate/pitchLowHz, len(h)-high)
	end, best := h[len(h)-window:], -2.0
	for l := low; l <= high; l += step {
		if a := audio.Alike(end, h[len(h)-window-l:len(h)-l], step); a > best+1e-9 {
			best, lag = a, l
		}
	}
	return lag, best
}
