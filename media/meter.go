package media

import (
	"sync"
	"time"

	"ringback/dtmf"
	"ringback/media/audio"
	"ringback/media/mixer"
)

// MeterConfig sets up a Meter.
type MeterConfig struct {
	Tones   []float64   // Hz: told by ToneHeard
	AnyTone bool        // tell ToneHeard of any steady tone, in whole Hz, in place of Tones
	Speech  bool        // tell AudioHeard
	Digits  bool        // tell DigitStarted and DigitReceived of digits heard as sound
	OnEvent func(Event) // on a goroutine of the engine: must only post
}

// Meter hears what is routed to its slot and says nothing. Any goroutine may
// read it.
type Meter struct {
	mu      sync.Mutex
	seat    seat
	cfg     MeterConfig
	level   audio.LevelMeter
	tones   *audio.ToneDetector
	finder  *audio.ToneFinder // nil unless AnyTone
	speech  audio.SpeechDetector
	digits  *dtmf.Detector
	heard   []dtmf.Heard
	changed func(float64, bool)
	steps   int32 // greatest step between two samples
	last    int16
	failed  bool
	out     outbox
}

// NewMeter returns a meter for a bridge of this engine.
func (e *Engine) NewMeter(cfg MeterConfig) *Meter {
	m := &Meter{cfg: cfg, tones: audio.NewToneDetector(e.cfg.Rate, cfg.Tones...)}
	m.seat.slot = mixer.None
	m.out.tell = cfg.OnEvent
	m.changed = func(hz float64, on bool) { m.out.add(ToneHeard{Hz: hz, On: on}) }
	if cfg.AnyTone {
		m.finder = audio.NewToneFinder(e.cfg.Rate)
	}
	if cfg.Digits {
		m.digits = dtmf.NewDetector(e.cfg.Rate)
	}
	return m
}

// Level is the level of the last 200 ms in dBFS.
func (m *Meter) Level() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.level == (audio.LevelMeter{}) {
		return audio.SilenceDBFS
	}
	return m.level.DBFS()
}

// Tone says whether hz, one of MeterConfig.Tones, is there, and its level in the
// last 40 ms in dBFS.
func (m *Meter) Tone(hz float64) (present bool, dbfs float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tones.Present(hz), m.tones.Level(hz)
}

// Sound says whether there is speech or any other sound now.
func (m *Meter) Sound() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.speech.On()
}

// TakeStep returns the greatest step from one sample to the next since the last
// call: a click shows as a step greater than the sound itself has.
func (m *Meter) TakeStep() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	step := m.steps
	m.steps = 0
	return int(step)
}

// Slot implements Port.
func (m *Meter) Slot() mixer.Slot {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seat.slot
}

// Close leaves the bridge.
func (m *Meter) Close() error { return closePort(m, &m.mu, &m.seat) }

func (m *Meter) attach(b *Bridge, slot mixer.Slot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seat.take(b, slot)
}

func (m *Meter) detach() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seat.leave()
}

func (m *Meter) pull(dst frame, _ time.Time, _ int) { clear(dst) }

func (m *Meter) rests() bool { return true } // what it could hear does not

func (m *Meter) push(src frame, _ time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed {
		return
	}
	m.level.Add(src)
	for _, s := range src {
		d := int32(s) - int32(m.last)
		m.steps = max(m.steps, d, -d)
		m.last = s
	}
	switch {
	case m.finder != nil:
		m.finder.Add(src, m.changed)
	case len(m.cfg.Tones) > 0:
		m.tones.Add(src, m.changed)
	}
	if on, changed := m.speech.Add(src); changed && m.cfg.Speech {
		m.out.add(AudioHeard{On: on})
	}
	if m.digits != nil {
		m.hearDigits(src)
	}
}

func (m *Meter) hearDigits(src frame) {
	m.heard = m.digits.Write(m.heard[:0], src)
	for _, h := range m.heard {
		if h.Phase == dtmf.Pressed {
			m.out.add(DigitStarted{Digit: h.Digit})
		} else {
			m.out.add(DigitReceived{Digit: h.Digit, Duration: h.Duration})
		}
	}
}

func (m *Meter) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = true
	m.out.add(Failed{Err: err})
}

func (m *Meter) flush() func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.take()
}
