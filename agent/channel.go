package agent

import (
	"slices"
	"strings"
	"time"

	"ringback/sip/loop"
)

// ChannelName names a channel: two separate readiness states.
type ChannelName string

// The channels.
const (
	ChannelVoice       ChannelName = "voice"
	ChannelWebCallback ChannelName = "webcallback"
)

// missedReason is the not-ready reason of a channel that missed too many offers.
const missedReason = "missed offers"

// channel is the readiness of one channel.
type channel struct {
	name          ChannelName
	state, reason string
	since         time.Time
	home, homeWhy string // last of ready and not ready that was asked for
	back, backWhy string // where after call work leads
	pending       string
	pendingWhy    string
	busy          bool
	missed        int
	wrapUntil     *time.Time
	timer         *loop.Timer
}

func newChannel(name ChannelName, now time.Time) *channel {
	return &channel{name: name, state: channelOut, since: now, home: channelNotReady}
}

// input takes one row of the table and reports whether there was one. wrapUp is
// the wrap-up time, 0 for none.
func (c *channel) input(on channelInput, reason string, now time.Time, wrapUp time.Duration) bool {
	m, known := channelMoveFor(c.state, c.busy, on)
	if !known {
		return false
	}
	if on == callOver {
		c.noteBack()
	}
	to := m.to
	switch to {
	case channelHome:
		to, reason = c.home, c.homeWhy
	case channelBack:
		to, reason = c.back, c.backWhy
	}
	if on == askReady || on == askNotReady || on == missedEnough {
		c.home, c.homeWhy = to, reason
	}
	if m.pend {
		c.pending, c.pendingWhy = to, reason
		if to == c.state && reason == c.reason {
			c.pending, c.pendingWhy = "", ""
		}
		return true
	}
	if on == callOver && to == channelACW && wrapUp == 0 {
		to, reason = c.back, c.backWhy
	}
	c.enter(to, reason, now)
	return true
}

// noteBack keeps where to go after the wrap-up: what was asked for during the
// call, else what was before.
func (c *channel) noteBack() {
	c.back, c.backWhy = c.state, c.reason
	if c.pending != "" {
		c.back, c.backWhy = c.pending, c.pendingWhy
	}
}

func (c *channel) enter(to, reason string, now time.Time) {
	c.timer.Stop()
	c.timer, c.wrapUntil = nil, nil
	if to != channelACW {
		c.pending, c.pendingWhy = "", ""
	}
	if to == channelReady && c.state != channelReady {
		c.missed = 0
	}
	if to != c.state || reason != c.reason {
		c.since = now
	}
	c.state, c.reason = to, reason
}

// setBusy tells the channel that a call of its own is up, or that none is.
func (c *channel) setBusy(busy bool, now time.Time, wrapUp time.Duration) {
	if busy == c.busy {
		return
	}
	if busy {
		c.input(callBegan, "", now, wrapUp)
		c.busy = true
		return
	}
	c.input(callOver, "", now, wrapUp)
	c.busy = false
}

// mayRing reports whether plain calls may be offered although the channel is not ready.
func (c *channel) mayRing() bool { return c.state != channelDND && c.state != channelOut }

func (c *channel) view() ChannelState {
	return ChannelState{State: c.state, Reason: c.reason, Since: c.since, Pending: c.pending,
		PendingReason: c.pendingWhy, WrapUpUntil: c.wrapUntil, Missed: c.missed}
}

// channels are all of them.
func (a *Agent) channels() []*channel { return []*channel{a.voice, a.web} }

// channelNamed is the channel of that name.
func (a *Agent) channelNamed(name ChannelName) *channel {
	if name == ChannelWebCallback {
		return a.web
	}
	return a.voice
}

// channelOf is the channel that an interaction is worked on.
func (a *Agent) channelOf(in *interaction) *channel { return a.channelNamed(in.channel) }

// channelView is a channel as it is published.
func (a *Agent) channelView(c *channel) ChannelState {
	v := c.view()
	if c == a.voice {
		v.PBX, v.Presence = a.queue.view(), a.presenceView()
	}
	return v
}

// named finds the channels that an action means.
func (a *Agent) named(name string) ([]*channel, *ActionError) {
	switch name {
	case "", string(ChannelVoice):
		return []*channel{a.voice}, nil
	case string(ChannelWebCallback):
		return []*channel{a.web}, nil
	case "all":
		return a.channels(), nil
	}
	return nil, refuse(CodeInvalid, "channel %q is not known", name).hint("use voice, webcallback or all")
}

func (a *Agent) actReady(r *request) { a.askChannels(r, askReady, "") }

func (a *Agent) actNotReady(r *request) {
	reasons := a.cfg.Channels.NotReadyReasons
	if why := r.args.Reason; why != "" && len(reasons) > 0 && !slices.Contains(reasons, why) {
		r.fail(refuse(CodeInvalid, "reason %q is not known", why).hint("use one of %s", strings.Join(reasons, ", ")))
		return
	}
	a.askChannels(r, askNotReady, r.args.Reason)
}

func (a *Agent) actDND(r *request) {
	if *r.args.On {
		a.askChannels(r, askDND, "")
		return
	}
	a.askChannels(r, askDNDOff, "")
}

func (a *Agent) actLogout(r *request) { a.askChannels(r, askLogout, "") }

func (a *Agent) askChannels(r *request, on channelInput, reason string) {
	channels, refused := a.named(r.args.Channel)
	if refused != nil {
		r.fail(refused)
		return
	}
	for _, c := range channels {
		if on == askDND && c.state == channelOut {
			err := refuse(CodeNotAllowed, "dnd is not allowed: the %s channel is logged out", c.name)
			err.Allowed = []string{"not-ready", "ready"}
			r.fail(err.hint("log in again with ready or not-ready"))
			return
		}
	}
	result := map[ChannelName]ChannelState{}
	for _, c := range channels {
		a.moveChannel(c, on, reason)
		result[c.name] = a.channelView(c)
	}
	r.done(map[string]any{"channels": result})
}

// moveChannel does an input and tells what changed.
func (a *Agent) moveChannel(c *channel, on channelInput, reason string) {
	before := c.view()
	c.input(on, reason, a.now(), a.cfg.Channels.WrapUp)
	a.channelMoved(c, before)
}

func (a *Agent) channelMoved(c *channel, before ChannelState) {
	if c.state == channelACW && c.timer == nil {
		until := a.now().Add(a.cfg.Channels.WrapUp)
		c.wrapUntil = &until
		c.timer = a.loop.After(a.cfg.Channels.WrapUp, a.input(func() { a.moveChannel(c, wrappedUp, "") }))
	}
	after := c.view()
	if before.State != after.State || before.Reason != after.Reason || before.Pending != after.Pending {
		a.emit(Event{Type: ChannelChanged, Channel: c.name, State: after.State, Reason: after.Reason})
	}
}

// followCalls moves each channel when its first call began or its last was over.
// It runs after every input.
func (a *Agent) followCalls() {
	for _, c := range a.channels() {
		busy := slices.ContainsFunc(a.interactions, func(in *interaction) bool { return in.channel == c.name && in.inCall() })
		if busy == c.busy {
			continue
		}
		before := c.view()
		c.setBusy(busy, a.now(), a.cfg.Channels.WrapUp)
		a.channelMoved(c, before)
	}
}

// wrapUpDone ends the after call work of a channel when nothing is left there to be
// wrapped up.
func (a *Agent) wrapUpDone(done *interaction) {
	c := a.channelOf(done)
	for _, in := range a.interactions {
		if in != done && in.channel == c.name && !in.closed && in.phase() == PhaseReadyToCall && !in.created.After(c.since) {
			return
		}
	}
	if c.state == channelACW {
		a.moveChannel(c, wrappedUp, "")
	}
}

// limitMissed makes a channel not ready that missed too many offers in a row.
func (a *Agent) limitMissed(c *channel) {
	if limit := a.cfg.Callbacks.MissedLimit; limit > 0 && c.missed >= limit {
		a.moveChannel(c, missedEnough, missedReason)
	}
}
