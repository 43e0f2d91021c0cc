package device

import "time"

// A direction that stands still for so much of Stall is told: before the device is given
// up, and later than a loaded machine hesitates. While no device is at work it is the
// whole, which a start may take.
const (
	stallTold = 3
	stallOf   = 5
)

// Flow says which directions sound moves in. One that is not wanted, and a device at rest,
// stand still for nobody: they count as moving.
type Flow struct {
	Microphone bool // what it hears is delivered
	Ear        bool // what is to be played is taken
}

// flowing follows how long each direction has stood still. It belongs to Run.
type flowing struct {
	captured, played uint64
	heard, spoken    time.Time // when frames last moved, each way; at rest, when that ended
	told             Flow
}

// moved takes a stream's counters. A wanted direction is one that can stand still.
func (f *flowing) moved(captured, played uint64, wanted IO, now time.Time) {
	if captured != f.captured || wanted.Capture == nil {
		f.captured, f.heard = captured, now
	}
	if played != f.played || wanted.Playback == nil {
		f.played, f.spoken = played, now
	}
}

// anew begins to count: with a stream that has just moved these, or with none.
func (f *flowing) anew(captured, played uint64, now time.Time) {
	f.captured, f.played, f.heard, f.spoken = captured, played, now, now
}

// stood is the longer of the times for which a direction has stood still.
func (f *flowing) stood(now time.Time) time.Duration {
	return max(now.Sub(f.heard), now.Sub(f.spoken))
}

// is says which directions move, when standing still for limit is none.
func (f *flowing) is(limit time.Duration, now time.Time) Flow {
	return Flow{Microphone: now.Sub(f.heard) < limit, Ear: now.Sub(f.spoken) < limit}
}

// tellFlow tells of a direction that has come to a stand, whether or not a device is at
// work, and of one that moves again.
func (s *Supervisor) tellFlow() {
	now := time.Now()
	if s.live == nil && (s.cfg.IO.Capture == nil || s.resting.Load()) {
		s.flow.heard = now
	}
	if s.live == nil && (s.cfg.IO.Playback == nil || s.resting.Load()) {
		s.flow.spoken = now
	}
	limit := s.cfg.Stall
	if s.live != nil {
		limit = limit * stallTold / stallOf
	}
	if is := s.flow.is(limit, now); is != s.flow.told {
		s.flow.told = is
		s.cfg.OnFlow(is)
	}
}
