package agent

import (
	"testing"
	"time"

	"ringback/internal/lab"
)

// onWeb moves the newest interaction to the webcallback channel, which works like
// voice whatever brought the work.
func (b *bed) onWeb() {
	b.t.Helper()
	b.on(func(a *Agent) {
		a.input(func() { a.interactions[len(a.interactions)-1].channel = ChannelWebCallback })()
	})
}

func (b *bed) web() ChannelState { return b.agent.State().Channels[ChannelWebCallback] }

func TestStory_EachChannelMissesItsOwnOffers(t *testing.T) {
	story(t, func(c *Config, _ *lab.Config) { c.Callbacks.OfferTimeout, c.Callbacks.MissedLimit = 5*time.Second, 2 }, func(b *bed) {
		b.agentDoes("ready", map[string]any{"channel": "webcallback"})
		b.offer(lab.Callback{})
		for range 2 {
			b.wait(OfferReceived)
			b.onWeb()
			b.wait(OfferMissed)
		}
		if c := b.wait(ChannelChanged); c.Channel != ChannelWebCallback {
			t.Errorf("%+v", c)
		}
		if web, voice := b.web(), b.channel(); web.State != "not-ready" || web.Reason != missedReason || web.Missed != 2 || voice.State != "ready" || voice.Missed != 0 {
			t.Errorf("web %+v, voice %+v", web, voice)
		}
	})
}

func TestStory_EachChannelWrapsUpItsOwnCalls(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.agentDoes("ready", map[string]any{"channel": "webcallback"})
		b.offer(lab.Callback{})
		b.wait(OfferReceived)
		b.onWeb()
		b.do("accept", nil)
		b.agentDoes("logout", map[string]any{"channel": "webcallback"})
		if web := b.web(); web.State != "ready" || web.Pending != "logged-out" {
			t.Errorf("a logout waits for the end of the call: %+v", web)
		}
		b.do("end", nil)
		if web, voice := b.web(), b.channel(); web.State != "after-call-work" || web.WrapUpUntil == nil || voice.State != "ready" {
			t.Errorf("web %+v, voice %+v", web, voice)
		}
		b.do("done", nil)
		if web, voice := b.web(), b.channel(); web.State != "logged-out" || voice.State != "ready" {
			t.Errorf("web %+v, voice %+v", web, voice)
		}
	})
}

func TestStory_RejectAndNotReadyIsOfTheOffersChannel(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.agentDoes("ready", map[string]any{"channel": "webcallback"})
		b.offer(lab.Callback{})
		b.wait(OfferReceived)
		b.onWeb()
		b.do("reject", map[string]any{"not_ready": true})
		if web := b.web(); web.State != "not-ready" {
			t.Errorf("%+v", web)
		}
	})
}

func TestStory_LoggedOutRefusesCallsAndStaysSoAfterOneOfItsOwn(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.agentDoes("logout", nil)
		b.offer(lab.Callback{})
		if e := b.at(lab.CallbackRejected, "1001"); e.Code != 480 {
			t.Errorf("%v", e)
		}
		if err := b.fails("dnd", map[string]any{"on": true}, CodeNotAllowed); len(err.Allowed) != 2 {
			t.Errorf("%+v", err)
		}
		b.do("dial", map[string]any{"target": "601"})
		b.wait(CallConnected)
		b.do("end", map[string]any{"interaction": "i1"})
		if c := b.channel(); c.State != "logged-out" {
			t.Errorf("%+v", c)
		}
	})
}
