//go:build !linux

package transport

import (
	"context"
	"time"
)

// napper waits: elsewhere by the runtime's timers.
type napper struct{}

func newNapper() napper { return napper{} }

func (napper) nap(d time.Duration) { time.Sleep(d) }

func (napper) close() {}

// KeepTime is for Linux: elsewhere the runtime's timers have to do.
func KeepTime(context.Context, time.Duration) {}
