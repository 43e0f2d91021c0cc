package agent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"ringback/agent/store"
)

// Bounds of the history's writer.
const (
	historyPause  = time.Second     // from an event to its commit: the answer to a BYE is in the ladder then
	historyAgain  = 5 * time.Second // until a store that failed is tried again
	historyBatch  = 200             // events in one commit
	historyWaits  = 4096            // events that wait for a store that fails; then they stay in the event list
	maxLadderText = 256 << 10       // bytes of a call's SIP messages that are kept
)

// keeper is what the historian needs of a store.
type keeper interface {
	UpdateNamed(point string, fn func(*store.Tx) error) error
}

// historian is a reader of the event list on a goroutine of its own: it keeps what
// happened to interactions, and each call with its quality and its SIP messages. It
// never slows the phone; a store that fails is told once and tried again.
type historian struct {
	store  keeper
	events *EventLog
	tracer *tracer
	e164   func(string) string
	now    func() time.Time
	report func(error) // gets the first error of a row
	log    *slog.Logger

	run          string // this life of the agent
	cursor       *Cursor
	waiting      []store.HistoryEvent
	calls        map[CallID]CallState
	interactions map[InteractionID]InteractionState
	over         map[CallID]time.Time   // calls that are written with the next commit, and when they ended
	closed       map[InteractionID]bool // interactions that are
	due          time.Time              // of the next commit; zero: nothing waits
	failing      bool

	mu     sync.Mutex
	wishes []wish
	wake   context.CancelFunc // of the wait for the next event
	gone   <-chan struct{}    // closed when the agent has ended
}

// wish is a reader of the history who waits until everything up to an event is
// written.
type wish struct {
	seq  uint64
	done chan struct{}
}

func (a *Agent) newHistorian() *historian {
	return &historian{store: a.store, events: a.events, tracer: a.tracer, e164: a.e164, now: time.Now, log: a.log,
		report: a.failure("keep history"), run: rand.Text()[:12], cursor: a.Since(0), gone: a.ended,
		calls: map[CallID]CallState{}, interactions: map[InteractionID]InteractionState{},
		over: map[CallID]time.Time{}, closed: map[InteractionID]bool{}}
}

// write follows the events until ctx is done, and writes what is left then.
func (h *historian) write(ctx context.Context) {
	for {
		e, err := h.next(ctx)
		switch {
		case err == nil:
			h.take(e)
		case errors.Is(err, ErrFellBehind):
			h.fellBehind()
		case ctx.Err() != nil || errors.Is(err, io.EOF):
			h.commit()
			return
		default:
			h.grant()
		}
		if !h.due.IsZero() && (!h.now().Before(h.due) || len(h.waiting) >= historyBatch && !h.failing) {
			h.commit()
		}
	}
}

// next waits for an event until the next commit is due, or until somebody wishes to
// read. While the store fails no more events are taken than can wait here.
func (h *historian) next(ctx context.Context) (Event, error) {
	until, cancel := context.WithCancel(ctx)
	if !h.due.IsZero() {
		until, cancel = context.WithDeadline(ctx, h.due)
	}
	defer cancel()
	h.mu.Lock()
	h.wake = cancel
	if len(h.wishes) > 0 {
		cancel()
	}
	h.mu.Unlock()
	if len(h.waiting) >= historyWaits {
		<-until.Done()
		return Event{}, until.Err()
	}
	return h.cursor.Next(until)
}

// flush waits until everything that has happened so far is in the store, or could
// not be written. Any goroutine.
func (h *historian) flush(ctx context.Context) {
	w := wish{h.events.Last(), make(chan struct{})}
	h.mu.Lock()
	h.wishes = append(h.wishes, w)
	if h.wake != nil {
		h.wake()
	}
	h.mu.Unlock()
	select {
	case <-w.done:
	case <-h.gone:
	case <-ctx.Done():
	}
}

// grant writes what waits for those who wish to read it, once their events are
// taken.
func (h *historian) grant() {
	h.mu.Lock()
	var granted []wish
	h.wishes = slices.DeleteFunc(h.wishes, func(w wish) bool {
		ready := w.seq < h.cursor.next || len(h.waiting) >= historyWaits
		if ready {
			granted = append(granted, w)
		}
		return ready
	})
	h.mu.Unlock()
	if len(granted) > 0 {
		h.commit()
	}
	for _, w := range granted {
		close(w.done)
	}
}

// take keeps an event of an interaction, and follows the state.
func (h *historian) take(e Event) {
	if c := e.Change; c != nil {
		for _, call := range c.Calls {
			h.calls[call.ID] = call
		}
		for _, in := range c.Interactions {
			h.interactions[in.ID] = in
		}
	}
	if e.Interaction != "" && e.Type != MediaQuality && e.Type != MediaHeard {
		h.keep(e)
	}
	switch e.Type {
	case CallEnded, OfferRejected, OfferMissed, OfferCancelled:
		h.ended(e)
	case InteractionDone:
		h.closed[e.Interaction] = true
		for _, id := range h.interactions[e.Interaction].Calls {
			h.over[id] = e.Time
		}
	}
	if c := e.Change; c != nil && len(h.over)+len(h.closed) == 0 {
		for _, id := range c.ForgottenCalls {
			delete(h.calls, id)
		}
		for _, id := range c.ForgottenInteractions {
			delete(h.interactions, id)
		}
	}
}

// ended waits a moment with the commit, for the last messages of the call.
func (h *historian) ended(e Event) {
	if e.Call != "" {
		h.over[e.Call] = e.Time
	}
	if h.interactions[e.Interaction].State == PhaseDone {
		h.closed[e.Interaction] = true
	}
	if !h.failing {
		h.due = h.now().Add(historyPause)
	}
}

func (h *historian) keep(e Event) {
	body := e
	body.Change = nil
	text, err := json.Marshal(body)
	if err != nil {
		h.log.Error("write event for the history", "type", string(e.Type), "error", err)
		return
	}
	h.append(store.HistoryEvent{Interaction: string(e.Interaction), Call: string(e.Call), Type: string(e.Type), Run: h.run, Seq: e.Seq, Time: e.Time, Body: text})
}

func (h *historian) append(e store.HistoryEvent) {
	h.waiting = append(h.waiting, e)
	if h.due.IsZero() {
		h.due = h.now().Add(historyPause)
	}
}

// fellBehind notes in the open interactions that events are missing, and goes on from
// the oldest event that is left.
func (h *historian) fellBehind() {
	from, to := h.cursor.next, h.events.first()
	h.cursor = h.events.Since(to - 1)
	h.log.Warn("the history misses events", "from", from, "until", to)
	for id, in := range h.interactions {
		if in.State == PhaseDone {
			continue
		}
		gap := Event{Schema: EventSchema, Seq: from, Time: h.now(), Type: HistoryGap, Interaction: id, Text: "events are missing here: the store did not take them in time"}
		h.keep(gap)
	}
}

// commit writes what waits in one transaction.
func (h *historian) commit() {
	h.due = time.Time{}
	if len(h.waiting)+len(h.over)+len(h.closed) == 0 {
		return
	}
	batch, calls, closed := h.waiting, h.callRecords(), h.closedRecords()
	err := h.store.UpdateNamed("history", func(tx *store.Tx) error {
		if err := tx.AppendHistory(batch); err != nil {
			return err
		}
		for _, c := range calls {
			if err := tx.PutCall(c); err != nil {
				return err
			}
		}
		for _, in := range closed {
			if err := putMissing(tx, in); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.failed(err)
		return
	}
	h.failing, h.waiting = false, nil
	clear(h.closed)
	for id, at := range h.over {
		if h.now().Sub(at) >= historyPause {
			delete(h.over, id)
		}
	}
	if len(h.over) > 0 { // their last messages may be on the way
		h.due = h.now().Add(historyPause)
	}
}

// putMissing writes an interaction that nobody took: it was not worth a commit of its
// own when it ended.
func putMissing(tx *store.Tx, in store.Interaction) error {
	if _, there, err := tx.Interaction(in.ID); there || err != nil {
		return err
	}
	return tx.PutInteraction(in)
}

// failed tells the first error of a row, and tries again later.
func (h *historian) failed(err error) {
	h.log.Warn("keep history", "error", err, "waiting", len(h.waiting))
	if !h.failing {
		h.failing = true
		h.report(err)
	}
	h.due = h.now().Add(historyAgain)
}

// callRecords are the calls that have ended, with their quality and their messages.
func (h *historian) callRecords() []store.HistoryCall {
	var records []store.HistoryCall
	for id := range h.over {
		c, known := h.calls[id]
		if !known || c.Ended == nil {
			continue
		}
		r := store.HistoryCall{ID: string(id), Interaction: string(c.Interaction), Role: string(c.Role), Remote: c.Remote, RemoteName: c.RemoteName,
			SIPCallID: c.SIPCallID, Incoming: c.Incoming, Started: c.Started, Ended: *c.Ended, Code: c.Code, Reason: c.Reason, Codec: c.Codec, Suite: c.Suite, Keying: c.Keying,
			Quality: mustJSON(c.Quality), Ladder: string(mustJSON(h.messages(c.SIPCallID)))}
		if c.Connected != nil {
			r.Connected = *c.Connected
		}
		records = append(records, r)
	}
	return records
}

// messages are the SIP messages of a call, as far as they are remembered and kept.
func (h *historian) messages(sipCallID string) []TraceRecord {
	size := 0
	kept := []TraceRecord{}
	for _, r := range h.tracer.of(func(id string) bool { return id == sipCallID }) {
		if size += len(r.Message); size > maxLadderText {
			break
		}
		kept = append(kept, r)
	}
	return kept
}

func (h *historian) closedRecords() []store.Interaction {
	var records []store.Interaction
	for id := range h.closed {
		in, known := h.interactions[id]
		if !known {
			continue
		}
		r := store.Interaction{ID: string(id), Kind: string(in.Kind), Channel: string(in.Channel), Name: in.Contact.Name, Number: in.Contact.Number,
			E164: h.e164(in.Contact.Number), Case: mustJSON(in.Case), Note: in.Note, Disposition: in.Disposition, Result: in.Result,
			Outcome: in.Result, Attempts: in.Attempts, Created: in.Created, Closed: h.now(), Armed: json.RawMessage("null"),
			Body: mustJSON(interactionBody{Callback: in.Callback})}
		if in.Callback != nil {
			r.Callback = in.Callback.ID
		}
		records = append(records, r)
	}
	return records
}
