package control

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ringback/agent"
)

// fakeAgent is a desk's agent in memory: events are put in by the test, and an
// action is a function of it.
type fakeAgent struct {
	mu     sync.Mutex
	events []agent.Event
	state  agent.State
	oldest uint64 // events up to this seq are forgotten
	wake   chan struct{}
	ended  bool
	do     func(name string, args json.RawMessage) (any, *agent.ActionError)
	trace  []agent.TraceRecord
	open   chan struct{} // closed when a reader was asked for
	count  map[agent.Refusal]int
	more   chan struct{} // closed and made anew when something is counted
}

func newFake() *fakeAgent {
	return &fakeAgent{state: agent.NewState(), wake: make(chan struct{}), open: make(chan struct{}), count: map[agent.Refusal]int{}, more: make(chan struct{})}
}

// opened is closed once somebody has asked for a reader.
func (f *fakeAgent) opened() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

func (f *fakeAgent) State() agent.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// happen appends an event and folds it into the state.
func (f *fakeAgent) happen(e agent.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e.Schema, e.Seq, e.Time = agent.EventSchema, uint64(len(f.events))+1, time.Now()
	f.events = append(f.events, e)
	f.state = f.state.Apply(e)
	close(f.wake)
	f.wake = make(chan struct{})
}

func (f *fakeAgent) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	close(f.wake)
	f.wake = make(chan struct{})
}

func (f *fakeAgent) forget(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.oldest = seq
}

func (f *fakeAgent) Since(seq uint64) Reader {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.open:
	default:
		close(f.open)
	}
	return &fakeReader{f, seq}
}

func (f *fakeAgent) Do(_ context.Context, name string, args json.RawMessage) (any, *agent.ActionError) {
	if f.do == nil {
		return nil, &agent.ActionError{Code: agent.CodeInvalid, Message: "unknown action " + name}
	}
	return f.do(name, args)
}

// Refused counts by the names of causes.
func (f *fakeAgent) Refused() map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]uint64{}
	for why, n := range f.count {
		all[why.String()] = uint64(n)
	}
	return all
}

func (f *fakeAgent) Refuse(why agent.Refusal) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count[why]++
	close(f.more)
	f.more = make(chan struct{})
}

// counted waits until each cause was counted so often; false when ctx ends before.
func (f *fakeAgent) counted(ctx context.Context, least map[string]uint64) bool {
	for {
		f.mu.Lock()
		more := f.more
		f.mu.Unlock()
		got, missing := f.Refused(), false
		for cause, n := range least {
			missing = missing || got[cause] < n
		}
		if !missing {
			return true
		}
		select {
		case <-more:
		case <-ctx.Done():
			return false
		}
	}
}

func (f *fakeAgent) Trace(agent.InteractionID) []agent.TraceRecord { return f.trace }

type fakeReader struct {
	f   *fakeAgent
	seq uint64
}

func (r *fakeReader) Next(ctx context.Context) (agent.Event, error) {
	for {
		r.f.mu.Lock()
		wake, ended := r.f.wake, r.f.ended
		if r.seq < r.f.oldest {
			r.f.mu.Unlock()
			return agent.Event{}, agent.ErrFellBehind
		}
		if r.seq < uint64(len(r.f.events)) {
			e := r.f.events[r.seq]
			r.f.mu.Unlock()
			r.seq++
			return e, nil
		}
		r.f.mu.Unlock()
		if ended {
			return agent.Event{}, io.EOF
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return agent.Event{}, ctx.Err()
		}
	}
}

// serve puts a fake behind a socket and hands out a client of it.
func serve(t *testing.T, f *fakeAgent) *Client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l, err := Listen(ctx, filepath.Join(t.TempDir(), "ringback", "test.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, f, "1.0.0", slog.New(slog.DiscardHandler)) }()
	c := Dial(l.Path())
	t.Cleanup(func() {
		c.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return c
}

// limited is a context that a broken test runs into.
func limited(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
