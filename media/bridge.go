package media

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"ringback/media/audio"
	"ringback/media/mixer"
)

// stillTicks is how long a bridge of resting ports is still worked on: until what
// hears in it has heard a second of silence and knows that nothing is there.
const stillTicks = int(time.Second / audio.FrameTime)

// Bridge is a matrix of who hears whom. All ports in it are worked on together.
// Its methods may be called from any goroutine, not from an event.
type Bridge struct {
	engine *Engine

	mu      sync.Mutex
	matrix  *mixer.Matrix
	ports   []seated
	onWheel bool
	still   int // ticks for which all ports have rested
	closed  bool
	tells   []func()
}

// seated is a port in a slot of the matrix.
type seated struct {
	Port
	slot mixer.Slot
}

// NewBridge returns an empty bridge at the engine's rate.
func (e *Engine) NewBridge() *Bridge {
	b := &Bridge{engine: e, matrix: mixer.New(audio.FrameSamples(e.cfg.Rate))}
	if e.adopt(b) != nil {
		b.closed = true
	}
	return b
}

// Add puts a port into a free slot. Nobody hears it, and it hears nobody, until
// SetRoutes. Errors: ErrClosed, ErrInUse, mixer.ErrFull.
func (b *Bridge) Add(p Port) (mixer.Slot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return mixer.None, fmt.Errorf("add port to bridge: %w", ErrClosed)
	}
	slot, err := b.matrix.Add()
	if err != nil {
		return mixer.None, err
	}
	if err := p.attach(b, slot); err != nil {
		b.matrix.Remove(slot)
		return mixer.None, fmt.Errorf("add port to bridge: %w", err)
	}
	b.ports = append(b.ports, seated{p, slot})
	b.roll()
	return slot, nil
}

// roll puts the bridge on the wheel unless it is there. With b.mu held.
func (b *Bridge) roll() {
	b.still = 0
	if !b.onWheel {
		b.onWheel = true
		b.engine.place(b)
	}
}

// rouse ends the bridge's rest: a port has something to say. Not with a port's
// lock held.
func (b *Bridge) rouse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ports) > 0 {
		b.roll()
	}
}

// rest counts ticks in which no port has anything to do, and says when there were
// enough: a phone without a call wakes nobody 50 times a second.
func (b *Bridge) rest() bool {
	for _, p := range b.ports {
		if !p.rests() {
			b.still = 0
			return false
		}
	}
	b.still++
	return b.still >= stillTicks
}

// Remove takes a port out and drops its routes. A session goes on by itself,
// sending silence. Removing what is not there does nothing.
func (b *Bridge) Remove(p Port) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.ports, func(s seated) bool { return s.Port == p })
	if i < 0 {
		return
	}
	b.matrix.Remove(b.ports[i].slot)
	b.ports = slices.Delete(b.ports, i, i+1)
	p.detach()
}

// SetRoutes replaces the whole matrix at the next frame, without a click. On an
// error (a slot that is not in use) nothing changes.
func (b *Bridge) SetRoutes(routes []mixer.Route) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fmt.Errorf("set routes: %w", ErrClosed)
	}
	return b.matrix.SetRoutes(routes)
}

// SetLevelled has those who speak at the given slots brought to one level, with their
// noise shut out while they do not speak, and all others taken as they are: for
// conferences. From the next frame on, without a click.
func (b *Bridge) SetLevelled(slots ...mixer.Slot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.matrix.SetLevelled(slots...)
}

// Close takes all ports out; they stay open.
func (b *Bridge) Close() error {
	b.mu.Lock()
	b.closed = true
	for _, p := range b.ports {
		b.matrix.Remove(p.slot)
		p.detach()
	}
	b.ports = nil
	b.mu.Unlock()
	b.engine.forget(b)
	return nil
}

// tick implements node.
func (b *Bridge) tick(now time.Time, skipped int) bool {
	stays, tells := b.work(now, skipped)
	for _, tell := range tells {
		b.engine.tell("bridge", tell)
	}
	return stays
}

func (b *Bridge) work(now time.Time, skipped int) (bool, []func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.ports) == 0 {
		b.onWheel = false
		return false, nil
	}
	for _, p := range b.ports {
		b.pull(p.Port, b.matrix.In(p.slot), now, skipped)
	}
	b.matrix.Mix()
	b.tells = b.tells[:0]
	for _, p := range b.ports {
		b.push(p.Port, b.matrix.Out(p.slot), now)
		if tell := p.flush(); tell != nil {
			b.tells = append(b.tells, tell)
		}
	}
	b.onWheel = !b.rest()
	return b.onWheel, b.tells
}

func (b *Bridge) pull(p Port, in frame, now time.Time, skipped int) {
	defer func() {
		if cause := recover(); cause != nil {
			clear(in)
			p.fail(b.engine.recovered("port", cause))
		}
	}()
	p.pull(in, now, skipped)
}

func (b *Bridge) push(p Port, out frame, now time.Time) {
	defer func() {
		if cause := recover(); cause != nil {
			p.fail(b.engine.recovered("port", cause))
		}
	}()
	p.push(out, now)
}

// tell makes a port's calls; one that panics ends nothing.
func (e *Engine) tell(what string, call func()) {
	defer func() {
		if cause := recover(); cause != nil {
			e.log.Debug("event not delivered", "error", e.recovered("event of "+what, cause))
		}
	}()
	call()
}
