package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"ringback/media"
	"ringback/media/audio"
	"ringback/media/mixer"
)

// toneLevel is how loud parties speak, in dBFS.
const toneLevel = -10

// sound is the lab's media: one engine and one bridge for all calls of a boot.
// Loop goroutine.
type sound struct {
	boot     *boot
	engine   *media.Engine
	bridge   *media.Bridge
	music    mixer.Slot
	ringback mixer.Slot
	tones    []float64 // what meters listen for, in Hz
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

func newSound(b *boot) (*sound, error) {
	cfg := b.lab.cfg
	s := &sound{boot: b, engine: media.NewEngine(media.EngineConfig{Network: cfg.Network, Log: cfg.Log, Shards: 1, Rate: media.RateFor(cfg.Codecs)}),
		tones: cfg.tones()}
	s.bridge = s.engine.NewBridge()
	var err error
	if s.music, err = s.play(melody()); err == nil {
		s.ringback, err = s.play(audio.Ringback())
	}
	if err != nil {
		_ = s.engine.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.done.Go(func() { _ = s.engine.Run(ctx) }) // nil by contract: it was not run before
	return s, nil
}

// melody is the music on hold: notes over a drone that never pauses, all of them
// below the tones that tell parties apart.
func melody() audio.Cadence {
	c := audio.Cadence{Name: "music"}
	for _, note := range []float64{262, 330, 294, 330, 262, 294, 247, 294} {
		c.Segments = append(c.Segments, audio.Segment{Hz: [2]float64{MusicHz, note}, DBFS: toneLevel - 6, Length: 400 * time.Millisecond})
	}
	return c
}

// tones are all that a meter of the lab can tell apart.
func (c *Config) tones() []float64 {
	all := []float64{MusicHz, ToneHz, EarlyHz, ColleagueHz, ContactHz}
	for _, e := range c.Extensions {
		for _, s := range []Sound{e.Say, e.Early} {
			if s.kind == "tone" {
				all = append(all, s.hz)
			}
		}
	}
	all = append(all, c.Hears...)
	slices.Sort(all)
	return slices.Compact(all)
}

func (s *sound) close() {
	s.cancel()
	s.done.Wait()
}

func (s *sound) play(c audio.Cadence) (mixer.Slot, error) {
	p := s.engine.NewPlayer()
	p.PlayTone(c, nil)
	slot, err := s.bridge.Add(p)
	if err != nil {
		return mixer.None, fmt.Errorf("play %s: %w", c.Name, err)
	}
	return slot, nil
}

// newSession opens the media of a leg.
func (s *sound) newSession(tell func(media.Event)) (*media.Session, error) {
	cfg := s.boot.lab.cfg
	m, err := s.engine.NewSession(media.SessionConfig{LocalIP: cfg.IP, Codecs: cfg.Codecs, DTMF: true, NAT: true, Security: cfg.Security, OnEvent: tell, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	if _, err := s.bridge.Add(m); err != nil {
		_ = m.Close()
		return nil, err
	}
	return m, nil
}

// route replaces the matrix.
func (s *sound) route(routes []mixer.Route) {
	if err := s.bridge.SetRoutes(routes); err != nil {
		s.boot.lab.cfg.Log.Warn("lab cannot set routes", "cause", err)
	}
}

// voice is what a line says and hears.
type voice struct {
	sound  *sound
	party  string
	player *media.Player
	says   mixer.Slot
	meter  *media.Meter
	hears  mixer.Slot
	on     []media.Event // what is heard now: to be ended with the line
	closed bool
}

// newVoice makes the player and the meter of a line. inBand is told each digit
// that came as sound.
func (s *sound) newVoice(party string, inBand func(digit string)) (*voice, error) {
	b := s.boot
	v := &voice{sound: s, party: party, player: s.engine.NewPlayer()}
	v.meter = s.engine.NewMeter(media.MeterConfig{Tones: s.tones, Speech: true, Digits: true, OnEvent: func(e media.Event) {
		at := time.Now()
		b.loop.Post(func() {
			if d, ok := e.(media.DigitReceived); ok {
				inBand(d.Digit.String())
				return
			}
			v.heard(e, at)
		})
	}})
	var err error
	if v.says, err = s.bridge.Add(v.player); err != nil {
		return nil, fmt.Errorf("open line %s: %w", party, err)
	}
	if v.hears, err = s.bridge.Add(v.meter); err != nil {
		_ = v.player.Close() // only leaves the bridge
		return nil, fmt.Errorf("open line %s: %w", party, err)
	}
	b.lab.hears(party, func(h *hearing) { h.level = v.meter.Level })
	return v, nil
}

// heard notes what the meter tells.
func (v *voice) heard(e media.Event, at time.Time) {
	if v.closed {
		return
	}
	off := opposite(e)
	v.on = slices.DeleteFunc(v.on, func(have media.Event) bool { return have == off || have == e })
	if isOn(e) {
		v.on = append(v.on, off)
	}
	v.sound.boot.lab.meterEvent(v.party, e, at)
}

// opposite is the event that ends e, or that e ends.
func opposite(e media.Event) media.Event {
	switch e := e.(type) {
	case media.ToneHeard:
		e.On = !e.On
		return e
	case media.AudioHeard:
		e.On = !e.On
		return e
	}
	return nil
}

func isOn(e media.Event) bool {
	switch e := e.(type) {
	case media.ToneHeard:
		return e.On
	case media.AudioHeard:
		return e.On
	}
	return false
}

// say changes what is said.
func (v *voice) say(what Sound) {
	switch what.kind {
	case "tone":
		v.player.PlayTone(audio.Sine(what.hz, toneLevel), nil)
	case "music":
		v.player.PlayTone(melody(), nil)
	case "speech":
		rate := v.sound.engine.Rate()
		clip := audio.Clip{Rate: rate, Channels: 1, Samples: synthesise(rate)}
		if err := v.player.PlayClip(clip, true, nil); err != nil {
			v.sound.boot.lab.cfg.Log.Warn("lab cannot speak", "party", v.party, "cause", err)
		}
	default:
		v.player.Stop()
	}
}

func (v *voice) close() {
	if v.closed {
		return
	}
	for _, off := range v.on {
		v.sound.boot.lab.meterEvent(v.party, off, time.Now())
	}
	v.on, v.closed = nil, true
	v.says, v.hears = mixer.None, mixer.None
	v.sound.boot.lab.hears(v.party, func(h *hearing) { h.level = nil })
	_ = v.player.Close() // only leave the bridge
	_ = v.meter.Close()
}
