package device

import (
	"context"
	"log/slog"
	"time"
)

// Change tells that another device is in use than before.
type Change struct {
	Device string // in use now; "" when none of the list works
	Lost   string // the device that failed; "" when a better one has come back
	Err    error  // why Lost failed
}

// SupervisorConfig says which devices to keep at work.
type SupervisorConfig struct {
	Devices  []Device      // by preference
	IO       IO            // the phone's side, the same for all
	OnChange func(Change)  // on the supervisor's goroutine: must only post
	Log      *slog.Logger  // nil: none
	Retry    time.Duration // between looks for a better device, default 1 s
	Stall    time.Duration // without frames a device has failed, default 500 ms
}

// Supervisor keeps the best device of a preference list at work.
type Supervisor struct{ cfg SupervisorConfig }

// NewSupervisor returns a supervisor that Run starts.
func NewSupervisor(cfg SupervisorConfig) *Supervisor { return &Supervisor{cfg: cfg} }

// Run keeps a device at work until ctx is done; it returns when no goroutine
// touches IO any more.
func (s *Supervisor) Run(ctx context.Context) { <-ctx.Done() }

// Current names the device in use, "" for none. Any goroutine.
func (s *Supervisor) Current() string { return "" }
