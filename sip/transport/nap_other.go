//go:build !linux

package transport

import "time"

// napper waits: elsewhere by the runtime's timers.
type napper struct{}

func newNapper() napper { return napper{} }

func (napper) nap(d time.Duration) { time.Sleep(d) }

func (napper) close() {}
