package transport

import (
	"cmp"
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// napper waits by the runtime's timers, and behind them by one of the system. A collection
// of garbage works on whenever a processor has nothing else to do, and looks up for what
// the network brings, but not for the runtime's timers: those come late by 10 ms and more
// meanwhile (Go 1.26). When a napper wakes it looks at all of them.
type napper struct{ clock *os.File } // nil: the runtime's timers have to do

// napSlack is how late the runtime may be until the system's timer wakes it.
const napSlack = time.Millisecond

func newNapper() napper {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return napper{}
	}
	return napper{os.NewFile(uintptr(fd), "timerfd")}
}

// nap waits. One at a time.
func (n napper) nap(d time.Duration) {
	until := time.Now().Add(d)
	if n.set(d+napSlack) == nil && n.clock.SetReadDeadline(until) == nil {
		var times [8]byte
		_, _ = n.clock.Read(times[:]) // the deadline's error is the usual end
	}
	time.Sleep(time.Until(until))
}

// KeepTime wakes the runtime every so often until ctx ends, for a program whose timers wait
// for nothing that comes by the network as often. It returns at once where the system
// gives no timer.
func KeepTime(ctx context.Context, every time.Duration) {
	n := newNapper()
	if n.clock == nil {
		return
	}
	defer n.close()
	defer context.AfterFunc(ctx, n.close)() // which ends the reading
	var times [8]byte
	for n.set(every) == nil {
		if _, err := n.clock.Read(times[:]); err != nil {
			return
		}
	}
}

func (n napper) set(d time.Duration) error {
	raw, err := n.clock.SyscallConn()
	if err != nil {
		return err
	}
	once := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	var refused error
	err = raw.Control(func(fd uintptr) { refused = unix.TimerfdSettime(int(fd), 0, &once, nil) })
	return cmp.Or(err, refused)
}

func (n napper) close() { _ = n.clock.Close() } // of nothing that is kept; nil is closed already
