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
	recorderSyncs = 5 * time.Second // of sound between two times that it is brought to the disk
	diskPatience  = 2 * time.Second // for a disk that does not answer, at the end
)

// Recorder writes what is routed to it into a WAV file: one channel, or two that
// are two ports of one bridge. What they hear in one tick stands at the same samples
// of both channels. The file's time is the clock's: what is paused, what a slow disk
// lost and what a machine slept through are as long in it as they were, and silent.
// It writes on a goroutine of its own; the clock never waits. The file can be read up
// to its last write, a quarter of a second ago, whatever becomes of the phone; each 5 s
// it is brought to the disk itself, for when the power goes.
type Recorder struct {
	engine *Engine
	rate   int
	file   audio.WAVFile
	wav    *audio.WAVWriter
	tell   func(Event)
	ring   *audio.Ring // whole blocks

	wake   chan struct{}
	quit   chan struct{}
	done   chan struct{}
	once   sync.Once
	err    error         // of the writing goroutine; read after done
	closed error         // what Close says
	synced uint64        // frames that the disk has, for sure; of the writing goroutine
	frames atomic.Uint64 // written

	mu     sync.Mutex
	sides  []*side
	block  []int16 // one tick of all channels, interleaved
	at     time.Time
	said   int // sides that have put theirs into block
	paused bool
	owed   int    // samples of each channel that are to be silence
	lost   int    // of those, what the disk was too slow for
	taken  uint64 // samples of each channel so far
	ticks  int
}

// side is one channel of a Recorder.
type side struct {
	rec     *Recorder
	channel int
	seat    seat             // guarded by rec.mu
	toRate  *audio.Resampler // nil: the file's rate is the engine's
	heard   frame            // at the file's rate
}

// RecorderConfig says what a Recorder writes.
type RecorderConfig struct {
	Channels int         // 1 or 2
	Rate     int         // Hz: 8000, 16000 or 48000; 0, and what is above it: the engine's
	Comment  string      // stands in the file, see audio.NewNotedWAVWriter; empty: none
	OnEvent  func(Event) // gets Failed when the disk fails; may be nil
}

// NewRecorder writes to an empty file. It is closed by Close when it can be.
func (e *Engine) NewRecorder(file audio.WAVFile, cfg RecorderConfig) (*Recorder, error) {
	if cfg.Rate <= 0 || cfg.Rate > e.cfg.Rate {
		cfg.Rate = e.cfg.Rate
	}
	wav, err := audio.NewNotedWAVWriter(file, cfg.Rate, cfg.Channels, cfg.Comment)
	if err != nil {
		return nil, err
	}
	r := &Recorder{
		engine: e, rate: cfg.Rate, file: file, wav: wav, tell: cfg.OnEvent,
		ring:  audio.NewRing(int(recorderHolds.Seconds()) * cfg.Rate * cfg.Channels),
		block: make([]int16, audio.FrameSamples(cfg.Rate)*cfg.Channels),
		wake:  make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	for channel := range cfg.Channels {
		s := &side{rec: r, channel: channel}
		s.seat.slot = mixer.None
		if cfg.Rate != e.cfg.Rate {
			s.toRate = audio.NewResampler(e.cfg.Rate, cfg.Rate)
		}
		r.sides = append(r.sides, s)
	}
	if err := e.adopt(r); err != nil {
		return nil, err
	}
	go r.run() // Close waits for it
	return r, nil
}

// Port is the port of a channel, from 0. A channel whose port is in no bridge is
// silent.
func (r *Recorder) Port(channel int) Port { return r.sides[channel] }

// Duration is how much has been written.
func (r *Recorder) Duration() time.Duration { return r.length(r.frames.Load()) }

// Pause has silence written from the next tick on, or sound again, and says where in
// the file that is.
func (r *Recorder) Pause(on bool) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = on
	return r.length(r.taken)
}

func (r *Recorder) length(frames uint64) time.Duration {
	return time.Duration(frames) * time.Second / time.Duration(r.rate)
}

// Close leaves the bridge, writes what is left, brings it to the disk, closes the
// file and returns what went wrong since the start, if anything. A disk that does not
// answer for 2 s is given up, with ErrDisk: nobody waits for it any more, and what it
// does with the file is its own affair.
func (r *Recorder) Close() error {
	r.once.Do(func() {
		defer r.engine.forget(r)
		for _, s := range r.sides {
			_ = closePort(s, &r.mu, &s.seat)
		}
		close(r.quit)
		patience := time.NewTimer(diskPatience)
		defer patience.Stop()
		select {
		case <-r.done:
			r.closed = r.err
		case <-patience.C:
			r.closed = fmt.Errorf("record: %w for %v: the file ends at %v, and may be damaged there", ErrDisk, diskPatience, r.Duration())
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if lost := r.length(uint64(r.lost)); lost > 0 {
			r.closed = errors.Join(r.closed, fmt.Errorf("record: %v lost: the disk is too slow", lost))
		}
	})
	return r.closed
}

// toDisk makes sure that what was written is there when the power goes. Not every file
// can do that.
func (r *Recorder) toDisk() error {
	r.synced = r.frames.Load()
	if s, ok := r.file.(interface{ Sync() error }); ok {
		return s.Sync()
	}
	return nil
}

func (r *Recorder) run() {
	defer close(r.done)
	defer func() {
		if r.err == nil {
			r.err = r.toDisk()
		}
		if c, ok := r.file.(io.Closer); ok {
			r.err = errors.Join(r.err, c.Close())
		}
	}()
	buf := make([]int16, recorderWakes*len(r.block))
	for last := false; !last; {
		select {
		case <-r.wake:
		case <-r.quit:
			last = true
		}
		for r.err == nil {
			n := r.ring.Read(buf)
			if n == 0 && last {
				n = r.settle(buf)
			}
			if n == 0 {
				break
			}
			r.err = r.wav.Write(buf[:n])
			r.frames.Store(uint64(r.wav.Frames()))
			if r.err == nil && r.length(r.frames.Load()-r.synced) >= recorderSyncs {
				r.err = r.toDisk()
			}
			if r.err != nil && r.tell != nil {
				r.tell(Failed{Err: r.err})
			}
		}
	}
}

// put takes what a channel hears in a tick. All sides that are seated are in one
// bridge, which asks them one after the other: the last one completes the block.
func (r *Recorder) put(s *side, src frame, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !now.Equal(r.at) {
		r.at, r.said = now, 0
		clear(r.block)
	}
	if !r.paused {
		for i, v := range s.atRate(src) {
			r.block[i*len(r.sides)+s.channel] = v
		}
	} else if s.toRate != nil {
		s.toRate.Reset()
	}
	seated := 0
	for _, other := range r.sides {
		if other.seat.bridge != nil {
			seated++
		}
	}
	if r.said++; r.said == seated {
		r.commit(len(r.block) / len(r.sides))
		r.at = time.Time{} // a late clock may make the next tick at once
	}
}

// atRate is a frame at the rate of the file: as many samples as belong to a tick.
func (s *side) atRate(src frame) frame {
	if s.toRate == nil {
		return src
	}
	s.heard = s.toRate.Process(s.heard[:0], src)
	return s.heard
}

// commit puts the block into the ring, behind the silence that is owed.
func (r *Recorder) commit(frames int) {
	r.paySilence()
	if r.owed > 0 || r.ring.Free() < len(r.block) {
		r.owed += frames
		r.lost += frames
	} else {
		r.ring.Write(r.block)
	}
	r.taken += uint64(frames)
	if r.ticks++; r.ticks%recorderWakes != 0 && r.owed == 0 {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// paySilence writes the silence that is owed, as far as there is room.
func (r *Recorder) paySilence() {
	silence := [256]int16{}
	for r.owed > 0 {
		n := min(r.owed*len(r.sides), len(silence))
		if r.ring.Free() < n {
			return
		}
		r.ring.Write(silence[:n])
		r.owed -= n / len(r.sides)
	}
}

// settle takes of the silence that is still owed when nothing is heard any more, so
// that a file is as long as what was recorded.
func (r *Recorder) settle(buf []int16) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paySilence()
	return r.ring.Read(buf)
}

// skipped notes that the clock has left ticks out. Of all sides one is enough.
func (r *Recorder) skipped(s *side, ticks int) {
	if ticks == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, first := range r.sides {
		if first.seat.bridge == nil {
			continue
		}
		if first == s {
			n := ticks * len(r.block) / len(r.sides)
			r.owed += n
			r.taken += uint64(n)
		}
		return
	}
}

// Slot implements Port.
func (s *side) Slot() mixer.Slot {
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	return s.seat.slot
}

func (s *side) attach(b *Bridge, slot mixer.Slot) error {
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	for _, other := range s.rec.sides {
		if other.seat.bridge != nil && other.seat.bridge != b {
			return fmt.Errorf("%w: the other channel is in another bridge", ErrInUse)
		}
	}
	return s.seat.take(b, slot)
}

func (s *side) detach() {
	s.rec.mu.Lock()
	defer s.rec.mu.Unlock()
	s.seat.leave()
}

func (s *side) pull(dst frame, _ time.Time, skipped int) {
	clear(dst)
	s.rec.skipped(s, skipped)
}

func (s *side) push(src frame, now time.Time) { s.rec.put(s, src, now) }

func (s *side) rests() bool   { return false } // silence is recorded too
func (s *side) fail(error)    {}
func (s *side) flush() func() { return nil }
