package agent

import (
	"slices"
	"testing"

	"ringback/media/mixer"
	"ringback/sip"
)

// A PBX may exchange the contact's dialog while the agent speaks with somebody
// else: the contact must not hear that.
func TestStory_ReplacesInLeavesTheContactOnHold(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		first, old := p.talkTo()
		b.do("consult", map[string]any{"target": "3001"})
		target := <-p.came
		p.do(func() { _ = target.Answer(plainSDP("sendrecv")) })
		b.wait(ConsultationConnected)
		b.settle()
		var replaces sip.Replaces
		p.do(func() { replaces = first.Replaces() })
		p.call(plainSDP("sendrecv"), func(o *sip.InviteOptions) { o.Replaces = &replaces })
		call := b.wait(CallConnected).Call
		if call == old {
			t.Fatalf("%s was not replaced", old)
		}
		b.on(func(a *Agent) {
			main := a.interactions[0].main
			if main.id != call || !main.onHold() {
				t.Errorf("%s is the contact, on hold: %v", main.id, main.onHold())
			}
			if slices.Contains(a.sound.routes, mixer.Route{From: a.sound.headsetSlot, To: main.slot}) {
				t.Error("the contact hears the consultation")
			}
		})
		b.settle()
		if c := b.call(call); !c.HeldByMe {
			t.Errorf("%+v", c)
		}
		b.do("consult-end", nil)
		b.phase(PhaseOnHold)
		b.do("resume", nil)
		b.phase(PhaseConnected)
	})
}

// The far end may refuse to be put on hold: the two calls of a consultation stay
// apart all the same.
func TestStory_ARefusedHoldLetsNobodyListenToAConsultation(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		p.talkTo()
		p.answer = func(s *sip.Session, e sip.Event) {
			if _, ok := e.(sip.OfferReceived); ok {
				_ = s.RefuseOffer(488)
			}
		}
		b.do("consult", map[string]any{"target": "3001"})
		target := <-p.came
		p.do(func() { _ = target.Answer(plainSDP("sendrecv")) })
		b.wait(ConsultationConnected)
		b.settle()
		apart := func(talks func(in *interaction) (with, waits *leg)) {
			t.Helper()
			b.on(func(a *Agent) {
				with, waits := talks(a.interactions[0])
				mic := a.sound.headsetSlot
				if !slices.Contains(a.sound.routes, mixer.Route{From: mic, To: with.slot}) ||
					slices.ContainsFunc(a.sound.routes, func(r mixer.Route) bool { return r.From == waits.slot || r.To == waits.slot }) {
					t.Errorf("agent %d talks with %d, and %d waits: %v", mic, with.slot, waits.slot, a.sound.routes)
				}
			})
		}
		apart(func(in *interaction) (*leg, *leg) { return in.consult, in.main })
		b.do("consult-swap", nil)
		b.settle()
		apart(func(in *interaction) (*leg, *leg) { return in.main, in.consult })
		b.do("consult-swap", nil)
		apart(func(in *interaction) (*leg, *leg) { return in.consult, in.main })
	})
}

// With ring-first a transfer calls its target like a consultation: it must not
// take the place of one that is up.
func TestStory_RingFirstDuringAConsultation(t *testing.T) {
	peerStory(t, func(cfg *Config) { cfg.Calls.Transfer = "ring-first" }, func(b *bed, p *peer) {
		p.talkTo()
		r := b.do("consult", map[string]any{"target": "3001"})
		target := <-p.came
		p.do(func() { _ = target.Answer(plainSDP("sendrecv")) })
		b.wait(ConsultationConnected)
		b.fails("transfer", map[string]any{"target": "3002"}, CodeInvalid)
		b.phase(PhaseConsulting)
		b.do("consult-end", nil)
		if c := b.call(r.Call); c.State != CallPhaseEnded {
			t.Errorf("%+v", c)
		}
		if live := b.live(); len(live) != 1 {
			t.Errorf("%+v", live)
		}
	})
}

// Who could not be held out of the conference is in it, and is shown so.
func TestStory_ASuspensionThatIsRefused(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		p.talkTo()
		party := b.do("conference", map[string]any{"target": "3001"}).Call
		s := <-p.came
		p.do(func() { _ = s.Answer(plainSDP("sendrecv")) })
		b.wait(ConferencePartyJoined)
		b.settle()
		plain := p.answer
		p.answer = func(s *sip.Session, e sip.Event) {
			if _, ok := e.(sip.OfferReceived); ok {
				_ = s.RefuseOffer(488)
			}
		}
		b.fails("conference-suspend", map[string]any{"party": string(party)}, CodeRejected)
		if c := b.call(party); c.Suspended || c.HeldByMe {
			t.Errorf("%+v", c)
		}
		p.answer = plain
		b.do("conference-suspend", map[string]any{"party": string(party)})
		if c := b.call(party); !c.Suspended || !c.HeldByMe {
			t.Errorf("%+v", c)
		}
	})
}

// A call that finds no place at the bridge gives back what it had.
func TestStory_NoPlaceAtTheBridge(t *testing.T) {
	peerStory(t, nil, func(b *bed, p *peer) {
		p.call(plainSDP("sendrecv"), nil)
		b.wait(OfferReceived)
		b.on(func(a *Agent) {
			for err := error(nil); err == nil; {
				_, err = a.sound.bridge.Add(a.engine.NewPlayer())
			}
		})
		b.fails("accept", nil, CodeFailed)
		if c := peerWait[sip.Ended](p).Cause; c.Code != 500 {
			t.Errorf("%+v", c)
		}
		b.phase(PhaseDone)
		b.fails("dial", map[string]any{"target": "3000"}, CodeFailed)
	})
}
