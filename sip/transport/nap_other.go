//go:build !linux

package transport

import (
	"context"
	"time"
)

// KeepTime is for Linux: elsewhere the runtime's timers have to do.
func KeepTime(context.Context, time.Duration) {}
