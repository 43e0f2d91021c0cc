package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"ringback/media/audio"
)

// EngineConfig sets up an Engine. Zero values take the defaults.
type EngineConfig struct {
	Network Network // default: the machine's own
	Log     *slog.Logger
	Shards  int        // goroutines that share the sessions; default: one per core
	Rate    int        // Hz that bridges mix at; default 8000
	Impair  Impairment // what the network does to all sessions, for tests
}

// Engine is the media clock and owns everything that it drives. Make one with
// NewEngine and run it with Run; sessions and bridges may be made before.
type Engine struct {
	cfg    EngineConfig
	log    *slog.Logger
	shards []*shard
	ports  portTable

	mu     sync.Mutex
	open   map[io.Closer]struct{}
	closed bool
	state  runState
	stop   context.CancelFunc
	done   chan struct{}
	tasks  sync.WaitGroup // goroutines beside the shards

	scratches sync.Pool // of *scratch

	panics  atomic.Uint64
	dropped [dropCauses]atomic.Uint64 // by all sessions so far
}

type runState uint8

const (
	idle runState = iota
	running
	ended
)

// NewEngine returns an engine that does not run yet.
func NewEngine(cfg EngineConfig) *Engine {
	if cfg.Network == nil {
		cfg.Network = Host()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Shards <= 0 {
		cfg.Shards = runtime.GOMAXPROCS(0)
	}
	if cfg.Rate <= 0 {
		cfg.Rate = audio.Rate8k
	}
	e := &Engine{cfg: cfg, log: cfg.Log, open: map[io.Closer]struct{}{}, done: make(chan struct{})}
	for range cfg.Shards {
		e.shards = append(e.shards, newShard(e))
	}
	return e
}

// Rate is the sample rate in Hz that bridges mix at.
func (e *Engine) Rate() int { return e.cfg.Rate }

// Panics counts what was recovered since the start.
func (e *Engine) Panics() uint64 { return e.panics.Load() }

// Dropped counts what was received since the start and not played, of all sessions,
// by the causes of Stats.Dropped; each is there, with 0 too. Any goroutine.
func (e *Engine) Dropped() map[string]uint64 {
	all := make(map[string]uint64, dropCauses)
	for cause := range e.dropped {
		all[drop(cause).String()] = e.dropped[cause].Load()
	}
	return all
}

// Run drives everything until ctx is done or Close is called; then it closes
// what is still open (sessions say RTCP BYE) and returns when every goroutine of
// the engine has ended. Call it once.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.mu.Lock()
	if e.state != idle || e.closed {
		e.mu.Unlock()
		return fmt.Errorf("run media engine: %w", ErrClosed)
	}
	e.state, e.stop = running, cancel
	e.mu.Unlock()

	var shards sync.WaitGroup
	for _, s := range e.shards {
		shards.Go(func() { s.run(ctx) })
	}
	<-ctx.Done()
	shards.Wait()
	e.closeAll()
	e.mu.Lock()
	e.state = ended
	e.mu.Unlock()
	close(e.done)
	return nil
}

// Close ends the engine and waits until everything has ended. Never call it from
// an event.
func (e *Engine) Close() error {
	e.mu.Lock()
	state, stop := e.state, e.stop
	e.closed = true
	e.mu.Unlock()
	switch state {
	case running:
		stop()
		<-e.done
	case idle:
		e.closeAll()
	}
	return nil
}

// closeAll closes what is open and waits for the goroutines beside the shards.
func (e *Engine) closeAll() {
	e.mu.Lock()
	e.closed = true
	all := make([]io.Closer, 0, len(e.open))
	for c := range e.open {
		all = append(all, c)
	}
	e.mu.Unlock()
	for _, c := range all {
		if err := c.Close(); err != nil && !errors.Is(err, ErrClosed) {
			e.log.Debug("close media", "error", err)
		}
	}
	e.tasks.Wait()
}

// adopt makes the engine close c at its end. It fails once the engine is closed.
func (e *Engine) adopt(c io.Closer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return fmt.Errorf("use media engine: %w", ErrClosed)
	}
	e.open[c] = struct{}{}
	return nil
}

func (e *Engine) forget(c io.Closer) {
	e.mu.Lock()
	delete(e.open, c)
	e.mu.Unlock()
}

// place puts a node on the wheel where there is least to do.
func (e *Engine) place(n node) {
	best := e.shards[0]
	for _, s := range e.shards[1:] {
		if s.load.Load() < best.load.Load() {
			best = s
		}
	}
	best.add(n)
}

// recovered notes a panic and turns it into an error.
func (e *Engine) recovered(what string, cause any) error {
	e.panics.Add(1)
	buf := make([]byte, 8<<10)
	e.log.Error("panic in media, stopped", "what", what, "cause", cause, "stack", string(buf[:runtime.Stack(buf, false)]))
	return fmt.Errorf("work on %s: panic: %v", what, cause)
}
