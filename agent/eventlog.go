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

// eventLogSize is how many events an agent remembers for slow readers.
const eventLogSize = 8192

// EventLog is the append-only list of an agent's events with dense sequence
// numbers from 1, of which the newest are kept. Writers never wait for readers.
// All its methods may be called from any goroutine.
type EventLog struct {
	mu     sync.Mutex
	ring   []Event
	last   uint64 // seq of the newest event; 0 when there is none
	wake   chan struct{}
	closed bool
}

func newEventLog(size int) *EventLog {
	return &EventLog{ring: make([]Event, 0, size), wake: make(chan struct{})}
}

// append gives the event its seq and keeps it. The agent's loop only.
func (l *EventLog) append(e Event) Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	e.Seq = l.last
	if len(l.ring) < cap(l.ring) {
		l.ring = append(l.ring, e)
	} else {
		l.ring[int((l.last-1)%uint64(cap(l.ring)))] = e
	}
	l.broadcast()
	return e
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
	size := uint64(len(l.ring))
	switch {
	case seq <= l.last && seq+size <= l.last:
		return Event{}, nil, ErrFellBehind
	case seq <= l.last:
		return l.ring[int((seq-1)%uint64(cap(l.ring)))], nil, nil
	case l.closed:
		return Event{}, nil, io.EOF
	}
	return Event{}, l.wake, nil
}
