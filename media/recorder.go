package media

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"ringback/media/audio"
	"ringback/media/mixer"
)

const (
	recorderHolds = 5 * time.Second // of sound, while the disk is busy
	recorderWakes = 10              // ticks between two writes
	recorderApart = time.Second     // after which a side that says nothing is filled up
)

// Recorder writes what is routed to it into a WAV file: one channel, or two that
// are two ports. It writes on a goroutine of its own; the clock never waits.
type Recorder struct {
	engine *Engine
	file   audio.WAVFile
	wav    *audio.WAVWriter
	sides  []*side
	tell   func(Event)

	wake   chan struct{}
	quit   chan struct{}
	done   chan struct{}
	once   sync.Once
	err    error         // of the writing goroutine; read after done
	frames atomic.Uint64 // written
	lost   atomic.Uint64 // samples that found no room
}

// side is one channel of a Recorder.
type side struct {
	rec   *Recorder
	ring  *audio.Ring
	ticks int

	mu   sync.Mutex
	seat seat
}

// NewRecorder writes to an empty file with 1 or 2 channels at the engine's rate.
// onEvent, which may be nil, gets Failed when the disk fails. The file is closed
// by Close when it can be.
func (e *Engine) NewRecorder(file audio.WAVFile, channels int, onEvent func(Event)) (*Recorder, error) {
	wav, err := audio.NewWAVWriter(file, e.cfg.Rate, channels)
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		engine: e, file: file, wav: wav, tell: onEvent,
		wake: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	for range channels {
		s := &side{rec: r, ring: audio.NewRing(int(recorderHolds.Seconds()) * e.cfg.Rate)}
		s.seat.slot = mixer.None
		r.sides = append(r.sides, s)
	}
	if err := e.adopt(r); err != nil {
		return nil, err
	}
	e.tasks.Go(r.run)
	return r, nil
}

// Port is the port of a channel, from 0.
func (r *Recorder) Port(channel int) Port { return r.sides[channel] }

// Duration is how much has been written.
func (r *Recorder) Duration() time.Duration {
	return time.Duration(r.frames.Load()) * time.Second / time.Duration(r.engine.cfg.Rate)
}

// Close leaves the bridge, writes what is left, closes the file and returns what
// went wrong since the start, if anything.
func (r *Recorder) Close() error {
	r.once.Do(func() {
		for _, s := range r.sides {
			_ = closePort(s, &s.mu, &s.seat)
		}
		close(r.quit)
		<-r.done
		if c, ok := r.file.(io.Closer); ok {
			r.err = errors.Join(r.err, c.Close())
		}
		if n := r.lost.Load(); n > 0 {
			r.err = errors.Join(r.err, fmt.Errorf("record: %d samples lost: the disk is too slow", n))
		}
		r.engine.forget(r)
	})
	return r.err
}

func (r *Recorder) run() {
	defer close(r.done)
	buf := make([]int16, 0, 2*r.engine.cfg.Rate)
	for last := false; !last; {
		select {
		case <-r.wake:
		case <-r.quit:
			last = true
		}
		for r.err == nil {
			buf = r.take(buf[:0], last)
			if len(buf) == 0 {
				break
			}
			r.err = r.wav.Write(buf)
			r.frames.Store(uint64(r.wav.Frames()))
			if r.err != nil && r.tell != nil {
				r.tell(Failed{Err: r.err})
			}
		}
	}
}

// take collects what all sides have. A side that is far behind, because it is in
// no bridge, is filled up with silence; at the end all are.
func (r *Recorder) take(buf []int16, last bool) []int16 {
	least, most := r.sides[0].ring.Len(), 0
	for _, s := range r.sides {
		n := s.ring.Len()
		least, most = min(least, n), max(most, n)
	}
	apart := int(recorderApart.Seconds()) * r.engine.cfg.Rate
	n := least
	if last || most-least > apart {
		n = most
	}
	n = min(n, cap(buf)/len(r.sides))
	if n == 0 {
		return buf
	}
	buf = buf[:n*len(r.sides)]
	clear(buf)
	channel := make([]int16, n)
	for i, s := range r.sides {
		got := s.ring.Read(channel)
		for k, v := range channel[:got] {
			buf[k*len(r.sides)+i] = v
		}
	}
	return buf
}

// Slot implements Port.
func (s *side) Slot() mixer.Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seat.slot
}

func (s *side) attach(b *Bridge, slot mixer.Slot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seat.take(b, slot)
}

func (s *side) detach() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seat.leave()
}

func (s *side) pull(dst frame, _ time.Time, _ int) { clear(dst) }

func (s *side) push(src frame, _ time.Time) {
	if n := s.ring.Write(src); n < len(src) {
		s.rec.lost.Add(uint64(len(src) - n))
	}
	if s.ticks++; s.ticks%recorderWakes != 0 {
		return
	}
	select {
	case s.rec.wake <- struct{}{}:
	default:
	}
}

func (s *side) fail(error)    {}
func (s *side) flush() func() { return nil }
