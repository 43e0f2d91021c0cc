//go:build unix

package main

import (
	"context"
	"os"
	"syscall"
	"testing"
)

func TestFirstSignalAsksAndSecondEnds(t *testing.T) {
	code := make(chan int, 1)
	ctx, stop := untilSignal(context.Background(), func(n int) { code <- n })
	defer stop()
	signal := func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	signal()
	<-ctx.Done()
	select {
	case n := <-code:
		t.Fatalf("the first signal ended the process with %d", n)
	default:
	}
	signal()
	if got := <-code; got != 128+int(syscall.SIGTERM) {
		t.Errorf("exit code %d", got)
	}
}
