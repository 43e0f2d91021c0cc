package device

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSupervisor_Use: another list is taken while a device is at work, which goes on until
// the first of the new one does; why that does not is said, and it is taken when it comes.
func TestSupervisor_Use(t *testing.T) {
	for name, story := range map[string]func(d *desk, use func(...*fake) error, a, b *fake){
		"the first of the new list": func(d *desk, use func(...*fake) error, a, b *fake) {
			if err := use(b, a); err != nil {
				d.t.Error(err)
			}
			d.next(0, "b", "")
			d.quiet(5 * time.Second)
			if d.heard() != 2 || a.running.Load() != 0 {
				d.t.Error("the one before is still at work")
			}
		},
		"one that is no part of the new list": func(d *desk, use func(...*fake) error, a, b *fake) {
			if err := use(b); err != nil {
				d.t.Error(err)
			}
			d.next(0, "b", "")
			if err := use(newFake("c", 3)); err != nil || d.super.Current() != "c" {
				d.t.Errorf("%v, and %s is at work", err, d.super.Current())
			}
		},
		"the one at work": func(d *desk, use func(...*fake) error, a, b *fake) {
			if err := use(a, b); err != nil || a.starts.Load() != 1 {
				d.t.Errorf("%v, and it was started %d times", err, a.starts.Load())
			}
			d.quiet(5 * time.Second)
		},
		"one that is not there yet": func(d *desk, use func(...*fake) error, a, b *fake) {
			b.absent.Store(true)
			if err := use(b, a); err == nil || !strings.Contains(err.Error(), "not there") {
				d.t.Errorf("used: %v", err)
			}
			if d.quiet(3 * time.Second); d.heard() != 1 {
				d.t.Error("the one at work does not go on")
			}
			b.absent.Store(false)
			d.next(10*time.Second, "b", "")
		},
		"behind one that comes back": func(d *desk, use func(...*fake) error, a, b *fake) {
			if err := use(b, a); err != nil {
				d.t.Error(err)
			}
			d.next(0, "b", "")
			b.absent.Store(true)
			b.broken <- errors.New("unplugged")
			d.next(100*time.Millisecond, "a", "b")
			b.absent.Store(false)
			d.next(2*time.Second, "b", "")
		},
		"at rest": func(d *desk, use func(...*fake) error, a, b *fake) {
			d.super.Rest()
			d.quiet(time.Second)
			if err := use(b, a); err != nil || b.starts.Load() != 0 {
				d.t.Errorf("%v, and it was started %d times", err, b.starts.Load())
			}
			d.next(0, "b", "")
			d.super.Wake()
			d.quiet(time.Second)
			if d.heard() != 2 {
				d.t.Error("it is not at work when it is needed")
			}
		},
		"one that is not there, at rest": func(d *desk, use func(...*fake) error, a, b *fake) {
			d.super.Rest()
			d.quiet(time.Second)
			b.absent.Store(true)
			if err := use(b, a); err == nil || !strings.Contains(err.Error(), "not there") {
				d.t.Errorf("used: %v", err)
			}
			d.next(0, "a", "b")
		},
		"another one meanwhile": func(d *desk, use func(...*fake) error, a, b *fake) {
			b.silent.Store(true) // it starts, and takes 3 s to fail
			first := make(chan error, 1)
			go func() { first <- use(b, a) }()
			<-time.After(time.Second)
			if err := use(newFake("c", 3), a); err != nil {
				d.t.Error(err)
			}
			if err := <-first; err == nil {
				d.t.Error("the first is said to be at work")
			}
			d.next(0, "c", "")
		},
		"a phone that ends": func(d *desk, use func(...*fake) error, a, b *fake) {
			d.end()
			if err := use(b, a); !errors.Is(err, errEnded) {
				d.t.Errorf("%v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newFake("a", 1), newFake("b", 2)
				d := newDesk(t, a)
				defer func() { d.end() }()
				d.next(100*time.Millisecond, "a", "")
				story(d, func(list ...*fake) error {
					devices := make([]Device, len(list))
					for i, f := range list {
						devices[i] = f
					}
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					defer cancel()
					return d.super.Use(ctx, devices)
				}, a, b)
			})
		})
	}
}
