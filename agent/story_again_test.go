package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/agent/store"
	"ringback/internal/lab"
	"ringback/sip"
)

// An order that went back to the PBX is the PBX's: whoever sends it again is not told
// that it is here.
func TestStory_AnOrderThatWentBackIsNotSwallowed(t *testing.T) {
	story(t, reportsTo, func(b *bed) {
		b.order("application/json", yamada)
		b.wait(OfferReceived)
		b.do("reject", map[string]any{"reason": "wrong language"})
		for range 3 { // repetitions: offered once, and not taken for delivered
			if code := b.order("application/json", yamada); code != 480 {
				t.Errorf("a repetition after the reject got %d", code)
			}
		}
		if all := b.agent.State().Interactions; len(all) != 1 {
			t.Errorf("offered %d times", len(all))
		}
		if got := b.told("w-1", "code", "reason"); !slices.Equal(got, []string{"rejected 603 wrong language", "rejected 480 given back to the PBX a moment ago"}) {
			t.Errorf("%q", got)
		}
		<-time.After(repeatWithin)
		if code := b.order("application/json", yamada); code != 200 {
			t.Errorf("a new round got %d", code)
		}
		b.wait(OfferReceived)
	})
}

// What the team has comes back at its time in the same words, and is offered.
func TestStory_AnOrderOfTheTeamsComesAtItsTime(t *testing.T) {
	story(t, webReady, func(b *bed) {
		b.preview(yamada)
		b.do("reschedule", map[string]any{"at": "+1m"})
		b.do("done", nil)
		if code := b.order("application/json", yamada); code != 480 {
			t.Errorf("a repetition before its time got %d", code)
		}
		<-time.After(time.Minute)
		if code := b.order("application/json", yamada); code != 200 {
			t.Errorf("at its time it got %d", code)
		}
		b.wait(OfferReceived)
	})
}

func TestStory_WhyAnOrderIsRefusedIsSaidWithWhatHelps(t *testing.T) {
	story(t, nil, func(b *bed) {
		order := map[string]any{"order": map[string]any{"id": "w-1", "number": "600"}}
		if err := b.fails("order", order, CodeNotAllowed); err.Hint != "ready --channel webcallback" {
			t.Errorf("%+v", err)
		}
		b.agentDoes("dnd", map[string]any{"channel": "all", "on": true})
		if err := b.fails("order", order, CodeNotAllowed); err.Message != "order: do not disturb" {
			t.Errorf("%+v", err)
		}
		b.agentDoes("ready", map[string]any{"channel": "all"})
		b.do("dial", map[string]any{"target": "601"})
		if err := b.fails("order", order, CodeNotAllowed); err.Hint != "" || err.Message != "order: busy with another contact" {
			t.Errorf("%+v", err)
		}
	})
}

// Where an agent may be asked during another contact, orders are shown then too, one at
// a time.
func TestStory_OrdersDuringAnotherContact(t *testing.T) {
	story(t, func(c *Config, p *lab.Config) {
		webReady(c, p)
		c.Callbacks.RingWhileInUse = true
	}, func(b *bed) {
		b.do("dial", map[string]any{"target": "601"})
		b.wait(CallConnected)
		for n, code := range []int{200, 480} {
			if got := b.order("application/json", fmt.Sprintf(`{"id":"w-%d","number":"600"}`, n)); got != code {
				t.Errorf("order %d got %d, want %d", n, got, code)
			}
		}
		b.do("accept", nil)
		if code := b.order("application/json", `{"id":"w-2","number":"600"}`); code != 200 {
			t.Errorf("during a preview: %d", code)
		}
	})
}

// What is counted of a callback goes on when it comes by a call again.
func TestStory_ACallbackThatComesAgainHasItsAttempts(t *testing.T) {
	story(t, reportsTo, func(b *bed) {
		b.talk()
		b.do("end", nil)
		b.do("done", nil)
		b.offer(lab.Callback{ID: "cb-1", Name: "山田 太郎"})
		b.wait(OfferReceived)
		if in := b.phase(PhaseOffered); in.Attempts != 1 {
			t.Errorf("%d attempts so far", in.Attempts)
		}
		b.do("accept", nil)
		b.do("end", nil)
		b.do("done", nil)
		if row := b.row("cb-1"); row.Attempts != 2 || !row.Created.Before(row.Updated) {
			t.Errorf("%+v", row)
		}
		if got := b.told("cb-1", "attempt", "attempts"); !slices.Equal(got, []string{"accepted", "attempt 1", "done 1", "accepted", "attempt 2", "done 2"}) {
			t.Errorf("%q", got)
		}
	})
}

// A result that the agent corrects is told when he says it, and as often as he does.
func TestStory_ACorrectedResultIsReported(t *testing.T) {
	story(t, reportsTo, func(b *bed) {
		b.preview(yamada)
		b.do("call", nil)
		b.wait(CallConnected)
		b.do("result", map[string]any{"result": "machine"}) // the attempt is not told yet
		b.do("end", nil)
		for _, result := range []string{"machine", "fax", "machine", "machine"} {
			b.do("result", map[string]any{"result": result})
		}
		b.do("done", nil)
		want := []string{"accepted", "attempt 1 machine +81312345678", "result 1 fax +81312345678", "result 1 machine +81312345678", "done machine"}
		if got := b.told("w-1", "attempt", "result", "number"); !slices.Equal(got, want) {
			t.Errorf("told\n %q, want\n %q", got, want)
		}
	})
}

// Who must not be called is not called by somebody else either.
func TestStory_DoNotCallDropsWhatIsArmed(t *testing.T) {
	story(t, reportsTo, func(b *bed) {
		b.preview(yamada)
		b.do("call", nil)
		b.wait(CallConnected)
		b.do("reschedule", map[string]any{"at": "+1h"})
		b.do("end", nil)
		b.wait(InteractionRescheduled)
		if b.phase(PhaseReadyToCall).Reschedule.Untold {
			t.Error("the PBX is told of what is for the team")
		}
		b.do("result", map[string]any{"result": "do-not-call"})
		if e := b.wait(InteractionRescheduled); e.Reason != "dropped" || b.phase(PhaseReadyToCall).Reschedule != nil {
			t.Errorf("%+v", e)
		}
		b.do("done", nil)
		if got := b.told("w-1"); !slices.Equal(got, []string{"accepted", "attempt", "result", "done"}) {
			t.Errorf("%q", got)
		}
	})
}

// Nor where the number came onto the list by itself, or another one is armed.
func TestStory_ABlockedNumberIsNotGivenToTheTeam(t *testing.T) {
	story(t, webReady, func(b *bed) {
		id := b.preview(yamada)
		b.do("reschedule", map[string]any{"at": "+1h", "number": "+81312345679"})
		if _, err := b.try("blocked-add", map[string]any{"number": "+81312345679", "reason": "wrote to us"}); err != nil {
			t.Fatal(err)
		}
		err := b.fails("done", nil, CodeNotAllowed)
		if !strings.Contains(err.Message, "do-not-call list") || !strings.Contains(err.Hint, string(id)+" --drop") || !slices.Contains(err.Allowed, "reschedule") {
			t.Errorf("%+v", err)
		}
		b.do("reschedule", map[string]any{"drop": true})
		b.do("done", nil)
	})
}

// A PBX that names another connected party does not change whose callback it is.
func TestStory_TheContactOfACallbackStays(t *testing.T) {
	answerAsSato := func(p *peer) {
		s := <-p.came
		p.do(func() {
			_ = s.Answer(plainSDP("sendrecv"), sip.Header{Name: "P-Asserted-Identity", Value: `"Sato" <sip:4000@` + labIP + `>`})
		})
		p.b.wait(CallConnected)
		p.b.settle()
	}
	peerStory(t, func(c *Config) { c.Channels.StartWeb = "ready" }, func(b *bed, p *peer) {
		b.agentDoes("order", map[string]any{"order": map[string]any{"id": "cb-1", "number": "+81312345678", "name": "Yamada"}})
		b.wait(OfferReceived)
		b.do("accept", nil)
		call := b.do("call", nil).Call
		answerAsSato(p)
		if in := b.phase(PhaseConnected); in.Contact.Number != "+81312345678" || in.Contact.Name != "Yamada" {
			t.Errorf("the contact is %+v", in.Contact)
		}
		if c := b.call(call); !strings.Contains(c.Remote, "4000") {
			t.Errorf("the call is with %s", c.Remote)
		}
		b.do("reschedule", map[string]any{"at": "+1h", "personal": true})
		b.do("end", nil)
		b.do("done", nil)
		if row := b.row("cb-1"); row.Number != "+81312345678" || row.Name != "Yamada" || row.State != store.CallbackScheduled {
			t.Errorf("%+v", row)
		}
	})
	peerStory(t, nil, func(b *bed, p *peer) { // a plain call is with whom it is with
		b.do("dial", map[string]any{"target": "3000"})
		answerAsSato(p)
		if in := b.phase(PhaseConnected); in.Contact.Number != "4000" || in.Contact.Name != "Sato" {
			t.Errorf("the contact is %+v", in.Contact)
		}
	})
}
