package media

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"ringback/media/audio"
	"ringback/media/mixer"
)

// memoryFile is a WAV file in memory that can be made to hang, or to fail, from a place
// on, and says when it is closed.
type memoryFile struct {
	*bytes.Reader
	failAt int64 // 0: never
	gate   chan struct{}
	closed chan struct{}
}

func (m *memoryFile) Read(b []byte) (int, error) {
	at, _ := m.Seek(0, io.SeekCurrent)
	if m.failAt > 0 && at >= m.failAt {
		if m.gate == nil {
			return 0, errors.New("input/output error")
		}
		<-m.gate
	}
	return m.Reader.Read(b)
}

func (m *memoryFile) Close() error {
	close(m.closed)
	return nil
}

type wavBytes struct{ bytes.Buffer }

func (w *wavBytes) WriteAt(b []byte, at int64) (int, error) { return copy(w.Bytes()[at:], b), nil }

// sine is a file of hz at rate, stereo.
func sine(t *testing.T, hz float64, rate int, length time.Duration) *memoryFile {
	t.Helper()
	var file wavBytes
	w, err := audio.NewWAVWriter(&file, rate, 2)
	must(t, err)
	samples := make([]int16, 2*int(length.Seconds()*float64(rate)))
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i/2)/float64(rate)))
	}
	must(t, w.Write(samples))
	return &memoryFile{Reader: bytes.NewReader(file.Bytes()), closed: make(chan struct{})}
}

// stage is a player that the test ticks itself, and what is heard of it.
type stage struct {
	bridge *Bridge
	player *Player
	heard  []int16
	now    time.Time
}

func newStage(t *testing.T, rate int) *stage {
	t.Helper()
	e := NewEngine(EngineConfig{Rate: rate})
	t.Cleanup(func() { _ = e.Close() })
	s := &stage{bridge: e.NewBridge(), player: e.NewPlayer(), now: time.Now()}
	_, err := s.bridge.Add(s.player)
	must(t, err)
	ear, err := s.bridge.Add(e.NewMeter(MeterConfig{}))
	must(t, err)
	must(t, s.bridge.SetRoutes([]mixer.Route{{From: s.player.Slot(), To: ear}}))
	return s
}

// tick makes 20 ms once the reading goroutine is as far as it comes. In a bubble.
func (s *stage) tick() {
	synctest.Wait()
	for _, tell := range func() []func() { _, tells := s.bridge.work(s.now, 0); return tells }() {
		tell()
	}
	s.now = s.now.Add(audio.FrameTime)
	s.heard = append(s.heard, s.bridge.matrix.Out(1)...)
}

func open(t *testing.T, f *memoryFile) WAVSource {
	t.Helper()
	r, err := audio.NewWAVReader(f)
	must(t, err)
	return WAVSource{WAVReader: r, File: f}
}

// TestPlayWAV_IsReadAsItIsHeard plays files of some rates: all of it is heard, without a
// gap, and the file is closed. None is in memory as a whole.
func TestPlayWAV_IsReadAsItIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ from, to int }{{8000, 8000}, {44100, 48000}, {48000, 8000}, {11025, 16000}} {
			s, f := newStage(t, c.to), sine(t, 400, c.from, 8*time.Second)
			src := open(t, f)
			if src.Info().Frames != int64(8*c.from) || src.Info().Channels != 2 {
				t.Fatalf("%+v", src.Info())
			}
			done := make(chan error, 1)
			must(t, s.player.PlayWAV(src, func(err error) { done <- err }))
			ticks := 0
			for ; len(done) == 0; ticks++ {
				s.tick()
				if ticks > 420 {
					t.Fatalf("%v: not over after %d ticks", c, ticks)
				}
			}
			if err := <-done; err != nil || ticks < 398 {
				t.Errorf("%v: over after %d ticks: %v", c, ticks, err)
			}
			<-f.closed
			quiet, most := 0, 0
			for i, v := range s.heard[:8*c.to-c.to/4] {
				if i < c.to/20 {
					continue // it begins
				}
				if quiet++; v > 500 || v < -500 {
					quiet = 0
				}
				most = max(most, quiet)
			}
			if most > c.to/200 {
				t.Errorf("%v: a gap of %d samples", c, most)
			}
			if n := s.ringSamples(); n > 8*c.to/2 {
				t.Errorf("%v: %d samples are held", c, n)
			}
		}
	})
}

func (s *stage) ringSamples() int {
	if stream, ok := s.player.now.(*streamSound); ok {
		return stream.ring.Cap()
	}
	return 0
}

// A disk that fails ends it, and says why; one that does not answer holds up nobody.
func TestPlayWAV_DiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newStage(t, 8000), sine(t, 400, 8000, 20*time.Second)
		src := open(t, f)
		f.failAt = 100_000
		done := make(chan error, 1)
		must(t, s.player.PlayWAV(src, func(err error) { done <- err }))
		for len(done) == 0 {
			s.tick()
		}
		if err := <-done; err == nil {
			t.Error("no error")
		}
		<-f.closed

		s, f = newStage(t, 8000), sine(t, 400, 8000, 20*time.Second)
		src = open(t, f)
		f.failAt, f.gate = 100_000, make(chan struct{})
		must(t, s.player.PlayWAV(src, nil))
		for range 500 {
			s.tick()
		}
		if !s.player.Playing() {
			t.Error("it gave up")
		}
		must(t, s.player.Close())
		must(t, s.player.engine.Close())
		close(f.gate)
		<-f.closed
	})
}

func TestPlayWAV_StopsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, g := newStage(t, 8000), sine(t, 400, 8000, 20*time.Second), sine(t, 700, 8000, 20*time.Second)
		must(t, s.player.PlayWAV(open(t, f), func(error) { t.Error("called") }))
		s.tick()
		must(t, s.player.PlayWAV(open(t, g), func(error) { t.Error("called") }))
		s.tick()
		<-f.closed
		s.player.Stop()
		s.tick()
		<-g.closed
		if s.player.Playing() {
			t.Error("it plays")
		}
	})
}
