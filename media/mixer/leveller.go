package mixer

import (
	"math"

	"ringback/media/audio"
)

// The rule of a leveller; levels in dBFS of media/audio (a full sine is 0, so that
// dBov is 3 less), speeds for frames of 20 ms.
const (
	blocks = 4 // in a frame: 5 ms

	gateOver   = 8.0   // above the noise: opens, when two blocks in a row are
	gateUnder  = 5.0   // above the noise: stays open
	gateLeast  = -55.0 // opens for nothing softer
	gateHold   = 20    // frames that it stays open after the last sound: words have gaps
	gateShut   = -30.0 // dB: what is left of the noise
	gateClose  = 0.75  // dB a block: shut in 200 ms
	noiseMost  = -45.0 // louder is not taken for noise, however steady
	noiseLeast = -75.0
	noiseFalls = 0.2  // of the way, a frame
	noiseRises = 0.04 // dB a frame: 2 dB a second

	levelAim   = -20.0 // active speech
	levelMost  = 15.0  // dB either way
	noiseAim   = -38.0 // noise is not brought above it
	voiceUnder = 16.0  // below the voice's level: a pause within it (as in ITU-T P.56)
	voiceSlow  = 200   // frames of voice that its level is the mean of
	voiceKnown = 10    // frames of voice until anything is changed
	voiceGone  = 100   // frames of softer sound alone until its level is learned anew
	voiceLeast = -45.0 // that softer sound must be louder than this
	levelDown  = 0.4   // dB a frame of voice: 20 dB a second
	levelUp    = 0.12  // 6 dB a second
	levelNear  = 1.5   // dB that are left alone
)

// leveller brings the voice of one party to the level of the others, and shuts out
// its noise while it does not speak. Its gain moves only while there is a voice, so
// that pauses do not swell; the gate opens a frame's look ahead of a word, in 5 ms.
type leveller struct {
	noise float64 // dBFS
	open  bool
	hold  int
	shut  float64 // dB of the gate, gateShut to 0
	last  bool    // the block before was over

	voice  float64 // mean square
	voiced int     // frames of voice, as far as they are counted
	softer int     // frames of sound since the last one of voice
	moves  bool
	gain   float64 // dB
	now    float32 // both together, as a factor
	ends   bool    // it goes back to 1, and is done
	limit  limiter
}

func newLeveller() *leveller { return &leveller{noise: -60, open: true, hold: gateHold, now: 1} }

// process changes f in place. It reports false when it has ended.
func (l *leveller) process(f audio.Frame, scratch []int32) bool {
	if l.ends {
		l.apply(f, scratch, [blocks]float32{1, 1, 1, 1})
		return false
	}
	powers, mean := powers(f)
	level := audio.PowerDBFS(mean)
	l.learnNoise(level)
	opens := l.listen(powers, level)
	if l.open {
		l.learnVoice(mean, level)
	}
	var gains [blocks]float32
	for b := range gains {
		gains[b] = float32(audio.Linear(l.gain + l.gate(opens)))
	}
	l.apply(f, scratch, gains)
	return true
}

func powers(f audio.Frame) (each [blocks]float64, mean float64) {
	for b := range each {
		part := f[len(f)*b/blocks : len(f)*(b+1)/blocks]
		each[b] = audio.Power(part)
		mean += each[b] * float64(len(part)) / float64(len(f))
	}
	return each, mean
}

// learnNoise follows the noise down at once, and up slowly.
func (l *leveller) learnNoise(level float64) {
	if level < l.noise {
		l.noise += (max(level, noiseLeast) - l.noise) * noiseFalls
		return
	}
	l.noise = min(l.noise+noiseRises, noiseMost)
}

// listen opens and closes the gate.
func (l *leveller) listen(powers [blocks]float64, level float64) (opens bool) {
	over := max(l.noise+gateOver, gateLeast)
	for _, p := range powers {
		loud := audio.PowerDBFS(p) > over
		opens = opens || loud && l.last
		l.last = loud
	}
	switch {
	case opens, l.open && level > max(l.noise+gateUnder, gateLeast-gateOver+gateUnder):
		l.open, l.hold = true, gateHold
	case l.hold > 0:
		l.hold--
	default:
		l.open = false
	}
	return l.open
}

// gate is the gain of the gate in dB for the next block.
func (l *leveller) gate(open bool) float64 {
	if open {
		l.shut = 0
	} else {
		l.shut = max(gateShut, l.shut-gateClose)
	}
	return l.shut
}

// learnVoice follows the level of the voice, and moves the gain to what it needs.
func (l *leveller) learnVoice(power, level float64) {
	if l.hold < gateHold || level < gateLeast {
		return
	}
	if known := audio.PowerDBFS(l.voice); l.voiced > 0 && level < known-voiceUnder {
		if level > voiceLeast {
			l.softer++
		}
		if l.softer < voiceGone {
			return
		}
		l.voiced = 0 // another one speaks
	}
	l.softer = 0
	l.voiced = min(l.voiced+1, voiceSlow)
	l.voice += (power - l.voice) / float64(l.voiced)
	if l.voiced < voiceKnown {
		return
	}
	most := max(0, min(levelMost, noiseAim-l.noise))
	off := min(max(levelAim-audio.PowerDBFS(l.voice), -levelMost), most) - l.gain
	if math.Abs(off) > levelNear {
		l.moves = true
	}
	if l.moves {
		l.gain += min(max(off, -levelDown), levelUp)
		l.moves = math.Abs(off) > levelUp
	}
}

// apply scales f, in a straight line over each block, and keeps it within 16 bits.
func (l *leveller) apply(f audio.Frame, sum []int32, gains [blocks]float32) {
	for b, gain := range gains {
		from, to := len(f)*b/blocks, len(f)*(b+1)/blocks
		step := (gain - l.now) / float32(max(1, to-from))
		for i := from; i < to; i++ {
			l.now += step
			sum[i] = int32(float32(f[i]) * l.now)
		}
		l.now = gain
	}
	l.limit.narrow(f, sum[:len(f)])
}
