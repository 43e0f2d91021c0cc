package media

import (
	"errors"
	"sync"
	"time"

	"ringback/media/audio"
	"ringback/media/mixer"
)

// Player speaks a tone or a recording into its slot and hears nothing. It is
// silent until PlayTone or PlayClip. Any goroutine may call its methods.
type Player struct {
	engine *Engine
	rate   int

	mu       sync.Mutex
	seat     seat
	now      sound // what is heard
	next     sound // what is to be heard from the next frame on
	change   bool
	finished func() // of now
	ends     func() // of next
	other    frame
	out      outbox
	failed   bool
}

// sound fills frames; false: it has ended within this one or before.
type sound interface{ Fill(audio.Frame) bool }

// NewPlayer returns a silent player.
func (e *Engine) NewPlayer() *Player {
	p := &Player{engine: e, rate: e.cfg.Rate, other: make(frame, audio.FrameSamples(e.cfg.Rate))}
	p.seat.slot = mixer.None
	return p
}

// PlayTone plays c from its start in place of what was played. done, which may be
// nil, is called once on a goroutine of the engine when c has ended by itself; it
// must only post.
func (p *Player) PlayTone(c audio.Cadence, done func()) {
	p.set(audio.NewTone(c, p.rate), done)
}

// PlayClip plays a recording, again and again when loop is set. done as for
// PlayTone. It fails for a clip without samples.
func (p *Player) PlayClip(c audio.Clip, loop bool, done func()) error {
	if c.Frames() == 0 {
		return errors.New("play recording: it holds no sound")
	}
	p.set(&clipSound{samples: c.Mono(p.rate).Samples, loop: loop}, done)
	return nil
}

// PlayWAV plays a file of any rate from its begin, and reads it as it goes. done, which
// may be nil, is called as for PlayTone, with what kept the file from being read to its
// end, or nil. The file is closed when it is not played any more, and on an error here.
func (p *Player) PlayWAV(src WAVSource, done func(error)) error {
	if src.Info().Frames == 0 {
		return errors.Join(errors.New("play recording: it holds no sound"), src.File.Close())
	}
	s, err := p.engine.newStream(src)
	if err != nil {
		return err
	}
	p.set(s, func() {
		if done != nil {
			done(s.err)
		}
	})
	return nil
}

// Stop fades out what is played within a frame. Its done is not called.
func (p *Player) Stop() { p.set(nil, nil) }

func (p *Player) set(s sound, done func()) {
	p.mu.Lock()
	letGo(p.next)
	p.next, p.ends, p.change = s, done, true
	p.mu.Unlock()
	rouse(&p.mu, &p.seat)
}

// Playing says whether something is played.
func (p *Player) Playing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.change {
		return p.next != nil
	}
	return p.now != nil
}

// Slot implements Port.
func (p *Player) Slot() mixer.Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seat.slot
}

// Close leaves the bridge; what is played ends.
func (p *Player) Close() error {
	err := closePort(p, &p.mu, &p.seat)
	p.mu.Lock()
	defer p.mu.Unlock()
	letGo(p.now)
	letGo(p.next)
	p.now, p.next, p.change = nil, nil, false
	return err
}

// closePort takes a port out of its bridge.
func closePort(p Port, mu *sync.Mutex, s *seat) error {
	mu.Lock()
	b := s.bridge
	mu.Unlock()
	if b != nil {
		b.Remove(p)
	}
	return nil
}

func (p *Player) attach(b *Bridge, slot mixer.Slot) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seat.take(b, slot)
}

func (p *Player) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seat.leave()
}

func (p *Player) pull(dst frame, _ time.Time, _ int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed {
		clear(dst)
		return
	}
	p.fill(&p.now, dst)
	if !p.change {
		return
	}
	letGo(p.now)
	p.now, p.finished, p.change = p.next, p.ends, false
	p.next, p.ends = nil, nil
	p.fill(&p.now, p.other)
	audio.Crossfade(dst, dst, p.other)
}

// fill writes a frame of s and ends it when it is over.
func (p *Player) fill(s *sound, dst frame) {
	if *s == nil {
		clear(dst)
		return
	}
	if (*s).Fill(dst) {
		return
	}
	*s = nil
	if p.finished != nil {
		p.out.calls = append(p.out.calls, p.finished)
		p.finished = nil
	}
}

func (p *Player) push(frame, time.Time) {}

func (p *Player) rests() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.change && p.now == nil
}

func (p *Player) fail(error) {
	p.mu.Lock()
	p.failed = true
	p.mu.Unlock()
}

func (p *Player) flush() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.take()
}

// clipSound plays samples that are at the right rate already.
type clipSound struct {
	samples []int16
	at      int
	loop    bool
}

// Fill implements sound.
func (c *clipSound) Fill(f audio.Frame) bool {
	for len(f) > 0 && c.at < len(c.samples) {
		n := copy(f, c.samples[c.at:])
		f = f[n:]
		if c.at += n; c.at == len(c.samples) && c.loop {
			c.at = 0
		}
	}
	clear(f)
	return c.at < len(c.samples)
}
