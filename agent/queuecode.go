package agent

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ringback/media"
	"ringback/media/sdp"
	"ringback/sip"
	"ringback/sip/loop"
)

// Bounds of a feature code.
const (
	codeRing = 20 * time.Second // to be answered
	codeTalk = 3 * time.Second  // for the PBX to hang up by itself: what the code does may come after the answer
)

// QueueState is what the PBX knows of a channel.
type QueueState struct {
	State   string     `json:"state"`  // of a queue: unpaused, paused, logged-out; of presence: open, closed; unknown
	Reason  string     `json:"reason"` // why it could not be told the newest
	NextTry *time.Time `json:"next_try"`
}

// queueDesk tells the PBX's queue how the voice channel stands, by feature codes: one
// at a time, each state once, and again when the PBX may have forgotten it. The loop
// owns it. A PBX that does not take them changes nothing here.
type queueDesk struct {
	codes    queueCodes
	told     queueStand // what the PBX has taken
	want     queueStand // at the last look
	asking   bool       // a code is on its way
	call     *codeCall  // that carries it; nil: none does
	failures int        // in a row
	reason   string     // of the last one
	after    time.Time  // nothing before that
	timer    *loop.Timer
}

func newQueueDesk(c *ChannelsConfig) queueDesk {
	return queueDesk{codes: queueCodes{login: c.PBX["login"], logout: c.PBX["logout"], pause: c.PBX["pause"], unpause: c.PBX["unpause"],
		reasons: c.PBXReasons, exit: c.PBXExit}}
}

// forget: the PBX may have forgotten what it was told.
func (d *queueDesk) forget() {
	d.told = queueStand{}
	d.failures, d.after = 0, time.Time{}
}

// view is what the PBX knows; nil when it is told nothing.
func (d *queueDesk) view() *QueueState {
	if d.codes.none() {
		return nil
	}
	v := &QueueState{State: "unknown", Reason: d.reason, NextTry: timeOf(d.after)}
	switch {
	case d.told.login == "out":
		v.State = "logged-out"
	case d.told.pause == queueUnpaused:
		v.State = "unpaused"
	case d.told.pause != "":
		v.State = "paused"
	}
	return v
}

// followQueue tells the queue what has changed. It runs after every input.
func (a *Agent) followQueue() {
	d := &a.queue
	if d.codes.none() || !a.reachable() {
		return
	}
	want := a.queueWant()
	if want != d.want { // something new does not wait for the next try of the old
		d.want, d.failures, d.after, d.reason = want, 0, time.Time{}, ""
		d.timer.Stop()
		d.call.giveUp()
	}
	if d.asking || a.now().Before(d.after) {
		return
	}
	if code, then := d.codes.next(d.told, want); code != "" {
		d.asking, d.after = true, time.Time{}
		a.sendCode(code, func(reply sip.Reply) {
			d.asking, d.call = false, nil
			a.codeAnswered(code, then, want, reply)
		})
		return
	}
	d.reason, d.after = "", time.Time{}
}

// queueWant is how the queue shall stand now.
func (a *Agent) queueWant() queueStand {
	if a.stopping {
		return a.queue.codes.wantAtExit(a.queue.told)
	}
	return a.queue.codes.want(a.voice.state, a.voice.reason)
}

// tellingQueue reports whether the queue is being told something, or is about to be.
func (a *Agent) tellingQueue() bool {
	d := &a.queue
	code, _ := d.codes.next(d.told, a.queueWant())
	return d.failures == 0 && a.reachable() && (d.asking || code != "")
}

// reachable reports whether the PBX takes requests of ours now, and has a reason to.
func (a *Agent) reachable() bool {
	return a.begun && !a.leaving && (a.registered.State == "registered" || !a.cfg.Account.Register)
}

// codeAnswered: the PBX took a code that was sent for what was wanted then, or did
// not. Where nothing is known of it, nothing is known of the queue.
func (a *Agent) codeAnswered(code string, then, want queueStand, reply sip.Reply) {
	d := &a.queue
	if reply.Err == nil && codeTaken(reply.Code) {
		d.told, d.failures, d.after, d.reason = then, 0, time.Time{}, ""
		return
	}
	if reply.Err != nil {
		d.told = queueStand{}
	}
	if want != d.want || a.leaving { // it was given up for something new, or with the phone
		return
	}
	d.failures++
	wait := a.pause(d.failures + 1)
	if reply.Err == nil && !mayPass(reply.Code) {
		wait = a.jittered(mostPause)
	}
	d.after = a.now().Add(wait)
	d.timer = a.loop.After(wait, a.input(func() {}))
	reason, before := code+": "+refusal(reply), d.reason
	d.reason = reason // before it is told: an event carries the state
	if reason != before {
		a.emit(Event{Type: ErrorHappened, Channel: ChannelVoice, Code: reply.Code, Target: code, Text: "tell the PBX's queue: " + reason})
	}
}

// codeTaken reports whether a PBX has done what a code asks: it answered, or it
// ran its dialplan to the end without an answer, to which Asterisk says 603.
func codeTaken(code int) bool { return code >= 200 && code < 300 || code == 603 }

// sendCode sends a feature code in the configured way. done is called once, on the
// loop, as an input of its own.
func (a *Agent) sendCode(code string, done func(sip.Reply)) {
	to, refused := a.target(code)
	if refused != nil {
		a.loop.After(0, a.input(func() { done(sip.Reply{Err: refused}) }))
		return
	}
	if a.cfg.Channels.PBXBy == "message" {
		a.messageCode(to, done)
		return
	}
	a.callCode(to, done)
}

// channelMessage is the body of a code that goes as a MESSAGE: the code is the
// address, and this says why.
type channelMessage struct {
	Schema  string      `json:"schema"`
	Agent   string      `json:"agent"`
	Channel ChannelName `json:"channel"`
	State   string      `json:"state"`
	Reason  string      `json:"reason"`
	Time    time.Time   `json:"time"`
}

func (a *Agent) messageCode(to sip.URI, done func(sip.Reply)) {
	body, err := json.Marshal(channelMessage{"ringback.channel/1", a.account.AOR.String(), a.voice.name, a.voice.state,
		cutText(a.voice.reason, maxReportText), *reportTime(a.now())})
	if err != nil { // texts and a time cannot fail
		body = []byte("{}")
	}
	a.ua.Request(a.account, sip.RequestOptions{Method: "MESSAGE", To: to, Home: true, ContentType: reportAsText, Body: body, Timeout: codeRing},
		func(r sip.Reply) { a.input(func() { done(r) })() })
}

// callCode dials a feature code in a short call of which the agent hears nothing. The
// PBX hangs up when it has done what the code asks; if it does not, the phone does.
func (a *Agent) callCode(to sip.URI, done func(sip.Reply)) {
	c := &codeCall{agent: a, done: done}
	a.queue.call = c
	if err := c.dial(to); err != nil {
		c.over(sip.Reply{Err: fmt.Errorf("dial %s: %w", to.User, err)})
	}
}

// codeCall is the call of a feature code.
type codeCall struct {
	agent    *Agent
	media    *media.Session
	session  *sip.Session
	answered bool
	left     bool // the phone gave it up
	done     func(sip.Reply)
}

func (c *codeCall) dial(to sip.URI) error {
	a := c.agent
	var err error
	if c.media, err = a.mediaSession(nil, func(media.Event) {}); err != nil {
		return err
	}
	offer, err := c.media.CreateOffer(sdp.RecvOnly)
	if err == nil {
		c.session, err = a.ua.Invite(sip.InviteOptions{Account: a.account, To: to, Offer: offer, Timeout: codeRing},
			sip.SessionHandlerFunc(func(_ *sip.Session, e sip.Event) { a.input(func() { c.event(e) })() }))
	}
	return err
}

func (c *codeCall) event(e sip.Event) {
	switch e := e.(type) {
	case sip.Answered:
		c.answered = true // also of a call that was given up in that moment: the PBX has run the code
		c.agent.loop.After(codeTalk, c.agent.input(func() { _ = c.session.Hangup(sip.ReasonHeader{}) }))
	case sip.OfferReceived:
		_ = c.session.RefuseOffer(488)
	case sip.Ended:
		reply := sip.Reply{Code: e.Cause.Code, Reason: cmp.Or(e.Cause.Reason, e.Cause.Text, strings.ReplaceAll(string(e.Cause.Kind), "-", " "))}
		if c.answered {
			reply = sip.Reply{Code: 200}
		} else if c.left || e.Cause.Code == 0 {
			reply = sip.Reply{Err: fmt.Errorf("%s", reply.Reason)}
		}
		c.over(reply)
	}
}

// giveUp ends a call that is not answered; nothing for nil.
func (c *codeCall) giveUp() {
	if c != nil && !c.answered {
		c.end()
	}
}

// end ends the call, answered or not; nothing for nil.
func (c *codeCall) end() {
	if c != nil && c.session != nil {
		c.left = true
		_ = c.session.Hangup(sip.ReasonHeader{})
	}
}

// over gives the call's media back, then tells, as an input of its own.
func (c *codeCall) over(r sip.Reply) {
	if c.media != nil {
		if err := c.media.Close(); err != nil {
			c.agent.log.Debug("close media", "error", err)
		}
	}
	c.agent.loop.After(0, c.agent.input(func() { c.done(r) }))
}
