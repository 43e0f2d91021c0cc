package transport

import (
	"context"
	"testing"
	"time"
)

// A napper waits as long as it is to, whether or not its own timer can be had, and comes
// back to waiting behind one of the system's that had gone by.
func TestNapper(t *testing.T) {
	made := newNapper()
	if made.clock == nil {
		t.Fatal("no timer of the system")
	}
	defer made.close()
	for name, n := range map[string]napper{"with the system's timer": made, "without": {}} {
		for range 3 {
			began := time.Now()
			if n.nap(2 * time.Millisecond); time.Since(began) < 2*time.Millisecond {
				t.Errorf("%s: woke after %v", name, time.Since(began))
			}
		}
	}
	// Behind the runtime's timer, which a deadline far away stands for, the system's comes.
	if err := made.set(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := made.clock.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var times [8]byte
	if n, err := made.clock.Read(times[:]); n != 8 || err != nil {
		t.Errorf("the system's timer: %d bytes, %v", n, err)
	}
}

// KeepTime ends with its context, whether it waits or not.
func TestKeepTime(t *testing.T) {
	for _, every := range []time.Duration{time.Millisecond, time.Hour} {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		KeepTime(ctx, every)
		if ctx.Err() == nil {
			t.Errorf("every %v: it ended by itself", every)
		}
		cancel()
	}
}
