package media

import (
	"sync"
	"time"

	"ringback/media/audio"
	"ringback/media/mixer"
)

type frame = audio.Frame

// Port is what may sit in a slot of a Bridge: Session, DevicePort, Player,
// Recorder or Meter.
type Port interface {
	// Slot is the port's place in its bridge; mixer.None when it is in none.
	Slot() mixer.Slot

	attach(b *Bridge, slot mixer.Slot) error
	detach()
	pull(dst frame, now time.Time, skipped int) // what it says; dst is to be filled
	push(src frame, now time.Time)              // what it hears; src is not kept
	fail(err error)
	flush() func() // what it has to tell once the locks are released; or nil
	rests() bool   // it says nothing, and hears nothing that it would act on, until it rouses its bridge
}

// seat is a port's place. Whoever embeds it guards it.
type seat struct {
	bridge *Bridge
	slot   mixer.Slot
}

func (s *seat) take(b *Bridge, slot mixer.Slot) error {
	if s.bridge != nil {
		return ErrInUse
	}
	s.bridge, s.slot = b, slot
	return nil
}

func (s *seat) leave() { s.bridge, s.slot = nil, mixer.None }

// rouse has the bridge of a port, if it is in one, worked on again.
func rouse(mu *sync.Mutex, s *seat) {
	mu.Lock()
	b := s.bridge
	mu.Unlock()
	if b != nil {
		b.rouse()
	}
}
