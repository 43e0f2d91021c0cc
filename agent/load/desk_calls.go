package load

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"ringback/agent"
	"ringback/sip"
)

// VerbResult is a command that an agent gave.
type VerbResult struct {
	Verb  string  `json:"verb"`
	MS    float64 `json:"ms"`              // until its outcome
	Error string  `json:"error,omitempty"` // why it was refused
}

// maxDeskLadders is of how many calls a desk remembers the messages: those of one
// interaction, and of those that ended shortly before.
const maxDeskLadders = 8

// deskCalls is what a desk remembers of the callback that it has in hand. The desk's
// goroutine owns all but the ladders, to which the phone's loop adds. nil: nobody asks.
type deskCalls struct {
	due     time.Time // when the offer was to be taken
	late    time.Duration
	answer  time.Duration // from due; below 0: there was none
	outcome string
	cause   string
	verbs   []VerbResult

	mu      sync.Mutex
	ladders map[sip.CallID]*callLadder
	order   []sip.CallID
}

// offered begins with a callback.
func (c *deskCalls) offered() {
	if c != nil {
		c.due, c.late, c.answer, c.outcome, c.cause, c.verbs = time.Now(), 0, -1, CallCut, "", nil
	}
}

// begins is when the agent takes it, or calls from its preview, and how late that was.
func (c *deskCalls) begins(late time.Duration) {
	if c != nil {
		c.due, c.late = time.Now().Add(-late), late
	}
}

// answered is when the contact is there.
func (c *deskCalls) answered() {
	if c != nil {
		c.answer = time.Since(c.due)
		c.outcome = CallCut // until it has come to its end
	}
}

// ends is the end of a talk that nothing cut short.
func (c *deskCalls) ends() {
	if c != nil && c.outcome == CallCut {
		c.outcome = CallDone
	}
}

// becomes says what became of it.
func (c *deskCalls) becomes(outcome, cause string) {
	if c != nil {
		c.outcome, c.cause = outcome, cause
	}
}

// did is a command that was given.
func (c *deskCalls) did(verb string, took time.Duration, refused string) {
	if c != nil {
		c.verbs = append(c.verbs, VerbResult{verb, *millisOf(took), refused})
	}
}

// trace keeps the messages of calls. On the phone's loop.
func (c *deskCalls) trace(m sip.TraceRecord) {
	if m.Keepalive {
		return
	}
	id := tracedCallID(m.Text)
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.ladders[id]
	switch {
	case kept == nil && !strings.HasPrefix(m.Text, "INVITE "):
		return
	case kept == nil:
		if c.ladders == nil {
			c.ladders = map[sip.CallID]*callLadder{}
		}
		kept = &callLadder{}
		c.ladders[id], c.order = kept, append(c.order, id)
		if len(c.order) > maxDeskLadders {
			delete(c.ladders, c.order[0])
			c.order = c.order[1:]
		}
	}
	kept.add(m)
}

// ladder is that of a call, to which messages may come still; nil: there is none.
func (c *deskCalls) ladder(id string) *callLadder {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ladders[sip.CallID(id)]
}

// settled is the result with the messages that it has now.
func (c *deskCalls) settled(r CallResult) CallResult {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.settled()
}

// callsOf are the calls of an interaction so far, the contact's last.
func (d *desk) callsOf(id agent.InteractionID) []agent.CallState {
	var sides, main []agent.CallState
	for _, c := range d.agent.State().Calls {
		switch {
		case c.Interaction != id:
		case c.Role == agent.RoleMain:
			main = append(main, c)
		default:
			sides = append(sides, c)
		}
	}
	return append(sides, main[max(0, len(main)-1):]...)
}

// tells hands over what became of the callback in hand and of the calls beside it, which
// are as they were at its end.
func (d *desk) tells(in agent.InteractionState, calls []agent.CallState) {
	c := d.calls
	if c == nil {
		return
	}
	main := agent.CallState{Role: agent.RoleMain, Remote: in.Contact.Number}
	for _, one := range calls {
		if one.Role == agent.RoleMain {
			main = one
			continue
		}
		r := d.result(in.ID, one)
		r.Due, r.Outcome = one.Started, CallDone
		if one.Connected == nil {
			r.Outcome, r.Cause = CallFailed, endOf(one)
		} else {
			r.AnswerMS = millisOf(one.Connected.Sub(one.Started))
		}
		d.floor.told(c, r)
	}
	r := d.result(in.ID, main)
	r.Due, r.LateMS, r.Outcome, r.Cause, r.Verbs = c.due, *millisOf(c.late), c.outcome, c.cause, c.verbs
	if c.answer >= 0 {
		r.AnswerMS = millisOf(c.answer)
	}
	d.floor.told(c, r)
}

// endOf is why a call did not come up.
func endOf(c agent.CallState) string {
	switch {
	case c.Code > 0 && !c.Unreached:
		return strings.TrimSpace(fmt.Sprintf("%d %s", c.Code, c.Reason))
	case c.Reason != "":
		return c.Reason
	}
	return "the target did not answer"
}

// result is what a call itself says.
func (d *desk) result(in agent.InteractionID, c agent.CallState) CallResult {
	r := CallResult{Schema: callSchema, Generator: d.floor.tell.generator, Ended: time.Now(), From: d.user, To: c.Remote, SIPCallID: c.SIPCallID, Interaction: string(in), Role: string(c.Role)}
	if c.Ended != nil {
		r.Ended = *c.Ended
	}
	if c.SIPCallID != "" {
		r.ladder = d.calls.ladder(c.SIPCallID)
	}
	if c.Connected != nil {
		r.Talk = r.Ended.Sub(*c.Connected).Seconds()
		if q := c.Quality; q.RXPackets > 0 || r.Ended.Sub(*c.Connected) >= soon {
			r.Media = &CallMedia{c.Codec, q.RXPackets, q.TXPackets, int64(q.Lost), q.JitterMS, q.MOS, q.MOSScale}
		}
	}
	return r
}

// told tells who asks; of a failed call once its last messages have come.
func (f *floor) told(c *deskCalls, r CallResult) {
	if !f.tell.call(r) {
		return
	}
	f.waiting.Add(1)
	time.AfterFunc(lastWords, func() {
		defer f.waiting.Done()
		f.tell.onFailed(c.settled(r))
	})
}
