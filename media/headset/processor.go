package headset

import (
	"fmt"
	"strings"
	"sync/atomic"

	"ringback/media/audio"
)

// NoiseSuppression is how hard noise is taken out of the microphone: the harder,
// the more a voice suffers with it.
type NoiseSuppression int

// The grades of NoiseSuppression.
const (
	NoiseOff NoiseSuppression = iota
	NoiseLow
	NoiseModerate
	NoiseHigh
	NoiseVeryHigh
)

var noiseNames = [...]string{"off", "low", "moderate", "high", "very-high"}

func (n NoiseSuppression) String() string { return noiseNames[n] }

// NoiseGrades names the grades, from off to the hardest.
func NoiseGrades() []string { return noiseNames[:] }

// ParseNoiseSuppression reads one of NoiseGrades.
func ParseNoiseSuppression(name string) (NoiseSuppression, error) {
	for i, n := range noiseNames {
		if n == name {
			return NoiseSuppression(i), nil
		}
	}
	return 0, fmt.Errorf("noise suppression %q: write one of %s", name, strings.Join(noiseNames[:], ", "))
}

// The ranges of a Config, in dB.
const (
	MaxGain     = 30  // either way, of MicrophoneGain and Volume
	MinSideTone = -60 // a softer one is none
	MinCeiling  = -30
)

// Config is what is done to the sound of a headset. The zero Config does nothing
// but keep the ear at full scale.
type Config struct {
	HighPass         bool
	EchoCancellation bool // for a loudspeaker in place of a headset
	NoiseSuppression NoiseSuppression
	AutoGain         bool
	MicrophoneGain   int // dB
	Volume           int // dB, of the ear
	SideTone         int // dB, the own voice in the ear, below 0; 0: none
	Ceiling          int // dBFS, at most 0: no sample that the ear hears is above it; 0: full scale
}

// Validate says which field is out of its range, and the range.
func (c Config) Validate() error {
	for _, f := range []struct {
		name        string
		v, min, max int
	}{
		{"microphone gain", c.MicrophoneGain, -MaxGain, MaxGain}, {"volume", c.Volume, -MaxGain, MaxGain},
		{"side-tone", c.SideTone, MinSideTone, 0}, {"ceiling", c.Ceiling, MinCeiling, 0},
	} {
		if f.v < f.min || f.v > f.max {
			return fmt.Errorf("%s %d dB: write %d to %d", f.name, f.v, f.min, f.max)
		}
	}
	return nil
}

// stage is one step of a chain: it changes a frame in place.
type stage interface {
	process(audio.Frame)
	String() string // empty: it changes nothing
}

// chain is the stages of one direction.
type chain []stage

func (c chain) process(f audio.Frame) {
	for _, s := range c {
		s.process(f)
	}
}

func (c chain) String() string {
	parts := make([]string, 0, len(c))
	for _, s := range c {
		if text := s.String(); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
}

// Processor works on the sound of one headset. It belongs to one goroutine, but for
// SetGain, SetVolume and Chains.
type Processor struct {
	gain, volume *volume
	mic, ear     chain
	library      *apm // nil: not asked for
	side         *sideTone
}

// New sets up the chains for frames at rate (Hz). Errors: a Config that is out of
// range, and ErrNoLibrary for what this build cannot do. Close it.
func New(rate int, cfg Config) (*Processor, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	p := &Processor{gain: newVolume("microphone gain", cfg.MicrophoneGain), volume: newVolume("volume", cfg.Volume)}
	if cfg.HighPass {
		p.mic = append(p.mic, newHighPass(rate))
	}
	if want := (apmConfig{cfg.EchoCancellation, cfg.AutoGain, cfg.NoiseSuppression}); want.any() {
		var err error
		if p.library, err = newAPM(rate, want); err != nil {
			return nil, fmt.Errorf("%s: %w", want, err)
		}
		p.mic = append(p.mic, p.library)
	}
	p.mic, p.ear = append(p.mic, p.gain), append(p.ear, p.volume)
	if cfg.SideTone < 0 {
		p.side = newSideTone(rate, cfg.SideTone)
		p.ear = append(p.ear, p.side)
	}
	if cfg.Ceiling < 0 { // full scale is kept by 16 bits
		p.ear = append(p.ear, newLimiter(rate, cfg.Ceiling))
	}
	return p, nil
}

// CeilingSample is the greatest sample that the ear may hear of this Config.
func (c Config) CeilingSample() int16 { return ceiling(c.Ceiling) }

// Microphone works on what the microphone heard, in place.
func (p *Processor) Microphone(f audio.Frame) {
	p.mic.process(f)
	if p.side != nil {
		p.side.hear(f)
	}
}

// Ear works on what the ear is to hear, in place, after Microphone of the same
// tick.
func (p *Processor) Ear(f audio.Frame) {
	p.ear.process(f)
	if p.library != nil {
		p.library.played(f)
	}
}

// SetGain sets the microphone's gain, and SetVolume that of the ear, to dB of -MaxGain to
// MaxGain, in a slope over the next frame. The limiter comes behind: the ceiling holds. Any
// goroutine.
func (p *Processor) SetGain(db int) error { return p.gain.set(db) }

// SetVolume is the ear's SetGain.
func (p *Processor) SetVolume(db int) error { return p.volume.set(db) }

// Chains prints the stages of each direction in their order.
func (p *Processor) Chains() (microphone, ear string) { return p.mic.String(), p.ear.String() }

// Close gives back what the library holds. Nothing may be worked on afterwards.
func (p *Processor) Close() {
	if p.library != nil {
		p.library.close()
	}
}

// volume is a gain that a person sets.
type volume struct {
	what string
	want atomic.Int32 // dB
	db   int32        // that gain is set to
	gain *audio.Gain
}

func newVolume(what string, db int) *volume {
	v := &volume{what: what, db: int32(db), gain: audio.NewGain(float64(db))}
	v.want.Store(v.db)
	return v
}

func (v *volume) set(db int) error {
	if db < -MaxGain || db > MaxGain {
		return fmt.Errorf("%s %d dB: write %d to %d", v.what, db, -MaxGain, MaxGain)
	}
	v.want.Store(int32(db))
	return nil
}

func (v *volume) String() string {
	if db := v.want.Load(); db != 0 {
		return fmt.Sprintf("%s %+d dB", v.what, db)
	}
	return ""
}

func (v *volume) process(f audio.Frame) {
	if db := v.want.Load(); db != v.db {
		v.db = db
		v.gain.Set(float64(db))
	}
	v.gain.Apply(f)
}

// sideTone puts the last frame of the microphone into the ear.
type sideTone struct {
	db   int
	gain *audio.Gain
	last audio.Frame
}

func newSideTone(rate, db int) *sideTone {
	return &sideTone{db, audio.NewGain(float64(db)), make(audio.Frame, audio.FrameSamples(rate))}
}

func (s *sideTone) String() string { return fmt.Sprintf("side-tone %d dB", s.db) }

func (s *sideTone) hear(f audio.Frame) {
	copy(s.last, f)
	s.gain.Apply(s.last)
}

func (s *sideTone) process(f audio.Frame) {
	for i, v := range s.last {
		f[i] = audio.Saturate(int32(f[i]) + int32(v))
	}
}
