package media

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"ringback/media/audio"
	"ringback/media/mixer"
)

// Bridge is a matrix of who hears whom. All ports in it are worked on together.
// Its methods may be called from any goroutine, not from an event.
type Bridge struct {
	engine *Engine

	mu      sync.Mutex
	matrix  *mixer.Matrix
	ports   []Port
	onWheel bool
	closed  bool
	tells   []func()
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
	b.ports = append(b.ports, p)
	if !b.onWheel {
		b.onWheel = true
		b.engine.place(b)
	}
	return slot, nil
}

// Remove takes a port out and drops its routes. A session goes on by itself,
// sending silence. Removing what is not there does nothing.
func (b *Bridge) Remove(p Port) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.ports, p)
	if i < 0 {
		return
	}
	b.ports = slices.Delete(b.ports, i, i+1)
	b.matrix.Remove(p.Slot())
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

// Close takes all ports out; they stay open.
func (b *Bridge) Close() error {
	b.mu.Lock()
	b.closed = true
	for _, p := range b.ports {
		b.matrix.Remove(p.Slot())
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
		b.pull(p, now, skipped)
	}
	b.matrix.Mix()
	b.tells = b.tells[:0]
	for _, p := range b.ports {
		b.push(p, now)
		if tell := p.flush(); tell != nil {
			b.tells = append(b.tells, tell)
		}
	}
	return true, b.tells
}

func (b *Bridge) pull(p Port, now time.Time, skipped int) {
	in := b.matrix.In(p.Slot())
	defer func() {
		if cause := recover(); cause != nil {
			clear(in)
			p.fail(b.engine.recovered("port", cause))
		}
	}()
	p.pull(in, now, skipped)
}

func (b *Bridge) push(p Port, now time.Time) {
	defer func() {
		if cause := recover(); cause != nil {
			p.fail(b.engine.recovered("port", cause))
		}
	}()
	p.push(b.matrix.Out(p.Slot()), now)
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
