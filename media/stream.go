package media

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"ringback/media/audio"
)

// How far a file that is played is read ahead: a disk may think about it for as long.
const (
	streamHolds  = 3 * time.Second
	streamStarts = 200 * time.Millisecond // that are there before any of it is heard
)

// streamSound plays a file that a goroutine of its own reads ahead of the clock. Where
// the disk is too slow there is a pause, and nothing is left out.
type streamSound struct {
	ring   *audio.Ring
	starts int
	began  bool
	room   chan struct{} // there is some again
	quit   chan struct{}
	once   sync.Once
	engine *Engine
	read   atomic.Bool // all of it
	err    error       // read after read is set
}

// WAVSource is a file with sound to be played: an *os.File with what reads it.
type WAVSource struct {
	*audio.WAVReader
	File io.Closer
}

func (e *Engine) newStream(src WAVSource) (*streamSound, error) {
	rate := e.cfg.Rate
	s := &streamSound{
		engine: e, ring: audio.NewRing(samplesOf(streamHolds, rate)), starts: samplesOf(streamStarts, rate),
		room: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	if err := e.adopt(s); err != nil {
		return nil, errors.Join(err, src.File.Close())
	}
	go s.fetch(src, rate)
	return s, nil
}

// fetch reads until all is in the ring or nobody wants it any more, and closes the file.
// Nobody waits for it: a disk may never answer, and the phone is to end all the same.
func (s *streamSound) fetch(src WAVSource, rate int) {
	defer s.engine.forget(s)
	defer src.File.Close()
	defer s.read.Store(true)
	from := src.Info().Rate
	raw := make([]int16, max(1, from/10))
	var out, other []int16
	var resampler *audio.Resampler
	if from != rate {
		resampler = audio.NewResampler(from, rate)
	}
	for {
		n, err := src.ReadMono(raw)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				s.err = err
			}
			return
		}
		if out = raw[:n]; resampler != nil {
			other = resampler.Process(other[:0], raw[:n])
			out = other
		}
		for len(out) > 0 {
			out = out[s.ring.Write(out):]
			if len(out) == 0 {
				break
			}
			select {
			case <-s.room:
			case <-s.quit:
				return
			}
		}
		select {
		case <-s.quit:
			return
		default:
		}
	}
}

// Fill implements sound.
func (s *streamSound) Fill(f audio.Frame) bool {
	ended := s.read.Load() // before the ring is looked at: nothing is written after it
	if !s.began && !ended && s.ring.Len() < s.starts {
		clear(f)
		return true
	}
	s.began = true
	n := s.ring.Read(f)
	clear(f[n:])
	if s.ring.Free() > s.ring.Cap()/4 {
		select {
		case s.room <- struct{}{}:
		default:
		}
	}
	return !ended || s.ring.Len() > 0
}

// Close has the reading ended; it does not wait for it.
func (s *streamSound) Close() error {
	s.once.Do(func() { close(s.quit) })
	return nil
}

// letGo ends a sound that is not heard any more.
func letGo(s sound) {
	if c, ok := s.(io.Closer); ok {
		_ = c.Close()
	}
}
