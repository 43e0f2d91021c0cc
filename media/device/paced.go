package device

import (
	"sync/atomic"
	"time"

	"ringback/media/audio"
)

// behind is how much a paced stream catches up at most; what is older is left
// out, as real hardware would have lost it.
const behind = 200 * time.Millisecond

// Period is how much a device without a clock of its own moves at a time: as good hardware
// does, since what it waits for is heard late.
const Period = 5 * time.Millisecond

// paced is a stream without a clock of its own: it moves a Period of sound by
// the machine's clock, at absolute times so that it does not fall behind.
type paced struct {
	io       IO
	source   func(chunk []int16)       // fills what the microphone hears next
	sink     func(chunk []int16) error // takes what the ear hears
	captured atomic.Uint64
	played   atomic.Uint64
	failed   chan error
	stop     chan struct{}
	done     chan struct{}
}

// pace starts a stream. source and sink run on its goroutine.
func pace(io IO, source func([]int16), sink func([]int16) error) *paced {
	p := &paced{
		io: io, source: source, sink: sink,
		failed: make(chan error, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
	go p.run()
	return p
}

func (p *paced) Frames() (captured, played uint64) { return p.captured.Load(), p.played.Load() }

func (p *paced) Failed() <-chan error { return p.failed }

func (p *paced) Stop() error {
	close(p.stop)
	<-p.done
	return nil
}

func (p *paced) run() {
	defer close(p.done)
	chunk := make([]int16, int(Period)*p.io.Rate/int(time.Second))
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-timer.C:
		}
		if err := p.step(chunk); err != nil {
			p.failed <- err
			return
		}
		next = next.Add(time.Duration(len(chunk)) * time.Second / time.Duration(p.io.Rate))
		if late := time.Since(next); late > behind {
			next = next.Add(late)
		}
		timer.Reset(time.Until(next))
	}
}

// step moves one chunk each way.
func (p *paced) step(chunk []int16) error {
	if p.io.Capture != nil {
		p.source(chunk)
		p.io.Capture.Write(chunk)
	}
	p.captured.Add(uint64(len(chunk)))
	if p.io.Playback != nil {
		n := p.io.Playback.Read(chunk)
		clear(chunk[n:])
		limit(chunk, p.io.Ceiling)
		if err := p.sink(chunk); err != nil {
			return err
		}
	}
	p.played.Add(uint64(len(chunk)))
	return nil
}

func discard([]int16) error { return nil }

// nullDevice hears silence and is deaf.
type nullDevice struct{}

func (nullDevice) Name() string { return "null" }

func (nullDevice) Start(io IO) (Stream, error) {
	return pace(io, func(f []int16) { clear(f) }, discard), nil
}

// toneLevel is the level of a tone device in dBFS: that of a telephone exchange's
// test tone.
const toneLevel = -10

// toneDevice hears a tone and is deaf.
type toneDevice struct {
	name string
	hz   float64
}

func (d toneDevice) Name() string { return d.name }

func (d toneDevice) Start(io IO) (Stream, error) {
	tone := audio.NewTone(audio.Sine(d.hz, toneLevel), io.Rate)
	return pace(io, func(f []int16) { tone.Fill(f) }, discard), nil
}
