package device

import (
	"context"
	"errors"
	"time"
)

const (
	outsideLimit = 5 * time.Second  // for a look from outside
	outsideEvery = 15 * time.Second // where nothing tells that devices have come or gone
	outsideAgain = 3                // looks after a change: a device can be opened some time after it has come
)

// errRenewed is how the streams of a library that is to look for devices anew end: they are
// started again at once.
var errRenewed = errors.New("the sound system is looked through for a new device")

// newcomer is a Device whose library does not see what is plugged in while it has streams
// open.
type newcomer interface {
	// unseen says that the list, which another process has just made, has the device, and
	// that of the library here does not. It may take some seconds.
	unseen(io IO, list []Info) bool
	// renew has the library look anew: all its streams fail with errRenewed, and the next
	// Start of any waits until they are closed.
	renew() error
}

// outside is what is known of looks from another process. It belongs to Run.
type outside struct {
	busy  bool
	mark  string    // of the devices at the last look
	again int       // looks to come, though the mark is the same
	next  time.Time // mark, not before
	due   time.Time // look, where there are no marks
	back  chan sight
}

// sight is what came of a look.
type sight struct {
	at     int    // place in the list of what has come; -1: nothing
	mark   string // of the devices before it
	looked bool   // another process was asked
}

// lookOutside looks, beside Run, whether a device that is better than the one at work has
// come since their library listed devices: when those of the system have changed or, where
// it does not tell, now and then. Only another process can see it: the library here would
// have to close what is at work.
func (s *Supervisor) lookOutside(ctx context.Context) {
	if s.cfg.Outside == nil || s.outside.busy || s.live == nil || s.live.at == 0 {
		return
	}
	if _, is := s.cfg.Devices[s.live.at].(newcomer); !is {
		return // nothing of the library is open for this, so that each start lists devices
	}
	now := time.Now()
	if now.Before(s.outside.next) {
		return
	}
	limit, before, due := s.live.at, s.outside, !now.Before(s.outside.due)
	s.outside.busy, s.outside.next = true, now.Add(s.cfg.Retry)
	s.tasks.Go(func() {
		mark, tells := s.cfg.Mark()
		found := sight{at: -1, mark: mark, looked: tells && (mark != before.mark || before.again > 0) || !tells && due}
		if found.looked {
			found.at = s.newcomer(ctx, limit)
		}
		before.back <- found
	})
}

// newcomer is the place of the first of the list before limit that has come, or -1.
func (s *Supervisor) newcomer(ctx context.Context, limit int) int {
	ctx, cancel := context.WithTimeout(ctx, outsideLimit)
	defer cancel()
	list, err := s.cfg.Outside(ctx)
	if err != nil {
		s.cfg.Log.Debug("audio devices cannot be listed by another process", "err", err)
	}
	for at, d := range s.cfg.Devices[:limit] {
		if n, is := d.(newcomer); is && n.unseen(s.cfg.IO, list) {
			return at
		}
	}
	return -1
}

// sighted moves to a device that has come.
func (s *Supervisor) sighted(found sight) {
	o := &s.outside
	o.busy = false
	if found.looked {
		o.again--
		if found.mark != o.mark {
			o.again = outsideAgain
		}
		o.mark, o.due = found.mark, time.Now().Add(outsideEvery)
	}
	if found.looked && found.at != 0 && s.refused != nil {
		s.answer(s.refused)
	}
	if found.at < 0 || s.live == nil || s.live.at <= found.at || s.resting.Load() {
		return
	}
	name := s.cfg.Devices[found.at].Name()
	if err := s.cfg.Devices[found.at].(newcomer).renew(); err != nil {
		s.cfg.Log.Warn("audio device that has come cannot be started", "device", name, "err", err)
		return
	}
	s.cfg.Log.Info("audio device has come", "device", name)
	s.places[found.at].next = time.Time{}
	s.yield()
}

// yield stops the device at work, to be started again at once unless a better one is there.
// None was lost, which is why nothing is told.
func (s *Supervisor) yield() {
	s.places[s.live.at].next = time.Time{}
	s.drop()
}
