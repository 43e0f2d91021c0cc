//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A terminal that is closed is asked of the phone like an end: calls get their BYE.
func TestFirstSignalAsks(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			held := make(chan os.Signal, 2)
			signal.Notify(held, sig) // else a SIGHUP that whoever runs the test ignores (nohup) stays ignored
			defer signal.Stop(held)
			code := make(chan int, 1)
			ctx, stop := untilSignal(context.Background(), func(n int) { code <- n })
			defer stop()
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				t.Fatal(err)
			}
			<-ctx.Done()
			select {
			case n := <-code:
				t.Fatalf("the first signal ended the process with %d", n)
			default:
			}
		})
	}
}

// Whoever reads the logs may go away: the process is still there after a write to him.
func TestBrokenPipeEndsNothing(t *testing.T) {
	if os.Getenv("RINGBACK_TEST_STDERR") != "" {
		_, stop := untilSignal(context.Background(), os.Exit)
		defer stop()
		_, err := os.Stderr.WriteString("a line\n")
		if !errors.Is(err, syscall.EPIPE) {
			os.Exit(3)
		}
		os.Exit(7)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestBrokenPipeEndsNothing$")
	child.Env, child.Stderr = append(os.Environ(), "RINGBACK_TEST_STDERR=1"), w
	err = child.Run()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() != 7 {
		t.Errorf("the child ended with %v, not with 7", err)
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
		signals <- syscall.SIGHUP // by which nobody insists: a shell and the system each tell of a terminal that is closed
		synctest.Wait()
		if asked != 2 || code != 0 {
			t.Fatalf("asked %d times, ended with %d, by SIGHUP", asked, code)
		}
		signals <- syscall.SIGTERM
		synctest.Wait()
		if asked != 2 || code != 128+int(syscall.SIGTERM) {
			t.Errorf("asked %d times, ended with %d", asked, code)
		}
	})
}
