//go:build unix

package main

import (
	"context"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestFirstSignalAsks(t *testing.T) {
	code := make(chan int, 1)
	ctx, stop := untilSignal(context.Background(), func(n int) { code <- n })
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	select {
	case n := <-code:
		t.Fatalf("the first signal ended the process with %d", n)
	default:
	}
}

// What comes right behind the first signal is the same one once more, as timeout(1) sends
// it; a second one ends the process.
func TestSecondSignalEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals, asked, code := make(chan os.Signal), 0, 0
		go watchSignals(signals, nil, func() { asked++ }, func(n int) { code = n })
		signals <- syscall.SIGINT
		signals <- syscall.SIGINT
		<-time.After(sameSignal - time.Millisecond)
		signals <- syscall.SIGTERM
		synctest.Wait()
		if asked != 1 || code != 0 {
			t.Fatalf("asked %d times, ended with %d", asked, code)
		}
		<-time.After(time.Millisecond)
		signals <- syscall.SIGTERM
		synctest.Wait()
		if asked != 1 || code != 128+int(syscall.SIGTERM) {
			t.Errorf("asked %d times, ended with %d", asked, code)
		}
	})
}
