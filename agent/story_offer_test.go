package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
)

func TestStory_OfferRejected(t *testing.T) {
	story(t, func(c *Config, _ *lab.Config) { c.Callbacks.RejectCode = 486 }, func(b *bed) {
		b.offer(lab.Callback{})
		b.wait(OfferReceived)
		b.do("reject", map[string]any{"reason": "wrong language", "not_ready": true})
		if e := b.wait(OfferRejected); e.Code != 486 || e.Reason != "wrong language" {
			t.Errorf("%+v", e)
		}
		if e := b.at(lab.CallbackRejected, "1001"); e.Code != 486 {
			t.Errorf("%v", e)
		}
		if in := b.phase(PhaseDone); in.Result != "rejected" || len(in.Allowed) != 0 {
			t.Errorf("%+v", in)
		}
		if got := b.channel().State; got != "not-ready" {
			t.Error(got)
		}
	})
}

func TestStory_OfferMissedThreeTimesMakesNotReady(t *testing.T) {
	story(t, func(c *Config, p *lab.Config) {
		c.Callbacks.OfferTimeout = 5 * time.Second
	}, func(b *bed) {
		b.offer(lab.Callback{})
		for n := 1; n <= 3; n++ {
			b.wait(OfferReceived)
			began := time.Now()
			if e := b.wait(OfferMissed); e.Code != 480 || time.Since(began) != 5*time.Second {
				t.Errorf("%+v after %s", e, time.Since(began))
			}
		}
		b.wait(ChannelChanged)
		b.at(lab.CallbackRejected, "1001")
		if c := b.channel(); c.State != "not-ready" || c.Reason != "missed offers" {
			t.Errorf("%+v", c)
		}
		b.mark()
		<-time.After(time.Minute)
		if got := b.happened(); len(got) != 0 {
			t.Errorf("not ready, and %v", got)
		}
	})
}

func TestStory_OfferCancelled(t *testing.T) {
	story(t, nil, func(b *bed) {
		id := b.offer(lab.Callback{})
		b.wait(OfferReceived)
		if err := b.lab.GiveUp(id); err != nil {
			t.Fatal(err)
		}
		if e := b.wait(OfferCancelled); e.Reason != "cancelled" || e.SIPCallID == "" {
			t.Errorf("%+v", e)
		}
		err := b.fails("accept", map[string]any{"interaction": b.phase(PhaseDone).ID}, CodeNotAllowed)
		if !strings.Contains(err.Message, "cancelled") {
			t.Errorf("an accept that comes too late is told so: %v", err)
		}
		if got := b.channel(); got.State != "ready" || got.Missed != 0 {
			t.Errorf("a cancelled offer is not a missed one: %+v", got)
		}
	})
}

func TestStory_AcceptCrossesCancel(t *testing.T) {
	// CANCEL takes 5 ms. Whether the accept comes before it or after, the offer ends
	// as cancelled, and the agent is told so.
	crossed := 0
	for delay := time.Duration(0); delay <= 12*time.Millisecond; delay += time.Millisecond {
		story(t, nil, func(b *bed) {
			id := b.offer(lab.Callback{})
			b.wait(OfferReceived)
			b.settle()
			b.mark()
			if err := b.lab.GiveUp(id); err != nil {
				t.Fatal(err)
			}
			<-time.After(delay)
			_, err := b.try("accept", map[string]any{"interaction": "i1"})
			if err == nil || !strings.Contains(err.Message, "cancelled") {
				t.Errorf("after %s: %v", delay, err)
			}
			events := b.happened()
			if events[0] == string(OfferAccepted) {
				crossed++
			}
			if in := b.phase(PhaseDone); in.Result != "cancelled" || !slices.Contains(events, string(OfferCancelled)) {
				t.Errorf("after %s: %s, %v", delay, in.Result, events)
			}
			for _, c := range b.agent.State().Calls {
				if c.State != CallPhaseEnded {
					t.Errorf("after %s: a ghost %+v", delay, c)
				}
			}
			if got := b.channel().State; got != "ready" {
				t.Errorf("after %s: channel %s", delay, got)
			}
		})
	}
	if crossed == 0 || crossed == 13 {
		t.Errorf("%d of 13 crossed", crossed)
	}
}

func TestStory_NotReadyRefusesAtOnce(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.agentDoes("not-ready", map[string]any{"reason": "lunch"})
		b.mark()
		b.offer(lab.Callback{})
		if e := b.at(lab.CallbackRejected, "1001"); e.Code != 480 {
			t.Errorf("%v", e)
		}
		if got := b.happened(); len(got) != 0 {
			t.Errorf("a refused offer is not shown: %v", got)
		}
		var reason string
		for _, r := range b.agent.Trace("") {
			if strings.HasPrefix(r.Message, "SIP/2.0 480") {
				_, reason, _ = strings.Cut(r.Message, "Reason: ")
			}
		}
		if !strings.HasPrefix(reason, `SIP;cause=480;text="not-ready: lunch"`) {
			t.Errorf("Reason: %.60s", reason)
		}
		b.agentDoes("dnd", map[string]any{"on": true})
		b.agentDoes("dnd", map[string]any{"on": false})
		b.agentDoes("ready", nil)
		b.wait(OfferReceived)
	})
}

func TestStory_AutoAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		setting string
		header  bool
		answers bool
		after   time.Duration
	}{
		"off":                   {"off", true, false, 0},
		"by header":             {"header", true, true, 2 * time.Second},
		"by header, not asked":  {"header", false, false, 0},
		"always after a second": {"1s", false, true, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(cfg *Config, _ *lab.Config) { cfg.Callbacks.AutoAnswer = c.setting }, func(b *bed) {
				cb := lab.Callback{}
				if c.header {
					cb.Headers = headersOf("Call-Info", "<sip:lab>;answer-after=2")
				}
				b.offer(cb)
				b.wait(OfferReceived)
				began := time.Now()
				if !c.answers {
					<-time.After(10 * time.Second)
					b.phase(PhaseOffered)
					return
				}
				b.wait(CallConnected)
				if got := time.Since(began); got != c.after {
					t.Errorf("answered after %s", got)
				}
			})
		})
	}
}

func TestStory_FirstLegAgentDials(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.offer(lab.Callback{Type: "preview", FirstLeg: "agent", Number: "601", Name: "Tone"})
		b.wait(OfferReceived)
		if in := b.phase(PhaseOffered); in.AcceptMeans != "dial" {
			t.Errorf("the interface must say what accept does: %q", in.AcceptMeans)
		}
		r := b.do("accept", nil)
		if e := b.wait(CallConnected); e.Call != r.Call || !strings.HasPrefix(e.Remote, "sip:601@") {
			t.Errorf("%+v", e)
		}
		b.agentHears(r.Call, lab.ToneHz, true)
		in := b.phase(PhaseConnected)
		if len(in.Calls) != 2 || in.Attempts != 1 || in.Contact.Name != "Tone" {
			t.Errorf("%+v", in)
		}
		b.do("end", nil)
		b.do("call", nil)
		b.wait(CallConnected)
		if in := b.phase(PhaseConnected); in.Attempts != 2 || len(in.Calls) != 3 {
			t.Errorf("called again: %+v", in)
		}
	})
}

func TestStory_PreviewAnswersOnlyAfterAccept(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.offer(lab.Callback{Type: "preview"})
		b.wait(OfferReceived)
		<-time.After(5 * time.Second)
		for _, e := range b.lab.Log().Since(0) {
			if e.Type == lab.CallRinging && e.Peer == "+81312345678" {
				t.Errorf("the contact was dialled before the agent accepted: %v", e)
			}
		}
		r := b.do("accept", nil)
		b.wait(CallConnected)
		b.settle()
		b.settle()
		b.agentHears(r.Call, lab.ContactHz, true)
	})
}

func TestStory_LateOffer(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.offer(lab.Callback{LateOffer: true})
		b.wait(OfferReceived)
		r := b.do("accept", nil)
		b.agentHears(r.Call, lab.ContactHz, true)
		b.farHears("+81312345678", micHz, true)
		b.do("hold", nil)
		b.farHears("+81312345678", micHz, false)
		b.do("resume", nil)
		b.farHears("+81312345678", micHz, true)
	})
}

func TestStory_AnOfferIsAcceptedOnce(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.offer(lab.Callback{})
		b.wait(OfferReceived)
		b.do("accept", map[string]any{"interaction": "i1"})
		b.fails("accept", map[string]any{"interaction": "i1"}, CodeNotAllowed)
		b.fails("reject", map[string]any{"interaction": "i1"}, CodeNotAllowed)
		b.phase(PhaseConnected)
	})
}

func TestStory_OnlyMissedOffersInARowCount(t *testing.T) {
	story(t, func(c *Config, p *lab.Config) {
		c.Callbacks.OfferTimeout, c.Callbacks.MissedLimit = 5*time.Second, 2
		p.Queue.Pause = time.Second
	}, func(b *bed) {
		b.offer(lab.Callback{})
		b.wait(OfferMissed)
		b.wait(OfferReceived)
		if got := b.channel().Missed; got != 1 {
			t.Errorf("missed %d", got)
		}
		b.do("reject", nil)
		if got := b.channel().Missed; got != 0 {
			t.Errorf("missed %d after a rejection", got)
		}
		b.wait(OfferMissed)
		if c := b.channel(); c.State != "ready" {
			t.Errorf("%+v", c)
		}
		b.wait(OfferMissed)
		b.wait(ChannelChanged)
		if c := b.channel(); c.State != "not-ready" {
			t.Errorf("%+v", c)
		}
	})
}
