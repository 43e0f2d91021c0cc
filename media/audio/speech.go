package audio

// The rule of a SpeechDetector, in frames of 20 ms and dB.
const (
	speechOnFrames  = 3  // 60 ms of sound begin it
	speechOffFrames = 25 // half a second of quiet ends it: words have gaps
	speechAbsolute  = -50.0
	speechOver      = 9.0  // above the noise floor to begin
	speechUnder     = 5.0  // above the noise floor to go on
	floorRise       = 0.05 // dB a frame: a steady noise stops counting as sound in half a minute
)

// SpeechDetector tells sound from silence in a stream of frames, with
// hysteresis against a noise floor that it follows.
type SpeechDetector struct {
	floor float64
	run   int
	on    bool
	ready bool
}

// Add takes a frame and reports whether there is sound, and whether that has
// just changed.
func (d *SpeechDetector) Add(f Frame) (on, changed bool) {
	level := LevelDBFS(f)
	if !d.ready {
		d.floor, d.ready = -70, true
	}
	if level < d.floor {
		d.floor += (level - d.floor) * 0.2
	} else {
		d.floor = min(d.floor+floorRise, level, -30)
	}
	over := speechOver
	if d.on {
		over = speechUnder
	}
	if heard := level > speechAbsolute && level > d.floor+over; heard == d.on {
		d.run = 0
		return d.on, false
	}
	d.run++
	need := speechOnFrames
	if d.on {
		need = speechOffFrames
	}
	if d.run < need {
		return d.on, false
	}
	d.on, d.run = !d.on, 0
	return d.on, true
}

// On says whether there is sound now.
func (d *SpeechDetector) On() bool { return d.on }

// Rising says that the last frame was loud, though not enough of them were yet to be
// sound.
func (d *SpeechDetector) Rising() bool { return !d.on && d.run > 0 }

// Falling says that the last frame was quiet, though not enough of them were yet to be
// silence.
func (d *SpeechDetector) Falling() bool { return d.on && d.run > 0 }
