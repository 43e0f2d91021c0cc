package agent

import (
	"fmt"
	"testing"
	"time"
)

func TestChannelTable_DecidesNothingTwice(t *testing.T) {
	seen := map[string]bool{}
	reached := map[string]bool{}
	for _, m := range channelMoves() {
		key := fmt.Sprint(m.from, m.busy, m.on)
		if seen[key] {
			t.Errorf("%s twice", key)
		}
		seen[key] = true
		reached[m.to] = true
	}
	for _, state := range []string{channelReady, channelNotReady, channelDND, channelACW, channelOut} {
		if !reached[state] {
			t.Errorf("%s is never reached", state)
		}
		if state != channelOut && !seen[fmt.Sprint(state, false, loggedOff)] {
			t.Errorf("%s cannot end", state)
		}
	}
}

func TestChannel_Stories(t *testing.T) {
	const wrap = 30 * time.Second
	type step struct {
		do      string
		reason  string
		state   string // after it
		why     string
		pending string
	}
	for name, story := range map[string][]step{
		"a call is wrapped up and the channel is ready again": {
			{"begin", "", "ready", "", ""}, {"over", "", "after-call-work", "", ""}, {string(wrappedUp), "", "ready", "", ""},
		},
		"not ready asked for in a call waits, and comes after the wrap-up": {
			{"begin", "", "ready", "", ""}, {string(askNotReady), "lunch", "ready", "", "not-ready"},
			{"over", "", "after-call-work", "", "not-ready"}, {string(wrappedUp), "", "not-ready", "lunch", ""},
		},
		"asked for and taken back in the same call": {
			{"begin", "", "ready", "", ""}, {string(askNotReady), "lunch", "ready", "", "not-ready"},
			{string(askReady), "", "ready", "", ""}, {"over", "", "after-call-work", "", ""}, {string(wrappedUp), "", "ready", "", ""},
		},
		"the agent's word ends after call work": {
			{"begin", "", "ready", "", ""}, {"over", "", "after-call-work", "", ""}, {string(askNotReady), "lunch", "not-ready", "lunch", ""},
			{string(wrappedUp), "", "not-ready", "lunch", ""},
		},
		"a call out of not ready leads back to it": {
			{string(askNotReady), "lunch", "not-ready", "lunch", ""}, {"begin", "", "not-ready", "lunch", ""},
			{"over", "", "after-call-work", "", ""}, {string(wrappedUp), "", "not-ready", "lunch", ""},
		},
		"dnd leads back to where it came from": {
			{string(askNotReady), "lunch", "not-ready", "lunch", ""}, {string(askDND), "", "dnd", "", ""}, {string(askDNDOff), "", "not-ready", "lunch", ""},
		},
		"dnd off without dnd changes nothing": {
			{string(askDNDOff), "", "ready", "", ""},
		},
		"missed offers make a ready channel not ready": {
			{string(missedEnough), missedReason, "not-ready", missedReason, ""}, {string(missedEnough), "x", "not-ready", missedReason, ""},
		},
		"logged out, and in again": {
			{string(askLogout), "", "logged-out", "", ""}, {string(askLogout), "", "logged-out", "", ""},
			{string(askDND), "", "logged-out", "", ""}, {string(askDNDOff), "", "logged-out", "", ""}, {string(missedEnough), "", "logged-out", "", ""},
			{string(askNotReady), "lunch", "not-ready", "lunch", ""}, {string(askLogout), "", "logged-out", "", ""}, {string(askReady), "", "ready", "", ""},
		},
		"a logout asked for in a call waits for the end of the wrap-up": {
			{"begin", "", "ready", "", ""}, {string(askLogout), "", "ready", "", "logged-out"}, {"over", "", "after-call-work", "", "logged-out"},
			{string(wrappedUp), "", "logged-out", "", ""},
		},
		"a logout taken back in the same call": {
			{"begin", "", "ready", "", ""}, {string(askLogout), "", "ready", "", "logged-out"}, {string(askReady), "", "ready", "", ""},
			{"over", "", "after-call-work", "", ""}, {string(wrappedUp), "", "ready", "", ""},
		},
		"a logout ends the wrap-up": {
			{"begin", "", "ready", "", ""}, {"over", "", "after-call-work", "", ""}, {string(askLogout), "", "logged-out", "", ""},
			{string(wrappedUp), "", "logged-out", "", ""},
		},
		"who is logged out and calls has no wrap-up": {
			{string(askLogout), "", "logged-out", "", ""}, {"begin", "", "logged-out", "", ""}, {"over", "", "logged-out", "", ""},
		},
		"who is logged out and asks for ready in a call is ready after it": {
			{string(askLogout), "", "logged-out", "", ""}, {"begin", "", "logged-out", "", ""}, {string(askReady), "", "logged-out", "", "ready"},
			{string(askDND), "", "logged-out", "", "ready"}, {"over", "", "ready", "", ""},
		},
		"switched off in a call": {
			{"begin", "", "ready", "", ""}, {string(loggedOff), "", "logged-out", "", ""}, {"over", "", "logged-out", "", ""},
		},
		"calling again during the wrap-up": {
			{"begin", "", "ready", "", ""}, {"over", "", "after-call-work", "", ""}, {"begin", "", "ready", "", ""},
			{"over", "", "after-call-work", "", ""}, {string(wrappedUp), "", "ready", "", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			c := newChannel(ChannelVoice, now)
			c.input(askReady, "", now, wrap)
			for i, s := range story {
				now = now.Add(time.Second)
				switch s.do {
				case "begin":
					c.setBusy(true, now, wrap)
				case "over":
					c.setBusy(false, now, wrap)
				default:
					c.input(channelInput(s.do), s.reason, now, wrap)
				}
				if v := c.view(); v.State != s.state || v.Reason != s.why || v.Pending != s.pending {
					t.Fatalf("step %d %s: %+v", i, s.do, v)
				}
			}
		})
	}
}

func TestChannel_TimeInState(t *testing.T) {
	at := time.Now()
	c := newChannel(ChannelVoice, at)
	c.input(askReady, "", at.Add(time.Second), 0)
	c.input(askReady, "", at.Add(2*time.Second), 0)
	if got := c.view().Since; !got.Equal(at.Add(time.Second)) {
		t.Errorf("asking for what is so does not start the time anew: %v", got)
	}
	c.setBusy(true, at, 0)
	c.setBusy(false, at.Add(3*time.Second), 0)
	if v := c.view(); v.State != channelReady || !v.Since.Equal(at.Add(time.Second)) {
		t.Errorf("without wrap-up time a call does not change the channel: %+v", v)
	}
}
