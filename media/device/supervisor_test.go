package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ringback/media/audio"
)

// fake is a device whose troubles a test decides on.
type fake struct {
	name    string
	absent  atomic.Bool // does not start
	silent  atomic.Bool // starts, but nothing moves
	deaf    atomic.Bool // captures, but plays nothing
	hangs   atomic.Bool // Stop takes 2 s
	panics  atomic.Bool // in Start
	starts  atomic.Int32
	running atomic.Int32
	sample  int16 // what its microphone hears
	broken  chan error
}

func newFake(name string, sample int16) *fake {
	return &fake{name: name, sample: sample, broken: make(chan error, 1)}
}

func (f *fake) Name() string { return f.name }

func (f *fake) Find(IO) error {
	if f.absent.Load() {
		return fmt.Errorf("find %s: not there", f.name)
	}
	return nil
}

func (f *fake) Start(io IO) (Stream, error) {
	f.starts.Add(1)
	if f.panics.Load() {
		panic("driver bug")
	}
	if f.absent.Load() {
		return nil, fmt.Errorf("start %s: not there", f.name)
	}
	f.running.Add(1)
	s := &fakeStream{f: f, stop: make(chan struct{}), done: make(chan struct{})}
	go s.run(io)
	return s, nil
}

type fakeStream struct {
	f                *fake
	captured, played atomic.Uint64
	stop, done       chan struct{}
}

func (s *fakeStream) run(io IO) {
	defer close(s.done)
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	frame := make([]int16, 160)
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
		}
		if s.f.silent.Load() {
			continue
		}
		for i := range frame {
			frame[i] = s.f.sample
		}
		io.Capture.Write(frame)
		s.captured.Add(160)
		if !s.f.deaf.Load() {
			io.Playback.Read(frame)
			s.played.Add(160)
		}
	}
}

func (s *fakeStream) Frames() (uint64, uint64) { return s.captured.Load(), s.played.Load() }
func (s *fakeStream) Failed() <-chan error     { return s.f.broken }

func (s *fakeStream) Stop() error {
	var err error
	if s.f.hangs.Load() {
		<-time.After(2 * time.Second)
		err = errors.New("hangs")
	}
	close(s.stop)
	<-s.done
	s.f.running.Add(-1)
	return err
}

// desk is a supervisor at work in a bubble of virtual time.
type desk struct {
	t       *testing.T
	super   *Supervisor
	changes chan Change
	mic     *audio.Ring
	start   time.Time
	log     *bytes.Buffer // to be read after end
	end     func()
}

func newDesk(t *testing.T, devices ...*fake) *desk { return newDeskAt(t, false, devices...) }

func newDeskAt(t *testing.T, rest bool, devices ...*fake) *desk {
	list := make([]Device, len(devices))
	for i, f := range devices {
		list[i] = f
	}
	d := newDeskOf(t, rest, list...)
	end := d.end
	d.end = func() {
		end()
		for _, f := range devices {
			if n := f.running.Load(); n != 0 {
				t.Errorf("%s: %d streams are left behind", f.name, n)
			}
		}
	}
	return d
}

func newDeskOf(t *testing.T, rest bool, list ...Device) *desk {
	d := &desk{t: t, changes: make(chan Change, 100), mic: audio.NewRing(1 << 16), start: time.Now(), log: new(bytes.Buffer)}
	d.super = NewSupervisor(SupervisorConfig{
		Log:     slog.New(slog.NewTextHandler(d.log, nil)),
		Devices: list, Resting: rest, OnChange: func(c Change) { d.changes <- c },
		IO: IO{Rate: 8000, Capture: d.mic, Playback: audio.NewRing(1024)},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); d.super.Run(ctx) }()
	d.end = func() {
		cancel()
		<-done
	}
	return d
}

// next waits for a change and fails unless it comes within a time and reads as
// wanted: device in use, device lost.
func (d *desk) next(within time.Duration, device, lost string) Change {
	d.t.Helper()
	from := time.Now()
	select {
	case c := <-d.changes:
		if c.Device != device || c.Lost != lost || (c.Err != nil) != (lost != "") {
			d.t.Fatalf("after %v: change %+v, want %q in use and %q lost", time.Since(d.start), c, device, lost)
		}
		if d.super.Current() != device {
			d.t.Fatalf("current is %q, want %q", d.super.Current(), device)
		}
		if took := time.Since(from); took > within {
			d.t.Errorf("%q after %v, want %v", device, took, within)
		}
		return c
	case <-time.After(10 * time.Second):
		d.t.Fatalf("no change to %q", device)
	}
	return Change{}
}

// quiet fails when a change comes within a time.
func (d *desk) quiet(during time.Duration) {
	d.t.Helper()
	select {
	case c := <-d.changes:
		d.t.Fatalf("unasked change %+v", c)
	case <-time.After(during):
	}
}

// heard returns the one value that the microphone hears from now on.
func (d *desk) heard() int16 {
	d.t.Helper()
	d.mic.Skip(d.mic.Len())
	<-time.After(100 * time.Millisecond)
	frame := make([]int16, d.mic.Len())
	d.mic.Read(frame)
	for _, x := range frame {
		if x != frame[0] {
			d.t.Fatal("two devices are heard at once")
		}
	}
	if len(frame) < 480 || len(frame) > 960 {
		d.t.Fatalf("%d samples in 100 ms", len(frame))
	}
	return frame[0]
}

func TestSupervisor(t *testing.T) {
	for name, story := range map[string]func(d *desk, a, b *fake){
		"the best one is taken": func(d *desk, a, b *fake) {
			d.next(100*time.Millisecond, "a", "")
			d.quiet(5 * time.Second)
			if b.starts.Load() != 0 || d.heard() != 1 {
				d.t.Error("the second is at work as well")
			}
		},
		"one that says it failed gives way at once": func(d *desk, a, b *fake) {
			d.next(100*time.Millisecond, "a", "")
			a.absent.Store(true)
			a.broken <- errors.New("unplugged")
			if c := d.next(100*time.Millisecond, "b", "a"); c.Err.Error() != "unplugged" {
				d.t.Errorf("reason %v", c.Err)
			}
			if d.heard() != 2 {
				d.t.Error("the second is not heard")
			}
		},
		"one that goes silent gives way within a second": func(d *desk, a, b *fake) {
			d.next(100*time.Millisecond, "a", "")
			a.silent.Store(true)
			d.next(1300*time.Millisecond, "b", "a")
		},
		"one that no longer plays gives way": func(d *desk, a, b *fake) {
			d.next(100*time.Millisecond, "a", "")
			a.deaf.Store(true)
			d.next(1300*time.Millisecond, "b", "a")
		},
		"one that hangs while it stops delays nobody": func(d *desk, a, b *fake) {
			d.next(100*time.Millisecond, "a", "")
			a.hangs.Store(true)
			a.silent.Store(true)
			d.next(1300*time.Millisecond, "b", "a")
			a.silent.Store(false) // it speaks again inside of its library
			if d.heard() != 2 {
				d.t.Error("the lost one still reaches the ring")
			}
		},
		"the better one is taken back within a second of its return": func(d *desk, a, b *fake) {
			d.next(100*time.Millisecond, "a", "")
			a.absent.Store(true)
			a.broken <- errors.New("unplugged")
			d.next(100*time.Millisecond, "b", "a")
			d.quiet(10 * time.Second)
			a.absent.Store(false)
			d.next(1200*time.Millisecond, "a", "")
			if d.heard() != 1 || b.running.Load() != 0 {
				d.t.Error("the second is still at work")
			}
		},
		"one that was never there is asked for less and less": func(d *desk, a, b *fake) {
			a.absent.Store(true)
			d.end()
			a.starts.Store(0)
			*d = *newDesk(d.t, a, b)
			d.next(200*time.Millisecond, "b", "a")
			d.quiet(60 * time.Second)
			if n := a.starts.Load(); n < 10 || n > 20 {
				d.t.Errorf("asked for %d times in a minute", n)
			}
			a.absent.Store(false)
			d.next(6*time.Second, "a", "")
		},
		"a better one that starts but stays silent is not taken": func(d *desk, a, b *fake) {
			d.next(100*time.Millisecond, "a", "")
			a.silent.Store(true)
			d.next(1300*time.Millisecond, "b", "a")
			d.quiet(10 * time.Second)
			if d.heard() != 2 {
				d.t.Error("the second is not heard meanwhile")
			}
			a.silent.Store(false)
			d.next(5*time.Second, "a", "")
		},
		"none that works is said once, and mends": func(d *desk, a, b *fake) {
			d.next(100*time.Millisecond, "a", "")
			a.absent.Store(true)
			b.absent.Store(true)
			a.broken <- errors.New("unplugged")
			d.next(100*time.Millisecond, "", "a")
			d.quiet(10 * time.Second)
			b.absent.Store(false)
			d.next(6*time.Second, "b", "")
		},
		"one whose code panics is one that does not start": func(d *desk, a, b *fake) {
			d.end()
			a.panics.Store(true)
			*d = *newDesk(d.t, a, b)
			d.next(200*time.Millisecond, "b", "a")
			d.end()
			if log := d.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "supervisor_test.go") {
				d.t.Errorf("the log says nothing of where:\n%s", log)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newFake("a", 1), newFake("b", 2)
				d := newDesk(t, a, b)
				story(d, a, b)
				d.end()
			})
		})
	}
}

func TestSupervisor_EndsWhileADeviceStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFake("a", 1)
		a.silent.Store(true)
		d := newDesk(t, a)
		<-time.After(time.Second)
		began := time.Now()
		d.end()
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

func TestSupervisor_OnlyAnEar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		devices, err := ParsePreference([]string{"portaudio:no such thing", "null"})
		if err != nil {
			t.Fatal(err)
		}
		changes := make(chan Change, 10)
		ring := audio.NewRing(1600)
		s := NewSupervisor(SupervisorConfig{Devices: devices[1:], IO: IO{Rate: 8000, Playback: ring}, OnChange: func(c Change) { changes <- c }})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		if c := <-changes; c.Device != "null" {
			t.Errorf("change %+v", c)
		}
		ring.Write(make([]int16, 1600))
		<-time.After(300 * time.Millisecond)
		if ring.Len() != 0 {
			t.Errorf("%d samples were not played", ring.Len())
		}
		cancel()
		<-done
	})
}

func TestGate_CutsForGood(t *testing.T) {
	mic, ear := audio.NewRing(64), audio.NewRing(64)
	io, g := wrap(IO{Rate: 8000, Capture: mic, Playback: ear})
	ear.Write(make([]int16, 10))
	buf := make([]int16, 10)
	if n := io.Capture.Write(buf); n != 10 || mic.Len() != 0 || io.Playback.Read(buf) != 0 {
		t.Error("a gate that is shut lets sound through")
	}
	g.pass()
	if ear.Len() != 0 {
		t.Error("what was said before is still to be heard")
	}
	ear.Write(buf)
	if io.Capture.Write(buf); mic.Len() != 10 || io.Playback.Read(buf) != 10 {
		t.Error("a gate that is open does not")
	}
	g.cut()
	ear.Write(buf)
	g.pass()
	if ear.Len() != 10 {
		t.Error("a gate that was cut takes what another is to play")
	}
	if io.Capture.Write(buf); mic.Len() != 10 || io.Playback.Read(buf) != 0 {
		t.Error("a gate that was cut opens again")
	}
	if io, _ := wrap(IO{Rate: 8000}); io.Capture != nil || io.Playback != nil {
		t.Error("a ring that is not wanted is handed out")
	}
}

func TestList_BuiltInIsThere(t *testing.T) {
	list, _ := List()
	if len(list) == 0 || list[len(list)-1].Name != "null" {
		t.Errorf("got %+v", list)
	}
	for _, info := range list {
		if _, err := Parse(info.Name); err != nil {
			t.Errorf("%q is listed, yet %v", info.Name, err)
		}
		if strings.TrimSpace(info.Name) == "" {
			t.Errorf("no name: %+v", info)
		}
	}
}
