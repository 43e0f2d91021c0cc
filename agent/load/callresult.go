package load

import (
	"slices"
	"strings"
	"time"

	"ringback/media"
	"ringback/sip"
)

// What became of a call.
const (
	CallDone    = "done"    // answered, and hung up by us in its time
	CallFailed  = "failed"  // not answered
	CallDropped = "dropped" // ended by the far end after the answer
	CallCut     = "cut"     // taken away by the end of the run
	CallMissed  = "missed"  // it came to a user, and ended before the answer
	CallRefused = "refused" // an agent did not take it, or a user as the plan says
)

// callSchema is the version of a CallResult.
const callSchema = "ringback.load-call/1"

// CallResult is what became of one call.
type CallResult struct {
	Schema    string     `json:"schema"`              // ringback.load-call/1
	Generator string     `json:"generator,omitempty"` // i/N, where there are several
	Due       time.Time  `json:"due"`                 // when the plan wanted it: times count from there
	Ended     time.Time  `json:"ended"`
	From      string     `json:"from"` // the user
	To        string     `json:"to"`
	SIPCallID string     `json:"sip_call_id"`
	Inbound   bool       `json:"inbound,omitempty"` // it came to a user: it was due when it came
	Outcome   string     `json:"outcome"`
	Cause     string     `json:"cause"` // why it failed or was dropped
	LateMS    float64    `json:"late_ms"`
	SetupMS   *float64   `json:"setup_ms"`  // null: no sign of the far end
	AnswerMS  *float64   `json:"answer_ms"` // null: not answered
	Talk      float64    `json:"talk_seconds"`
	Media     *CallMedia `json:"media"` // null: signalling only, or too short

	// Of agents. Their due is when the offer was to be taken.
	Interaction string       `json:"interaction,omitempty"`
	Role        string       `json:"role,omitempty"`  // main, consultation or party
	Verbs       []VerbResult `json:"verbs,omitempty"` // with the main call: what the agent did, in its order

	// messages are there with Options.Ladders; the shard adds to them, those of the end
	// too, until Run returns.
	ladder *callLadder
}

// callLadder is what is kept of a call's messages.
type callLadder struct {
	messages []sip.TraceRecord
	more     int // that were not kept
}

// add keeps a message of the call, as long as there are few.
func (l *callLadder) add(m sip.TraceRecord) {
	if len(l.messages) == maxLadder {
		l.more++
		return
	}
	l.messages = append(l.messages, m)
}

// settled is the result with the messages that it has come to: none is added any more.
func (r CallResult) settled() CallResult {
	if r.ladder != nil {
		r.ladder = &callLadder{slices.Clone(r.ladder.messages), r.ladder.more}
	}
	return r
}

// Messages are those of the call, empty without Options.Ladders. Once Run has returned,
// or of a call that OnFailed was told.
func (r CallResult) Messages() []sip.TraceRecord {
	if r.ladder == nil {
		return nil
	}
	return r.ladder.messages
}

// Missing is how many messages more the call had than Messages, as far as is known.
func (r CallResult) Missing() int {
	if r.ladder == nil {
		return 0
	}
	return r.ladder.more
}

// CallMedia is how a call was heard.
type CallMedia struct {
	Codec     string  `json:"codec"`
	RXPackets uint64  `json:"rx_packets"`
	TXPackets uint64  `json:"tx_packets"`
	Lost      int64   `json:"lost"`
	JitterMS  float64 `json:"jitter_ms"`
	MOS       float64 `json:"mos"` // 0: nothing came
	MOSScale  string  `json:"mos_scale"`
}

func callMedia(s media.Stats) *CallMedia {
	return &CallMedia{s.Codec, s.RxPackets, s.TxPackets, s.Lost, s.JitterMS, s.MOS, s.MOSScale}
}

// tellers are who is told each call, as Options has them.
type tellers struct {
	onCall, onFailed func(CallResult) // nil: nobody asks
	generator        string           // i/N; empty: it is the only one
	ladders          bool
}

// wanted says that somebody is told.
func (t tellers) wanted() bool { return t.onCall != nil || t.onFailed != nil }

// call tells a call at its end, and says that it is to be told as failed, too, once its last
// messages have come.
func (t tellers) call(r CallResult) (failed bool) {
	if t.onCall != nil {
		t.onCall(r)
	}
	return t.onFailed != nil && (r.Outcome == CallFailed || r.Outcome == CallDropped)
}

func millisOf(d time.Duration) *float64 {
	ms := float64(d.Microseconds()) / 1000
	return &ms
}

// tell hands over what became of a call. Loop goroutine.
func (c *call) tell(cause sip.Cause, heard *CallMedia) {
	s := c.shard
	if !s.tell.wanted() {
		return
	}
	now := s.loop.Now()
	r := CallResult{Schema: callSchema, Generator: s.tell.generator, Due: c.arrival, Ended: now, From: c.from.AOR.User, To: c.to.String(), LateMS: *millisOf(c.late), Media: heard}
	if c.session != nil {
		r.SIPCallID = string(c.session.ID())
		r.ladder = s.ladders[c.session.ID()]
	}
	if c.rang {
		r.SetupMS = millisOf(c.sign.Sub(c.arrival))
	}
	switch {
	case !c.up && c.ours && s.ending:
		r.Outcome = CallCut
	case !c.up:
		r.Outcome, r.Cause = CallFailed, causeText(cause)
	case !c.ours:
		r.Outcome, r.Cause = CallDropped, causeText(cause)
	default:
		r.Outcome = CallDone
	}
	if c.up {
		r.AnswerMS, r.Talk = millisOf(c.answer.Sub(c.arrival)), now.Sub(c.answer).Seconds()
		if r.Outcome == CallDone && s.ending {
			r.Outcome = CallCut
		}
	}
	s.tells(r)
}

// tells hands over a call at its end, and again as failed, where it is, once its last
// messages have come.
func (s *shard) tells(r CallResult) {
	if s.tell.call(r) {
		s.settling = append(s.settling, r)
		s.loop.After(lastWords, s.settle)
	}
}

// lastWords is how long after its end a failed call is told: its ACK, or the answer to
// its BYE, comes behind it.
const lastWords = 200 * time.Millisecond

// settle tells the failed call that waits longest, with the messages that it has come
// to. Loop goroutine.
func (s *shard) settle() {
	if len(s.settling) == 0 {
		return // close was before
	}
	r := s.settling[0]
	s.settling = s.settling[1:]
	s.tell.onFailed(r.settled())
}

// maxLadder is how many messages of a call are kept.
const maxLadder = 60

// trace keeps the messages of the calls that are up, or were until now. Loop goroutine.
func (s *shard) trace(m sip.TraceRecord) {
	id := tracedCallID(m.Text)
	kept := s.ladders[id]
	if kept == nil && s.speaker != nil && !m.Out && strings.HasPrefix(m.Text, "INVITE ") { // it comes before whoever takes the call
		kept = &callLadder{}
		s.ladders[id] = kept
	}
	if kept != nil {
		kept.add(m)
	}
}

// maxPast is for how many calls that have ended messages are still expected: BYE and
// its answer.
const maxPast = 2000

// forget lets go of the messages of a call that ended long ago.
func (s *shard) forget(id sip.CallID) {
	if s.ladders == nil {
		return
	}
	if s.past = append(s.past, id); len(s.past) > maxPast {
		delete(s.ladders, s.past[0])
		s.past = s.past[1:]
	}
}

// tracedCallID is the Call-ID of a message, empty where it has none.
func tracedCallID(message string) sip.CallID {
	for line := range strings.SplitSeq(message, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); ok && (strings.EqualFold(name, "Call-ID") || strings.EqualFold(name, "i")) {
			return sip.CallID(strings.TrimSpace(value))
		}
		if line == "" {
			break
		}
	}
	return ""
}
