package agent

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"

	"ringback/internal/lab"
)

// TestStory_TheContactIsFoundByItsNumber: with the offer, in another notation than it
// was kept; its name stands where none came, and an edit is seen at once.
func TestStory_TheContactIsFoundByItsNumber(t *testing.T) {
	story(t, func(c *Config, _ *lab.Config) { c.Numbers.Region = "JP" }, func(b *bed) {
		asked[ContactResult](b, "contacts-set", map[string]any{"name": "山田 太郎", "reading": "やまだ", "zone": "America/New_York",
			"points": []map[string]string{{"kind": "phone", "value": "03-1234-5678"}, {"kind": "mail", "value": "y@example.com"}}})
		b.offer(lab.Callback{ID: "cb-1", Number: "+81312345678"})
		b.wait(OfferReceived)
		if e := b.wait(InteractionChanged); e.Reason != "contact" {
			t.Errorf("%+v", e)
		}
		in := b.phase(PhaseOffered)
		if c := in.Contact; c.Name != "山田 太郎" || c.ID != "k1" || c.Shown != "03-1234-5678" || c.Zone != "America/New_York" || len(c.Points) != 2 || c.Points[1].Can[0] != "mail" {
			t.Errorf("%+v", in.Contact)
		}
		b.do("accept", nil)
		b.wait(CallConnected)
		b.do("note", map[string]any{"text": "first note"})
		asked[ContactResult](b, "contacts-set", map[string]any{"contact": "k1", "note": "vip"})
		if c := b.phase(PhaseConnected).Contact; c.Note != "vip" {
			t.Errorf("right after the edit: %+v", c)
		}
		b.do("end", nil)
		b.do("done", nil)
		b.offer(lab.Callback{ID: "cb-2", Number: "+81312345678", Name: "Taro"})
		b.wait(OfferReceived)
		b.wait(InteractionChanged)
		in = b.phase(PhaseOffered)
		if in.Contact.Name != "Taro" || len(in.Past) != 1 || in.Past[0].Note != "first note" || in.Past[0].Interaction != "i1" || in.Past[0].Attempts != 1 || in.Past[0].Agent != "1001" {
			t.Errorf("%s %+v", in.Contact.Name, in.Past)
		}
	})
}

// TestStory_ASearchDoesNotWaitForThePhone, nor the phone for a search.
func TestStory_ASearchDoesNotWaitForThePhone(t *testing.T) {
	story(t, nil, func(b *bed) {
		busy, free := make(chan struct{}), make(chan struct{})
		b.agent.loop.Post(func() { close(busy); <-free })
		<-busy
		found := make(chan *ActionError)
		go func() {
			_, refused := b.agent.Do(context.Background(), "contacts", json.RawMessage(`{"query":"x"}`))
			found <- refused
		}()
		synctest.Wait()
		select {
		case refused := <-found:
			if refused != nil {
				t.Error(refused)
			}
		default:
			t.Error("the search waits for the loop")
			defer func() { <-found }()
		}
		close(free)
	})
}
