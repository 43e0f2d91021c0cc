package scenario

import (
	"maps"
	"slices"
	"strings"
	"time"

	"ringback/agent"
)

// Record is one call as it is measured: a fold of the events of its phone. It is
// used by one goroutine at a time.
type Record struct {
	ID    agent.CallID
	Begun time.Time // from here on delays count; zero: from the call's first event

	checks   []Check   // what was expected of it so far
	expected []Finding // odd things that an expectation found
	taken    bool      // a step did something with it, or waited for it
	state    agent.CallState
	offer    agent.Phase   // of its interaction
	setup    time.Duration // to the first sign of the far end
	signed   bool          // there was one
	over     time.Duration // to the end
	why      string        // it ended, in words; empty: the far end or we wanted it so
	answer   time.Duration // to the answer
	first    time.Time     // of the first sound after the answer
	sound    span
	tones    map[float64]*span
	digits   string
	loud     loudness
	from     time.Time // of the answer
	to       time.Time // of the end
}

// span adds up the times during which something was on.
type span struct {
	since time.Time // zero while it is off
	total time.Duration
}

func (s *span) set(on bool, at time.Time) {
	if on && s.since.IsZero() {
		s.since = at
	}
	if !on && !s.since.IsZero() {
		s.total += at.Sub(s.since)
		s.since = time.Time{}
	}
}

func (s *span) at(now time.Time) time.Duration {
	if s.since.IsZero() {
		return s.total
	}
	return s.total + now.Sub(s.since)
}

// NewRecord is the record of a call of which nothing is known yet.
func NewRecord(id agent.CallID) *Record {
	return &Record{ID: id, tones: map[float64]*span{}}
}

// Take says that the call is wanted: one that comes and that nobody takes is a ghost.
func (r *Record) Take() { r.taken = true }

// State is the call as the newest event left it.
func (r *Record) State() agent.CallState { return r.state }

// Look takes the call as it stands in the phone's state, which may be ahead of the
// events that were noted.
func (r *Record) Look(c agent.CallState) {
	if c.ID != r.ID {
		return
	}
	r.state = c
	if c.Ended != nil && r.to.IsZero() {
		r.hear(agent.Heard{}, *c.Ended)
		r.to = *c.Ended
	}
}

// Note takes one event of the phone; those of other calls change nothing.
func (r *Record) Note(e agent.Event) {
	if e.Change != nil {
		r.changed(e.Change, e.Time)
	}
	if e.Call != r.ID {
		return
	}
	if r.Begun.IsZero() {
		r.Begun = e.Time
	}
	since := e.Time.Sub(r.Begun)
	switch e.Type {
	case agent.CallRinging, agent.CallEarlyMedia, agent.CallConnected:
		if !r.signed {
			r.setup, r.signed = since, true
		}
	case agent.CallEnded:
		r.over, r.why = since, e.Text
	case agent.OfferReceived:
		r.setup, r.signed = since, true
	case agent.DTMFReceived:
		r.digits += strings.ToUpper(e.Digits)
	}
	switch {
	case e.Type == agent.CallConnected && r.from.IsZero():
		r.from, r.answer = e.Time, since
	case e.Type == agent.CallEnded:
		r.to = e.Time
		r.hear(agent.Heard{}, e.Time)
	}
}

func (r *Record) changed(change *agent.Change, at time.Time) {
	for _, in := range change.Interactions {
		if slices.Contains(in.Calls, r.ID) {
			r.offer = in.State
		}
	}
	for _, c := range change.Calls {
		if c.ID != r.ID {
			continue
		}
		if r.state.Ended == nil {
			r.state = c
		}
		if c.State != agent.CallPhaseEnded {
			r.hear(c.Heard, at)
		}
	}
}

func (r *Record) hear(h agent.Heard, at time.Time) {
	if h.Sound && r.first.IsZero() && r.state.Connected != nil {
		r.first = at
	}
	r.sound.set(h.Sound, at)
	for _, hz := range h.Tones {
		if r.tones[hz] == nil {
			r.tones[hz] = &span{}
		}
	}
	for hz, s := range r.tones {
		s.set(slices.Contains(h.Tones, hz), at)
	}
}

// measured is what a call brought until some time.
type measured struct {
	up      time.Duration // from answer to end
	sound   time.Duration // from the far end
	speech  time.Duration // sound that is no tone
	tones   map[float64]time.Duration
	digits  string
	code    int
	quality agent.Quality
	setup   time.Duration // 0: there was no sign of the far end
	answer  time.Duration // negative: there was no answer
	first   time.Duration // from the answer to the first sound; negative: there was none
	state   agent.CallState
	phase   agent.Phase
	came    []string // the SIP messages that came in
}

// measure is what came until now.
func (r *Record) measure(now time.Time) measured {
	if !r.to.IsZero() {
		now = r.to
	}
	m := measured{sound: r.sound.at(now), tones: map[float64]time.Duration{}, digits: r.digits, quality: r.state.Quality, code: r.code(),
		setup: r.firstSign(), answer: -1, first: -1, state: r.state, phase: r.offer}
	if !r.from.IsZero() {
		m.up, m.answer = now.Sub(r.from), r.answer
	}
	if !r.first.IsZero() {
		m.first = r.first.Sub(r.from)
	}
	longest := time.Duration(0)
	for hz, s := range r.tones {
		m.tones[hz] = s.at(now)
		longest = max(longest, m.tones[hz])
	}
	m.speech = max(0, m.sound-longest)
	return m
}

// code is the final answer to the INVITE: 200 once the call was up, whatever
// ended it; 0 while there is none, and where the far end never gave one.
func (r *Record) code() int {
	switch {
	case r.state.Connected != nil:
		return 200
	case r.state.Unreached:
		return 0
	}
	return r.state.Code
}

// firstSign is the time to the first sign of the far end, its refusal too; 0: there was none.
func (r *Record) firstSign() time.Duration {
	if r.signed || r.state.Unreached {
		return r.setup
	}
	return r.over
}

func sortedTones(tones map[float64]time.Duration) []float64 { return slices.Sorted(maps.Keys(tones)) }

// CameIn are the SIP messages of a call that came in, in their order.
func CameIn(a Tracer, id agent.CallID) []string {
	c, known := a.State().Call(id)
	if !known {
		return nil
	}
	var texts []string
	for _, m := range a.Trace(c.Interaction) {
		if !m.Out && slices.Contains(headersOf([]string{m.Message}, "Call-ID"), c.SIPCallID) {
			texts = append(texts, m.Message)
		}
	}
	return texts
}

// Tracer is the part of a phone that remembers its SIP messages.
type Tracer interface {
	State() agent.State
	Trace(id agent.InteractionID) []agent.TraceRecord
}
