package device

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// asleep fails when a device is at work.
func (d *desk) asleep(devices ...*fake) {
	d.t.Helper()
	<-time.After(100 * time.Millisecond)
	for _, f := range devices {
		if f.running.Load() != 0 {
			d.t.Errorf("%s is at work", f.name)
		}
	}
}

func TestSupervisor_Rests(t *testing.T) {
	for name, story := range map[string]func(d *desk, a, b *fake){
		"until it is woken it only looks": func(d *desk, a, b *fake) {
			d.next(0, "a", "")
			d.quiet(time.Minute)
			if d.asleep(a, b); a.starts.Load() != 0 {
				d.t.Error("a device was opened")
			}
			d.super.Wake()
			d.quiet(time.Second) // no news
			if d.heard() != 1 {
				d.t.Error("the best is not heard")
			}
		},
		"and stops at once when told": func(d *desk, a, b *fake) {
			d.next(0, "a", "")
			for range 3 {
				d.super.Wake()
				d.quiet(time.Second)
				d.super.Rest()
				d.asleep(a, b)
			}
			d.quiet(time.Minute)
		},
		"what is missing at the start is told once": func(d *desk, a, b *fake) {
			a.absent.Store(true)
			d.end()
			*d = *newDeskAt(d.t, true, a, b)
			d.next(0, "b", "a")
			d.super.Wake()
			d.quiet(time.Second)
			if d.heard() != 2 {
				d.t.Error("the second is not heard")
			}
		},
		"one that was plugged in meanwhile is taken": func(d *desk, a, b *fake) {
			a.absent.Store(true)
			d.end()
			*d = *newDeskAt(d.t, true, a, b)
			d.next(0, "b", "a")
			a.absent.Store(false)
			d.super.Wake()
			d.next(time.Second, "a", "")
		},
		"one that has gone meanwhile is told": func(d *desk, a, b *fake) {
			d.next(0, "a", "")
			a.absent.Store(true)
			d.super.Wake()
			d.next(time.Second, "b", "a")
			d.super.Rest()
			d.quiet(time.Minute)
			d.super.Wake()
			d.quiet(time.Minute)
		},
		"one that is lost as the rest begins is told": func(d *desk, a, b *fake) {
			d.next(0, "a", "")
			d.super.Wake()
			d.quiet(time.Second)
			a.absent.Store(true)
			a.broken <- errors.New("unplugged")
			synctest.Wait()
			d.super.Rest()
			d.next(time.Second, "b", "a")
			d.asleep(a)
		},
		"one that is still stopping is waited for": func(d *desk, a, b *fake) {
			d.next(0, "a", "")
			d.super.Wake()
			d.quiet(time.Second)
			a.hangs.Store(true)
			d.super.Rest()
			synctest.Wait()
			d.super.Wake()
			<-time.After(time.Second)
			if n := a.running.Load(); n != 1 {
				d.t.Errorf("%d streams of one device", n)
			}
			d.quiet(2 * time.Second)
			if a.hangs.Store(false); d.heard() != 1 {
				d.t.Error("it is not heard")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newFake("a", 1), newFake("b", 2)
				d := newDeskAt(t, true, a, b)
				story(d, a, b)
				d.end()
			})
		})
	}
}
