package media

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringback/media/audio"
	"ringback/media/mixer"
)

// studio is a recorder in a bridge that the test ticks itself: channel 0 and 1 hear
// the same player, which says a ramp in which no sample is like another.
type studio struct {
	t      *testing.T
	engine *Engine
	bridge *Bridge
	rec    *Recorder
	path   string
	now    time.Time
	ticks  int
}

const rampLength = 30000

// gatedFile is a disk that can be made to hang.
type gatedFile struct {
	*os.File
	gate sync.Mutex
}

func (g *gatedFile) Write(b []byte) (int, error) {
	g.gate.Lock()
	defer g.gate.Unlock()
	return g.File.Write(b)
}

// Sync does nothing: the test's clock runs faster than a disk can follow, and what it
// loses is not to depend on that. syncedFile is the one that is asked.
func (g *gatedFile) Sync() error { return nil }

func newStudio(t *testing.T, wrap func(*os.File) audio.WAVFile) *studio {
	t.Helper()
	s := &studio{t: t, engine: NewEngine(EngineConfig{Rate: audio.Rate16k}), path: filepath.Join(t.TempDir(), "a.wav"), now: time.Now()}
	t.Cleanup(func() { _ = s.engine.Close() })
	f, err := os.Create(s.path)
	must(t, err)
	var file audio.WAVFile = f
	if wrap != nil {
		file = wrap(f)
	}
	s.rec, err = s.engine.NewRecorder(file, RecorderConfig{Channels: 2, Comment: "ringback recording r-1"})
	must(t, err)
	s.bridge = s.engine.NewBridge()
	player := s.engine.NewPlayer()
	ramp := make([]int16, rampLength)
	for i := range ramp {
		ramp[i] = int16(i + 1)
	}
	must(t, player.PlayClip(audio.Clip{Rate: audio.Rate16k, Channels: 1, Samples: ramp}, true, nil))
	_, err = s.bridge.Add(player)
	must(t, err)
	s.tick(1) // the player fades in
	left, err := s.bridge.Add(s.rec.Port(0))
	must(t, err)
	s.tick(1) // the other channel is not seated yet
	right, err := s.bridge.Add(s.rec.Port(1))
	must(t, err)
	must(t, s.bridge.SetRoutes([]mixer.Route{{From: player.Slot(), To: left}, {From: player.Slot(), To: right}}))
	s.tick(1) // the routes fade in
	return s
}

func (s *studio) tick(n int) {
	for range n {
		s.bridge.work(s.now, 0)
		s.now = s.now.Add(audio.FrameTime)
		s.ticks++
	}
}

// take closes the recorder and reads the file.
func (s *studio) take(wantErr bool) audio.Clip {
	s.t.Helper()
	if err := s.rec.Close(); (err != nil) != wantErr {
		s.t.Errorf("close: %v", err)
	}
	data, err := os.ReadFile(s.path)
	must(s.t, err)
	clip, err := audio.ReadWAV(bytes.NewReader(data))
	must(s.t, err)
	if clip.Rate != audio.Rate16k || clip.Channels != 2 {
		s.t.Fatalf("%d Hz, %d channels", clip.Rate, clip.Channels)
	}
	return clip
}

// aligned holds that both channels have the same at each sample, and gives the gaps:
// runs of silence as [from, until).
func (s *studio) aligned(c audio.Clip) (gaps [][2]int) {
	s.t.Helper()
	left, right := c.Channel(0).Samples, c.Channel(1).Samples
	from := -1
	for i := range left {
		if left[i] != right[i] {
			s.t.Fatalf("sample %d: %d left, %d right", i, left[i], right[i])
		}
		switch silent := left[i] == 0; {
		case silent && from < 0:
			from = i
		case !silent && from >= 0:
			gaps, from = append(gaps, [2]int{from, i}), -1
		}
	}
	if from >= 0 {
		gaps = append(gaps, [2]int{from, len(left)})
	}
	return gaps
}

const frame16k = audio.Rate16k / 50

func TestRecorder_ChannelsAreAlignedToTheSample(t *testing.T) {
	s := newStudio(t, nil)
	s.tick(200)
	c := s.take(false)
	if got := c.Frames(); got != 202*frame16k { // all ticks from the first channel's seat on
		t.Errorf("%d samples, want %d", got, 202*frame16k)
	}
	gaps := s.aligned(c)
	if len(gaps) != 1 || gaps[0][0] != 0 || gaps[0][1] > frame16k+frame16k/4 { // before the routes
		t.Errorf("gaps %v", gaps)
	}
	left := c.Channel(0).Samples
	for i := 3 * frame16k; i+1 < len(left); i++ {
		if left[i+1] != left[i]%rampLength+1 {
			t.Fatalf("sample %d is %d, then comes %d", i, left[i], left[i+1])
		}
	}
}

func TestRecorder_PauseIsSilenceOfTheSameLength(t *testing.T) {
	s := newStudio(t, nil)
	s.tick(50)
	from := s.rec.Pause(true)
	s.tick(100)
	until := s.rec.Pause(false)
	s.tick(50)
	if until-from != 2*time.Second || from != 52*audio.FrameTime {
		t.Errorf("paused from %v to %v", from, until)
	}
	c := s.take(false)
	if c.Frames() != 202*frame16k {
		t.Errorf("%d samples", c.Frames())
	}
	want := [2]int{52 * frame16k, 152 * frame16k}
	if gaps := s.aligned(c); len(gaps) != 2 || gaps[1] != want {
		t.Errorf("gaps %v, want one of %v", gaps, want)
	}
}

// What is lost at the very end is silence of the same length.
func TestRecorder_DiskHangsUntilTheEnd(t *testing.T) {
	var disk *gatedFile
	s := newStudio(t, func(f *os.File) audio.WAVFile { disk = &gatedFile{File: f}; return disk })
	s.tick(20)
	disk.gate.Lock()
	s.tick(1000)
	disk.gate.Unlock()
	c := s.take(true)
	if want := (s.ticks - 1) * frame16k; c.Frames() != want {
		t.Errorf("%d samples, want %d", c.Frames(), want)
	}
}

// A disk that hangs for longer than the recorder can hold costs sound, and neither the
// alignment nor the time.
func TestRecorder_DiskHangs(t *testing.T) { synctest.Test(t, diskHangs) }

func diskHangs(t *testing.T) {
	var disk *gatedFile
	s := newStudio(t, func(f *os.File) audio.WAVFile { disk = &gatedFile{File: f}; return disk })
	s.tick(20)
	disk.gate.Lock()
	s.tick(1000)
	disk.gate.Unlock()
	synctest.Wait() // the writer has come up to now
	for owed := 1; owed > 0; {
		s.tick(1)
		synctest.Wait()
		s.rec.mu.Lock()
		owed = s.rec.owed
		s.rec.mu.Unlock()
	}
	s.tick(20)
	c := s.take(true) // it says what was lost
	if want := (s.ticks - 1) * frame16k; c.Frames() != want {
		t.Errorf("%d samples, want %d", c.Frames(), want)
	}
	gaps := s.aligned(c)
	if len(gaps) != 2 || gaps[1][1]-gaps[1][0] < 10*audio.Rate16k {
		t.Errorf("gaps %v", gaps)
	}
	left := c.Channel(0).Samples
	before, after := int(left[gaps[1][0]-1]), int(left[gaps[1][1]])
	if lost := gaps[1][1] - gaps[1][0]; (before+lost)%rampLength+1 != after {
		t.Errorf("%d samples are missing between %d and %d", lost, before, after)
	}
}

// What the clock leaves out is in the file as silence.
func TestRecorder_ClockThatSleeps(t *testing.T) {
	s := newStudio(t, nil)
	s.tick(10)
	s.bridge.work(s.now, 100)
	s.tick(50)
	c := s.take(false)
	if want := (2 + 10 + 100 + 1 + 50) * frame16k; c.Frames() != want {
		t.Errorf("%d samples, want %d", c.Frames(), want)
	}
	gaps := s.aligned(c)
	if want := [2]int{12 * frame16k, 112 * frame16k}; !slices.Contains(gaps, want) {
		t.Errorf("gaps %v", gaps)
	}
}

func TestRecorder_ChannelsInTwoBridgesAreRefused(t *testing.T) {
	s := newStudio(t, nil)
	s.bridge.Remove(s.rec.Port(1))
	other := s.engine.NewBridge()
	if _, err := other.Add(s.rec.Port(1)); err == nil {
		t.Error("no error")
	}
	s.take(false)
}

func TestRecorder_FileKnowsWhoseItIs(t *testing.T) {
	s := newStudio(t, nil)
	s.tick(100)
	s.take(false)
	f, err := os.Open(s.path)
	must(t, err)
	defer func() { _ = f.Close() }()
	info, err := audio.ReadWAVInfo(f)
	if err != nil || info.Comment != "ringback recording r-1" || info.Rate != audio.Rate16k || info.Channels != 2 || info.Frames != 102*frame16k {
		t.Errorf("%+v %v", info, err)
	}
}

// Both sides of a recording cost the clock's goroutine nothing but the copying: what goes to
// the disk is another's.
func TestRecorder_NothingIsAllocatedForAFrame(t *testing.T) {
	frame20ms := recorded(t)
	for range 100 {
		frame20ms()
	}
	if n := testing.AllocsPerRun(500, frame20ms); n != 0 {
		t.Errorf("%v allocations for 20 ms of both sides", n)
	}
}

// Budget: 2 µs for 20 ms of both sides at 16 kHz.
func BenchmarkRecorder(b *testing.B) {
	frame20ms := recorded(b)
	b.ReportAllocs()
	for b.Loop() {
		frame20ms()
	}
}

// recorded is a recording that takes 20 ms of both sides with each call.
func recorded(b testing.TB) func() {
	b.Helper()
	e := NewEngine(EngineConfig{Rate: audio.Rate16k})
	b.Cleanup(func() { _ = e.Close() })
	f, err := os.Create(filepath.Join(b.TempDir(), "a.wav"))
	if err != nil {
		b.Fatal(err)
	}
	rec, err := e.NewRecorder(f, RecorderConfig{Channels: 2})
	if err != nil {
		b.Fatal(err)
	}
	sound, now := make(frame, frame16k), time.Now()
	bridge := e.NewBridge()
	for c := range 2 {
		if _, err := bridge.Add(rec.Port(c)); err != nil {
			b.Fatal(err)
		}
	}
	return func() {
		now = now.Add(audio.FrameTime)
		for c := range 2 {
			rec.Port(c).push(sound, now)
		}
	}
}

// syncedFile counts how often it is brought to the disk, and closed.
type syncedFile struct {
	*os.File
	gate          chan struct{}
	syncs, closes atomic.Int32
}

func (f *syncedFile) Write(b []byte) (int, error) {
	if f.gate != nil {
		<-f.gate
	}
	return f.File.Write(b)
}

func (f *syncedFile) Sync() error {
	f.syncs.Add(1)
	return f.File.Sync()
}

func (f *syncedFile) Close() error {
	f.closes.Add(1)
	return f.File.Close()
}

func TestRecorder_ComesToTheDiskEveryFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var disk *syncedFile
		s := newStudio(t, func(f *os.File) audio.WAVFile { disk = &syncedFile{File: f}; return disk })
		for range 60 * 50 / 10 {
			s.tick(10)
			synctest.Wait() // the writer has written all of it
		}
		s.take(false)
		if n := disk.syncs.Load(); n < 10 || n > 14 || disk.closes.Load() != 1 {
			t.Errorf("a minute was brought to the disk %d times, and closed %d times", n, disk.closes.Load())
		}
	})
}

func TestRecorder_DiskThatNeverAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var disk *syncedFile
		s := newStudio(t, func(f *os.File) audio.WAVFile { disk = &syncedFile{File: f}; return disk })
		s.tick(20)
		synctest.Wait()
		disk.gate = make(chan struct{})
		s.tick(100)
		synctest.Wait()
		from := time.Now()
		err := s.rec.Close()
		if !errors.Is(err, ErrDisk) || !strings.Contains(err.Error(), "may be damaged") {
			t.Errorf("close: %v", err)
		}
		must(t, s.engine.Close())
		if took := time.Since(from); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
		close(disk.gate) // the disk is back, too late: the file is closed after all
		synctest.Wait()
		if disk.closes.Load() != 1 {
			t.Error("the file stays open")
		}
	})
}

// TestRecorder_AtTheRateOfTheCall: a file at 8 kHz of a bridge at 16 kHz has both channels
// aligned, the length of the call, and nothing of a pause.
func TestRecorder_AtTheRateOfTheCall(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		e := NewEngine(EngineConfig{Rate: audio.Rate48k})
		t.Cleanup(func() { _ = e.Close() })
		path := filepath.Join(t.TempDir(), "a.wav")
		f, err := os.Create(path)
		must(t, err)
		rec, err := e.NewRecorder(f, RecorderConfig{Channels: 2, Rate: rate})
		must(t, err)
		b, player := e.NewBridge(), e.NewPlayer()
		player.PlayTone(audio.Sine(440, -12), nil)
		var slots []mixer.Slot
		for _, p := range []Port{player, rec.Port(0), rec.Port(1)} {
			slot, err := b.Add(p)
			must(t, err)
			slots = append(slots, slot)
		}
		must(t, b.SetRoutes([]mixer.Route{{From: slots[0], To: slots[1]}, {From: slots[0], To: slots[2]}}))
		now := time.Now()
		tick := func(n int) {
			for range n {
				b.work(now, 0)
				now = now.Add(audio.FrameTime)
			}
		}
		tick(100)
		from := rec.Pause(true)
		tick(50)
		until := rec.Pause(false)
		tick(50)
		must(t, rec.Close())
		data, err := os.ReadFile(path)
		must(t, err)
		clip, err := audio.ReadWAV(bytes.NewReader(data))
		must(t, err)
		if clip.Rate != rate || clip.Frames() != 4*rate || from != 2*time.Second || until != 3*time.Second || rec.Duration() != 4*time.Second {
			t.Errorf("%d Hz: %d samples at %d Hz, paused from %v to %v, %v long", rate, clip.Frames(), clip.Rate, from, until, rec.Duration())
		}
		left, right := clip.Channel(0).Samples, clip.Channel(1).Samples
		if !slices.Equal(left, right) {
			t.Errorf("%d Hz: the channels are not aligned", rate)
		}
		for _, v := range left[2*rate : 3*rate] {
			if v != 0 {
				t.Errorf("%d Hz: %d in the pause", rate, v)
				break
			}
		}
		if level := audio.LevelDBFS(left[rate : 2*rate]); math.Abs(level+12) > 0.5 {
			t.Errorf("%d Hz: the tone has %.1f dBFS", rate, level)
		}
	}
}
