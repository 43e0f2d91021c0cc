package device

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Times of a Supervisor.
const (
	defaultRetry = time.Second
	defaultStall = time.Second
	firstFrame   = 3 * time.Second // sound servers may take two
	maxPatience  = 5               // times Retry, for a device that has never worked
	checks       = 5               // looks at the flow in each Stall
	flowPoll     = 10 * time.Millisecond
)

// Change tells that another device is in use than before.
type Change struct {
	Device string // in use now; "" when none of the list works
	Lost   string // the device that failed or, at first, could not be started; "" when none did
	Err    error  // why Lost failed
}

// SupervisorConfig says which devices to keep at work.
type SupervisorConfig struct {
	Devices  []Device     // by preference
	IO       IO           // the phone's side, the same for all
	OnChange func(Change) // on the supervisor's goroutine: must only post
	OnFlow   func(Flow)   // as OnChange: a direction has come to a stand, or moves again
	Log      *slog.Logger // nil: none

	// Outside lists the devices in another process, whose library sees what was plugged in
	// since that of this one has streams open; nil: such a device is seen once they are closed.
	Outside func(context.Context) ([]Info, error)
	// Mark is another text once devices of the system have come or gone, where it tells; nil:
	// SystemMark.
	Mark func() (mark string, tells bool)

	Resting bool          // at rest until Wake
	Retry   time.Duration // between looks for a better device, default 1 s
	Stall   time.Duration // without frames a device has failed, default 1 s
}

// Supervisor keeps the best device of a preference list at work.
type Supervisor struct {
	cfg     SupervisorConfig
	current atomic.Pointer[string]
	tasks   sync.WaitGroup
	resting atomic.Bool
	nudge   chan struct{} // resting has changed
	choices chan choice
	ended   chan struct{} // closed when Run has returned

	// What follows belongs to Run.
	live    *live
	flow    flowing
	places  []place
	outside outside
	over    <-chan struct{} // closed when Run is to end
	chosen  chan error      // who waits for the first of the list; nil: nobody
	refused error           // why it does not start, while another process is asked
	trying  bool
	results chan attempt
	lost    string // to be told with the next change
	lostErr error
	told    bool // that nothing works
	rested  bool // since the last look at the list
	named   bool // a change was told; what Current says is known
}

// place is what is known of one device of the list.
type place struct {
	next   time.Time // not to be tried before
	worked bool
	dog    *watchdog
	misses int           // since it worked or was first tried
	idle   chan struct{} // closed when its last stream has stopped; nil: there was none
}

// live is the device at work.
type live struct {
	at     int
	stream Stream
	gate   *gate
}

// attempt is the outcome of starting a device.
type attempt struct {
	at     int
	stream Stream
	gate   *gate
	err    error

	looked  bool   // the device was only looked for
	missing string // the first of the list that was not there
}

// NewSupervisor returns a supervisor that Run starts.
func NewSupervisor(cfg SupervisorConfig) *Supervisor {
	if cfg.Retry <= 0 {
		cfg.Retry = defaultRetry
	}
	if cfg.Stall <= 0 {
		cfg.Stall = defaultStall
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.OnChange == nil {
		cfg.OnChange = func(Change) {}
	}
	if cfg.Mark == nil {
		cfg.Mark = SystemMark
	}
	if cfg.OnFlow == nil {
		cfg.OnFlow = func(Flow) {}
	}
	s := &Supervisor{cfg: cfg, flow: flowing{told: Flow{Microphone: true, Ear: true}}, places: make([]place, len(cfg.Devices)), results: make(chan attempt, 1), nudge: make(chan struct{}, 1)}
	s.outside.back, s.choices = make(chan sight, 1), make(chan choice)
	s.ended = make(chan struct{})
	s.resting.Store(cfg.Resting)
	return s
}

// Current names the device in use, at rest the one that was or is to be, ""
// for none. Any goroutine.
func (s *Supervisor) Current() string {
	if name := s.current.Load(); name != nil {
		return *name
	}
	return ""
}

// Run keeps a device at work until ctx is done. It is called once, and returns
// when all that it started has ended and no device touches IO any more; what a device
// that hangs was called for is left behind.
func (s *Supervisor) Run(ctx context.Context) {
	defer close(s.ended)
	s.over = ctx.Done()
	for i := range s.places {
		s.places[i].dog = newWatchdog(hangLimit, s.over)
	}
	s.flow.anew(0, 0, time.Now())
	ticker := time.NewTicker(s.cfg.Stall / checks)
	defer ticker.Stop()
	defer s.tasks.Wait()
	defer s.drop()
	for {
		look := ticker.C
		if s.resting.Load() {
			look = nil
			s.rest()
		} else {
			s.wake()
			s.try(ctx)
		}
		s.tellFlow()
		var failed <-chan error
		if s.live != nil {
			failed = s.live.stream.Failed()
		}
		select {
		case <-ctx.Done():
			if s.trying { // it ends by itself soon, being told as well
				s.discard(<-s.results)
			}
			return
		case err := <-failed:
			if errors.Is(err, errRenewed) {
				s.yield()
				continue
			}
			s.lose(err)
		case found := <-s.outside.back:
			s.sighted(found)
		case a := <-s.results:
			s.take(a)
		case c := <-s.choosing():
			s.choose(c)
		case <-s.nudge:
		case <-look:
			s.watch()
			s.lookOutside(ctx)
		}
	}
}

// try starts the best device that is better than the one at work and due.
func (s *Supervisor) try(ctx context.Context) {
	if s.trying {
		return
	}
	limit, now := len(s.places), time.Now()
	if s.live != nil {
		limit = s.live.at
	}
	for at := range s.places[:limit] {
		if s.places[at].next.After(now) {
			continue
		}
		s.trying = true
		idle := s.places[at].idle
		s.tasks.Go(func() {
			if idle != nil { // hardware may serve only one
				<-idle
			}
			s.results <- s.begin(ctx, at)
		})
		return
	}
	if s.live == nil && !s.told {
		s.told = true
		s.change("")
	}
}

// take puts a device to work that was started, or notes that it could not be.
func (s *Supervisor) take(a attempt) {
	s.trying = false
	if a.looked {
		s.found(a)
		return
	}
	p := &s.places[a.at]
	name := s.cfg.Devices[a.at].Name()
	if a.err != nil {
		s.miss(p)
		s.cfg.Log.Debug("audio device does not start", "device", name, "err", a.err)
		if s.isNews(name) {
			s.lost, s.lostErr = name, a.err
		}
		if a.at == 0 {
			s.refuse(a.err)
		}
		return
	}
	if s.resting.Load() || s.live != nil && s.live.at <= a.at {
		s.discard(a)
		return
	}
	s.drop()
	captured, played := a.stream.Frames()
	s.flow.anew(captured, played, time.Now())
	s.live = &live{at: a.at, stream: a.stream, gate: a.gate}
	p.worked, p.misses = true, 0
	a.gate.pass()
	s.change(name)
	if a.at == 0 {
		s.answer(nil)
	}
}

// isNews says whether a device that does not start is to be told as lost: the
// first of the list at the start, later the one that was believed in.
func (s *Supervisor) isNews(name string) bool {
	return s.live == nil && s.lost == "" && !s.told && !s.resting.Load() && (!s.named || name == s.Current())
}

// miss notes that a device does not work. One that has worked is wanted back
// within a second; one that never has is asked for less and less often.
func (s *Supervisor) miss(p *place) {
	wait := s.cfg.Retry
	if !p.worked {
		p.misses = min(p.misses+1, maxPatience)
		wait *= time.Duration(p.misses)
	}
	p.next = time.Now().Add(wait)
}

// watch fails the device at work when sound no longer moves through it.
func (s *Supervisor) watch() {
	if s.live == nil {
		return
	}
	now := time.Now()
	captured, played := s.live.stream.Frames()
	s.flow.moved(captured, played, s.cfg.IO, now)
	if s.flow.stood(now) >= s.cfg.Stall {
		s.lose(ErrGone)
	}
}

// lose takes the device at work out.
func (s *Supervisor) lose(err error) {
	name := s.cfg.Devices[s.live.at].Name()
	s.cfg.Log.Warn("audio device lost", "device", name, "err", err)
	s.miss(&s.places[s.live.at])
	s.lost, s.lostErr, s.told, s.named = name, err, false, false
	s.current.Store(nil)
	s.drop()
}

// drop cuts the device at work off and stops it beside, because that may take
// long.
func (s *Supervisor) drop() {
	if s.live == nil {
		return
	}
	l := s.live
	s.live = nil
	l.gate.cut()
	s.stop(l.at, l.stream)
}

func (s *Supervisor) discard(a attempt) {
	if a.stream != nil {
		a.gate.cut()
		s.stop(a.at, a.stream)
	}
}

func (s *Supervisor) stop(at int, stream Stream) {
	// Nothing is looked up by its place below: another list may be taken meanwhile.
	name, dog, idle := s.cfg.Devices[at].Name(), s.places[at].dog, make(chan struct{})
	s.places[at].idle = idle
	s.tasks.Go(func() {
		defer close(idle)
		err := dog.call(stream.Stop, nil)
		logPanic(s.cfg.Log, name, err)
		if err != nil {
			s.cfg.Log.Warn("audio device does not stop cleanly", "device", name, "err", err)
		}
	})
}

// change tells which device is in use now, and which was lost since the last
// telling. One that is back after a rest is no news.
func (s *Supervisor) change(name string) {
	same := s.named && s.lost == "" && name == s.Current()
	s.current.Store(&name)
	if s.named = true; same {
		return
	}
	c := Change{Device: name, Lost: s.lost, Err: s.lostErr}
	s.lost, s.lostErr = "", nil
	if name != "" {
		s.told = false
	}
	s.cfg.OnChange(c)
}
