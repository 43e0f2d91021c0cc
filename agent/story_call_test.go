package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ringback/internal/lab"
)

const contact = "+81312345678"

func TestStory_HoldAndResume(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		b.do("hold", nil)
		b.wait(CallHeld)
		b.at(lab.Held, "1001")
		b.phase(PhaseOnHold)
		b.farHears(contact, micHz, false)
		b.farHears(contact, lab.MusicHz, true)
		b.agentHears(call, lab.ContactHz, false)
		if c := b.call(call); !c.HeldByMe || c.HeldByRemote {
			t.Errorf("%+v", c)
		}
		b.fails("hold", nil, CodeNotAllowed)
		b.do("resume", nil)
		b.wait(CallResumed)
		b.phase(PhaseConnected)
		b.farHears(contact, micHz, true)
		b.agentHears(call, lab.ContactHz, true)
	})
}

func TestStory_HeldByTheRemote(t *testing.T) {
	for _, form := range []lab.HoldForm{lab.HoldSendOnly, lab.HoldInactive, lab.HoldZero} {
		t.Run(string(form), func(t *testing.T) {
			story(t, nil, func(b *bed) {
				_, call := b.talk()
				if err := b.lab.Hold(contact, form); err != nil {
					t.Fatal(err)
				}
				b.wait(CallHeldByRemote)
				if c := b.call(call); c.HeldByMe || !c.HeldByRemote {
					t.Errorf("%+v", c)
				}
				b.phase(PhaseConnected)
				b.agentHears(call, lab.MusicHz, form != lab.HoldInactive)
				b.farHears(contact, micHz, false)
				if err := b.lab.Unhold(contact); err != nil {
					t.Fatal(err)
				}
				b.wait(CallResumedByRemote)
				b.farHears(contact, micHz, true)
				b.agentHears(call, lab.ContactHz, true)
			})
		})
	}
}

func TestStory_BothHold(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		b.do("hold", nil)
		if err := b.lab.Hold(contact, lab.HoldSendOnly); err != nil {
			t.Fatal(err)
		}
		b.wait(CallHeldByRemote)
		if c := b.call(call); !c.HeldByMe || !c.HeldByRemote {
			t.Errorf("both hold: %+v", c)
		}
		b.do("resume", nil)
		b.settle()
		if c := b.call(call); c.HeldByMe || !c.HeldByRemote {
			t.Errorf("they hold still: %+v", c)
		}
		b.farHears(contact, micHz, false)
		if err := b.lab.Unhold(contact); err != nil {
			t.Fatal(err)
		}
		b.wait(CallResumedByRemote)
		b.farHears(contact, micHz, true)
		b.agentHears(call, lab.ContactHz, true)
	})
}

func TestStory_HoldsCross(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		if err := b.lab.Hold(contact, lab.HoldSendOnly); err != nil {
			t.Fatal(err)
		}
		b.do("hold", nil)
		b.settle()
		b.settle()
		b.settle()
		b.settle()
		b.settle()
		if c := b.call(call); !c.HeldByMe || !c.HeldByRemote {
			t.Errorf("glare settles by itself: %+v", c)
		}
	})
}

func TestStory_Mute(t *testing.T) {
	story(t, nil, func(b *bed) {
		_, call := b.talk()
		b.do("mute", nil)
		b.farHears(contact, micHz, false)
		b.agentHears(call, lab.ContactHz, true)
		if in := b.phase(PhaseConnected); !in.Muted || !b.call(call).Muted {
			t.Errorf("%+v", in)
		}
		b.do("unmute", nil)
		b.farHears(contact, micHz, true)
	})
}

func TestStory_DigitsBothWays(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.do("dtmf", map[string]any{"digits": "12w3#"})
		if e := b.wait(DTMFSent); e.Digits != "123#" || e.Method != "rfc4733" {
			t.Errorf("%+v", e)
		}
		b.do("dtmf", map[string]any{"digits": "4A", "method": "info"})
		b.settle()
		if got := b.lab.Heard(contact).Digits; got != "123#4A" {
			t.Errorf("the contact got %q", got)
		}
		if err := b.lab.Press(contact, "78"); err != nil {
			t.Fatal(err)
		}
		if d := b.wait(DTMFReceived).Digits + b.wait(DTMFReceived).Digits; d != "78" {
			t.Errorf("received %q", d)
		}
		b.settle()
		if err := b.lab.Inform(contact, "9"); err != nil {
			t.Fatal(err)
		}
		if e := b.wait(DTMFReceived); e.Digits != "9" || e.Method != "info" {
			t.Errorf("%+v", e)
		}
		in := b.phase(PhaseConnected)
		if in.Case["dtmf_sent"] != "123#4A" || in.Case["dtmf_received"] != "789" {
			t.Errorf("%v", in.Case)
		}
		b.fails("dtmf", map[string]any{"digits": "12x"}, CodeInvalid)
		b.fails("dtmf", map[string]any{"digits": "1", "method": "smoke"}, CodeInvalid)
		b.fails("dtmf", map[string]any{"digits": "1", "duration": "1h"}, CodeInvalid)
	})
}

func TestStory_DigitsInBand(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.do("dtmf", map[string]any{"digits": "5", "method": "inband", "duration": "300ms"})
		if e := b.wait(DTMFSent); e.Method != "inband" {
			t.Errorf("%+v", e)
		}
	})
}

func TestStory_Dial(t *testing.T) {
	for _, c := range []struct {
		number string
		events []EventType
		state  Phase
		result string
		hears  float64
	}{
		{"601", []EventType{CallDialling, CallConnected}, PhaseConnected, "answered", lab.ToneHz},
		{"604", []EventType{CallDialling, CallEarlyMedia, CallConnected}, PhaseConnected, "answered", lab.ToneHz},
		{"2001", []EventType{CallDialling, CallRinging, CallConnected}, PhaseConnected, "answered", lab.ColleagueHz},
		{"610", []EventType{CallDialling, CallEnded}, PhaseReadyToCall, "busy", 0},
		{"612", []EventType{CallDialling, CallEnded}, PhaseReadyToCall, "failed", 0},
		{"999", []EventType{CallDialling, CallEnded}, PhaseReadyToCall, "wrong number", 0},
		{"614", []EventType{CallDialling, CallConnected, CallEnded}, PhaseReadyToCall, "answered", 0},
	} {
		t.Run(c.number, func(t *testing.T) {
			story(t, nil, func(b *bed) {
				r := b.do("dial", map[string]any{"target": c.number})
				for _, e := range c.events {
					b.wait(e)
				}
				in := b.phase(c.state)
				if in.Result != c.result || in.Kind != KindCall || in.Contact.Number != c.number || in.ID != r.Interaction {
					t.Errorf("%+v", in)
				}
				if c.hears != 0 {
					b.agentHears(r.Call, c.hears, true)
				}
			})
		})
	}
}

func TestStory_EarlyMediaIsHeard(t *testing.T) {
	story(t, nil, func(b *bed) {
		r := b.do("dial", map[string]any{"target": "604"})
		b.wait(CallEarlyMedia)
		b.agentHears(r.Call, lab.EarlyHz, true)
		if b.ringback() {
			t.Error("no ringback of our own over the PBX's tones")
		}
		b.phase(PhaseDialling)
	})
}

func TestStory_RingbackWhereThePBXSendsNone(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.do("dial", map[string]any{"target": "611"})
		b.wait(CallRinging)
		b.settle()
		if !b.ringback() {
			t.Error("no ringback")
		}
		b.do("end", nil)
		e := b.wait(CallEnded)
		if e.Reason != "cancelled" {
			t.Errorf("%+v", e)
		}
		b.phase(PhaseReadyToCall)
		b.settle()
		if b.ringback() {
			t.Error("ringback goes on")
		}
		b.do("call", nil)
		b.wait(CallRinging)
	})
}

func TestStory_DialOptions(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.do("dial", map[string]any{"target": "601", "auto_hangup": "3s", "uui": "a=1;encoding=ascii",
			"headers": []map[string]string{{"name": "X-Case", "value": "4711"}}})
		b.wait(CallConnected)
		began := time.Now()
		b.wait(CallEnded)
		if got := time.Since(began); got != 3*time.Second {
			t.Errorf("ended after %s", got)
		}
		invite := ""
		for _, r := range b.agent.Trace("i1") {
			if strings.HasPrefix(r.Message, "INVITE") {
				invite = r.Message
			}
		}
		if !strings.Contains(invite, "X-Case: 4711\r\n") || !strings.Contains(invite, "User-to-User: a=1;encoding=ascii\r\n") {
			t.Errorf("%s", invite)
		}
		for _, bad := range []map[string]any{
			{"target": "601", "headers": []map[string]string{{"name": "X", "value": "a\r\nEvil: 1"}}},
			{"target": "601", "headers": []map[string]string{{"name": "From", "value": "x"}}},
			{"target": "601", "uui": "a\nb"}, {"target": "601", "auto_hangup": "soon"}, {"target": "1001"}, {"target": "a b"},
		} {
			b.fails("dial", bad, CodeInvalid)
		}
		if n := len(b.agent.State().Interactions); n != 1 {
			t.Errorf("a refused dial leaves an interaction: %d", n)
		}
	})
}

func TestStory_DiallingHoldsTheOther(t *testing.T) {
	story(t, nil, func(b *bed) {
		first, call := b.talk()
		r := b.do("dial", map[string]any{"target": "601"})
		b.wait(CallConnected)
		b.settle()
		if in, _ := b.agent.State().Interaction(first); in.State != PhaseOnHold {
			t.Errorf("the first is %s", in.State)
		}
		b.farHears(contact, micHz, false)
		b.agentHears(r.Call, lab.ToneHz, true)
		b.do("resume", map[string]any{"interaction": first})
		b.settle()
		b.farHears(contact, micHz, true)
		if in, _ := b.agent.State().Interaction(r.Interaction); in.State != PhaseOnHold {
			t.Errorf("the second is %s", in.State)
		}
		b.agentHears(call, lab.ContactHz, true)
		err := b.fails("mute", nil, CodeNotFound)
		if !slices.Equal(err.Candidates, []string{string(first), string(r.Interaction)}) {
			t.Errorf("%+v", err)
		}
	})
}

func TestStory_RemoteHangUp(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(b *bed)
	}{
		{"connected", func(*bed) {}},
		{"on hold", func(b *bed) { b.do("hold", nil) }},
		{"held by them", func(b *bed) { _ = b.lab.Hold(contact, lab.HoldSendOnly); b.wait(CallHeldByRemote) }},
		{"muted", func(b *bed) { b.do("mute", nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, nil, func(b *bed) {
				b.talk()
				c.do(b)
				if err := b.lab.HangUp(contact); err != nil {
					t.Fatal(err)
				}
				if e := b.wait(CallEnded); e.Reason != "completed" {
					t.Errorf("%+v", e)
				}
				b.phase(PhaseReadyToCall)
				b.do("call", nil)
				b.wait(CallConnected)
				b.settle()
				b.settle()
				b.farHears(contact, micHz, true)
			})
		})
	}
}

func TestStory_DoneNeedsADisposition(t *testing.T) {
	story(t, func(c *Config, _ *lab.Config) {
		c.Dispositions = DispositionConfig{Mandatory: true, Codes: []string{"sold", "later"}}
	}, func(b *bed) {
		b.talk()
		b.do("note", map[string]any{"text": "山田さん: call before noon"})
		b.do("case", map[string]any{"values": map[string]string{"product": "fibre", "old": "x"}})
		b.do("case", map[string]any{"values": map[string]string{"old": ""}})
		b.fails("dispose", map[string]any{"code": "maybe"}, CodeInvalid)
		b.fails("done", nil, CodeNotAllowed)
		b.do("end", nil)
		err := b.fails("done", nil, CodeNotAllowed)
		if !strings.Contains(err.Error(), "sold, later") {
			t.Errorf("%v", err)
		}
		b.phase(PhaseReadyToCall)
		b.do("dispose", map[string]any{"code": "sold"})
		b.do("done", nil)
		in := b.phase(PhaseDone)
		if in.Disposition != "sold" || in.Note != "山田さん: call before noon" || in.Case["product"] != "fibre" || in.Case["old"] != nil {
			t.Errorf("%+v", in)
		}
	})
}

func TestStory_WrapUp(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.talk()
		b.agentDoes("not-ready", map[string]any{"reason": "lunch"})
		if c := b.channel(); c.State != "ready" || c.Pending != "not-ready" {
			t.Errorf("in a call the change waits: %+v", c)
		}
		b.do("end", nil)
		if c := b.channel(); c.State != "after-call-work" || c.Pending != "not-ready" || c.WrapUpUntil == nil {
			t.Errorf("%+v", c)
		}
		<-time.After(31 * time.Second)
		if c := b.channel(); c.State != "not-ready" || c.Reason != "lunch" {
			t.Errorf("after the wrap-up time: %+v", c)
		}
		b.phase(PhaseReadyToCall)
	})
}

func TestStory_Message(t *testing.T) {
	story(t, nil, func(b *bed) {
		code, err := b.lab.Send(b.t.Context(), "1001", "text/plain", "やあ")
		if err != nil || code != 200 {
			t.Fatalf("%d %v", code, err)
		}
		if e := b.wait(MessageReceived); e.Text != "やあ" || e.ContentType != "text/plain" {
			t.Errorf("%+v", e)
		}
		if code, _ := b.lab.Send(b.t.Context(), "1001", "image/png", "x"); code != 415 {
			t.Errorf("an image: %d", code)
		}
	})
}
