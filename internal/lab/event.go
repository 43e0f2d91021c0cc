package lab

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// EventType is what happened in the lab, in the words of the list below.
type EventType string

// What happens in a lab. Party is a user or an extension.
const (
	Registered        EventType = "registered"         // Party; Text: its Contact
	Unregistered      EventType = "unregistered"       // Party; Text: asked or expired
	CallStarted       EventType = "call.started"       // Party calls Peer
	CallRinging       EventType = "call.ringing"       // Peer rings
	CallAnswered      EventType = "call.answered"      // Peer answered Party
	CallRefused       EventType = "call.refused"       // Peer refused with Code
	CallEnded         EventType = "call.ended"         // Party was left by Peer, or left it
	Held              EventType = "held"               // Party holds Peer
	Resumed           EventType = "resumed"            // Party took Peer back
	Digit             EventType = "digit"              // Party got Text from Peer
	ToneOn            EventType = "tone.on"            // Party hears a tone of Code Hz
	ToneOff           EventType = "tone.off"           // Party hears it no more
	AudioOn           EventType = "audio.on"           // Party hears something
	AudioOff          EventType = "audio.off"          // Party hears nothing
	TransferStarted   EventType = "transfer.started"   // Party sends Peer to Text
	TransferDone      EventType = "transfer.done"      // Peer talks to Text now
	TransferFailed    EventType = "transfer.failed"    // with Code; Party has Peer still
	CallbackWaiting   EventType = "callback.waiting"   // Callback is in the queue
	CallbackOffered   EventType = "callback.offered"   // to Party
	CallbackAccepted  EventType = "callback.accepted"  // by Party
	CallbackRejected  EventType = "callback.rejected"  // by Party with Code
	CallbackMissed    EventType = "callback.missed"    // Party did not answer in time
	CallbackCancelled EventType = "callback.cancelled" // the contact gave up while Party rang
	CallbackAbandoned EventType = "callback.abandoned" // the contact gave up, nobody has it
	WatchStarted      EventType = "watch.started"      // Party has subscribed to Peer; Text: the event package
	WatchEnded        EventType = "watch.ended"        // Party does not watch Peer any more
	Published         EventType = "published"          // Party; Text: the state
	Unpublished       EventType = "unpublished"        // Party; Text: asked or expired
	MessageReceived   EventType = "message.received"   // from Party to Peer; Text: the body
	MessageSent       EventType = "message.sent"       // to Party; answered with Code
)

// Event is one line of the lab's log.
type Event struct {
	Seq      int // dense, from 1
	At       time.Time
	Type     EventType
	Party    string
	Peer     string
	Callback string
	Code     int
	Text     string
}

// String gives the event in one line without its time.
func (e Event) String() string {
	s := string(e.Type) + " " + e.Party
	if e.Peer != "" {
		s += " - " + e.Peer
	}
	if e.Callback != "" {
		s += " callback=" + e.Callback
	}
	if e.Code != 0 {
		s += fmt.Sprint(" ", e.Code)
	}
	if e.Text != "" {
		s += " " + e.Text
	}
	return s
}

// Log is the append-only list of what happened. All its methods may be called
// from any goroutine.
type Log struct {
	mu     sync.Mutex
	events []Event
	grown  chan struct{} // closed and replaced at each append
	ended  bool
}

func newLog() *Log { return &Log{grown: make(chan struct{})} }

func (l *Log) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	e.Seq, e.At = len(l.events)+1, time.Now()
	l.events = append(l.events, e)
	close(l.grown)
	l.grown = make(chan struct{})
}

func (l *Log) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.ended = true
		close(l.grown)
	}
}

// Since returns the events after seq; zero means all.
func (l *Log) Since(seq int) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq = min(max(seq, 0), len(l.events))
	return append([]Event(nil), l.events[seq:]...)
}

// Last is the newest sequence number.
func (l *Log) Last() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// Wait returns the first event after seq that match accepts, waiting for it if it
// has not happened yet. The error names what happened instead when ctx ends or
// the lab is closed.
func (l *Log) Wait(ctx context.Context, seq int, match func(Event) bool) (Event, error) {
	for {
		l.mu.Lock()
		for _, e := range l.events[min(max(seq, 0), len(l.events)):] {
			if match(e) {
				l.mu.Unlock()
				return e, nil
			}
		}
		seq = max(seq, len(l.events))
		grown, ended := l.grown, l.ended
		l.mu.Unlock()
		if ended {
			return Event{}, fmt.Errorf("wait for lab event: the lab is closed")
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return Event{}, fmt.Errorf("wait for lab event: %w; the last events: %v", context.Cause(ctx), tail(l.Since(0)))
		}
	}
}

// tail is the end of a long list.
func tail(events []Event) []Event { return events[max(0, len(events)-30):] }

// Is matches an event by type, and by party when that is not empty.
func Is(typ EventType, party string) func(Event) bool {
	return func(e Event) bool { return e.Type == typ && (party == "" || e.Party == party) }
}
