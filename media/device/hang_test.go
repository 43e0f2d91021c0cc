package device

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is a device whose calls do not come back until they are let go.
type stuck struct {
	*fake
	start, stop, find bool // which of them
	free              chan struct{}
	calls             atomic.Int32 // that are out
}

func (d *stuck) hang() {
	d.calls.Add(1)
	<-d.free
	d.calls.Add(-1)
}

func (d *stuck) Find(io IO) error {
	if d.find {
		d.hang()
	}
	return d.fake.Find(io)
}

func (d *stuck) Start(io IO) (Stream, error) {
	if d.start {
		d.hang()
	}
	s, err := d.fake.Start(io)
	return stuckStream{s, d}, err
}

type stuckStream struct {
	Stream
	d *stuck
}

func (s stuckStream) Stop() error {
	if s.d.stop {
		s.d.hang()
	}
	return s.Stream.Stop()
}

// Those who waited for a call that hung are let in one after the other.
func TestWatchdog_OneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatchdog(hangLimit, nil)
		var in, calls atomic.Int32
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				err := w.call(func() error {
					if in.Add(1) != 1 {
						t.Error("two are in")
					}
					calls.Add(1)
					time.Sleep(time.Second)
					in.Add(-1)
					return nil
				}, nil)
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if calls.Load() != 4 {
			t.Errorf("%d calls", calls.Load())
		}
	})
}

// A device whose calls never come back holds up nobody: the next of the list is at work
// within seconds, one call is out at most, and the end waits for it some seconds.
func TestSupervisor_ADeviceThatHangs(t *testing.T) {
	for _, row := range []struct {
		name string
		dev  *stuck
	}{{"in Start", &stuck{start: true}}, {"in Stop", &stuck{stop: true}}, {"in Find", &stuck{find: true, start: true}}} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad := row.dev
				bad.fake, bad.free = newFake("bad", 1), make(chan struct{})
				good := newFake("good", 2)
				d := newDeskOf(t, false, bad, good)
				if bad.stop {
					d.until("bad")
					bad.silent.Store(true)
				}
				d.until("good")
				<-time.After(5 * time.Minute)
				if s := d.super.Current(); s != "good" || good.running.Load() != 1 || bad.calls.Load() != 1 {
					t.Errorf("%s is at work, %d calls hang", s, bad.calls.Load())
				}
				began := time.Now()
				d.end()
				if took := time.Since(began); took >= hangLimit {
					t.Errorf("the end took %v", took)
				}
				close(bad.free)
				synctest.Wait()
				if bad.running.Load() != 0 {
					t.Error("what came back late was not stopped")
				}
			})
		})
	}
}

// The end of the phone is not the device's to hold up.
func TestSupervisor_ADeviceThatHangsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := &stuck{fake: newFake("bad", 1), stop: true, free: make(chan struct{})}
		d := newDeskOf(t, false, bad)
		d.until("bad")
		began := time.Now()
		d.end()
		if took := time.Since(began); bad.calls.Load() != 1 || took >= hangLimit {
			t.Errorf("%d calls hang, and the end took %v", bad.calls.Load(), took)
		}
		close(bad.free)
		synctest.Wait()
		if bad.running.Load() != 0 {
			t.Error("what came back late was not stopped")
		}
	})
}

// until waits for a device to be at work.
func (d *desk) until(device string) {
	d.t.Helper()
	for {
		select {
		case c := <-d.changes:
			if c.Device == device {
				return
			}
		case <-time.After(30 * time.Second):
			d.t.Fatalf("%s is not put to work", device)
		}
	}
}
