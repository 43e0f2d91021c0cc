package agent

import (
	"context"
	"errors"
	"io"
	"sync"
)

// ErrFellBehind is returned by Cursor.Next when events that were not read yet
// have left the bounded memory. Take a new snapshot and go on from its seq.
var ErrFellBehind = errors.New("read events: fell behind, take a new snapshot")

// What an agent remembers of its events for slow readers: so many, and no more bytes
// than that.
const (
	eventLogSize  = 8192
	eventLogBytes = 16 << 20
)

// And of a brief one: who works at it reads the state, and needs no old event.
const (
	briefEvents = 64
	briefBytes  = 64 << 10
)

// eventLogFirst is for how many events there is room at first: a thousand agents in one
// process have mostly few.
const eventLogFirst = 16

// EventLog is the append-only list of an agent's events with dense sequence
// numbers from 1, of which the newest are kept. Writers never wait for readers.
// All its methods may be called from any goroutine.
type EventLog struct {
	mu     sync.Mutex
	ring   []Event // the event with seq n is at (n-1) mod its length, which grows up to size
	size   int     // events that it may hold
	most   int     // bytes that it may hold
	bytes  int     // that it holds
	gone   uint64  // seq of the newest that is forgotten; 0 when none is
	last   uint64  // seq of the newest event; 0 when there is none
	wake   chan struct{}
	closed bool
}

func newEventLog(size, most int) *EventLog {
	return &EventLog{ring: make([]Event, min(size, eventLogFirst)), size: size, most: most, wake: make(chan struct{})}
}

// append gives the event its seq and keeps it. The agent's loop only.
func (l *EventLog) append(e Event) Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Seq = l.last
	if full := l.last-l.gone > uint64(len(l.ring)); full && len(l.ring) < l.size {
		l.grow()
	} else if full {
		l.forget()
	}
	*l.place(e.Seq) = e
	for l.bytes += e.size(); l.bytes > l.most && l.gone+1 < l.last; {
		l.forget()
	}
	l.broadcast()
	return e
}

func (l *EventLog) place(seq uint64) *Event { return &l.ring[(seq-1)%uint64(len(l.ring))] }

// grow makes room for twice as many, while the newest has its seq and not its place yet.
func (l *EventLog) grow() {
	old := l.ring
	l.ring = make([]Event, min(l.size, 2*len(old)))
	for seq := l.gone + 1; seq < l.last; seq++ {
		*l.place(seq) = old[(seq-1)%uint64(len(old))]
	}
}

// forget drops the oldest event.
func (l *EventLog) forget() {
	l.gone++
	old := l.place(l.gone)
	l.bytes -= old.size()
	*old = Event{}
}

// size is about how many bytes an event holds on to.
func (e *Event) size() int {
	n := 512 + len(e.Text) + len(e.Digits) + len(e.Target) + len(e.Remote) + len(e.Reason)
	if e.Change == nil {
		return n
	}
	for _, in := range e.Change.Interactions {
		n += 1024 + len(in.Note) + weight(in.Case)
		if c := in.Callback; c != nil {
			n += 1024 + len(c.Reason) + len(c.Instructions) + weight(c.Data)
		}
	}
	return n + 512*len(e.Change.Calls)
}

// weight is about how many bytes a value of JSON holds on to.
func weight(v any) int {
	n := 32
	switch v := v.(type) {
	case string:
		n += len(v)
	case map[string]any:
		for key, one := range v {
			n += 32 + len(key) + weight(one)
		}
	case []any:
		for _, one := range v {
			n += weight(one)
		}
	}
	return n
}

func (l *EventLog) broadcast() {
	close(l.wake)
	l.wake = make(chan struct{})
}

func (l *EventLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.broadcast()
	}
}

// Last is the seq of the newest event, 0 when there is none.
func (l *EventLog) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// first is the seq of the oldest event that is remembered, or of the next where there is
// none.
func (l *EventLog) first() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone + 1
}

// Since returns a cursor whose first event is the one after seq; 0 means from
// the first event on.
func (l *EventLog) Since(seq uint64) *Cursor { return &Cursor{log: l, next: seq + 1} }

// Cursor is one reader's place in an EventLog. It is used by one goroutine.
type Cursor struct {
	log  *EventLog
	next uint64
}

// Next waits for the next event. It returns ErrFellBehind when that event is
// forgotten already, io.EOF when the agent has ended and all was read, and the
// context's error when that is done first.
func (c *Cursor) Next(ctx context.Context) (Event, error) {
	for {
		e, wake, err := c.log.at(c.next)
		if err != nil {
			return Event{}, err
		}
		if wake == nil {
			c.next++
			return e, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}

// at returns the event with that seq, or a channel that is closed when there is
// news.
func (l *EventLog) at(seq uint64) (Event, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case seq <= l.gone:
		return Event{}, nil, ErrFellBehind
	case seq <= l.last:
		return *l.place(seq), nil, nil
	case l.closed:
		return Event{}, nil, io.EOF
	}
	return Event{}, l.wake, nil
}
