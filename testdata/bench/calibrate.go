package main

import (
	"runtime"
	"syscall"
)

// The calibrator is the CPU time of one send and receive of 172 bytes on loopback, in µs.
// The machine's speed moves by 40 % within minutes; figures are given as if it was
// standard, at which the specification's were taken.
const (
	standard = 5.15
	rounds   = 20_000
)

// calibrate measures it on this thread; 0 where it cannot be.
func calibrate() float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	in, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return 0
	}
	defer syscall.Close(in)
	local := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	if syscall.Bind(in, local) != nil {
		return 0
	}
	addr, err := syscall.Getsockname(in)
	if err != nil {
		return 0
	}
	packet := make([]byte, 172)
	begin := threadCPU()
	for range rounds {
		if syscall.Sendto(in, packet, 0, addr) != nil {
			return 0
		}
		if _, _, err := syscall.Recvfrom(in, packet, 0); err != nil {
			return 0
		}
	}
	return (threadCPU() - begin) * 1e6 / rounds
}

func threadCPU() float64 {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if syscall.Getrusage(thread, &u) != nil {
		return 0
	}
	return seconds(u.Utime) + seconds(u.Stime)
}

// disturbed says that the machine was not the same before and after a run.
func disturbed(before, after float64) bool {
	low, high := min(before, after), max(before, after)
	return low <= 0 || high > 1.25*low
}
