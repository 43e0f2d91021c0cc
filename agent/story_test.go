package agent

import (
	"testing"

	"ringback/internal/lab"
)

func TestStory_CallbackAcceptedTalkedEndedDone(t *testing.T) {
	story(t, nil, func(b *bed) {
		b.offer(lab.Callback{ID: "cb-9", Type: "scheduled", Name: "山田 太郎", Data: map[string]any{"k": "v"}, UserToUser: "a=1;encoding=ascii"})
		b.wait(OfferReceived)
		in := b.phase(PhaseOffered)
		if in.Contact.Name != "山田 太郎" || in.Callback.ID != "cb-9" || in.Callback.Type != "scheduled" || in.Case["k"] != "v" ||
			in.Case["a"] != "1" || in.AcceptMeans != "answer" || in.OfferExpires == nil || in.Kind != KindVoiceCallback {
			t.Errorf("%+v", in)
		}
		r := b.do("accept", nil)
		b.wait(CallConnected)
		b.at(lab.CallbackAccepted, "1001")
		b.farHears("+81312345678", micHz, true)
		b.agentHears(r.Call, lab.ContactHz, true)
		in = b.phase(PhaseConnected)
		if in.Attempts != 1 || in.OfferExpires != nil || b.call(r.Call).Codec == "" {
			t.Errorf("%+v %+v", in, b.call(r.Call))
		}
		b.do("end", nil)
		b.phase(PhaseReadyToCall)
		if got := b.channel().State; got != "after-call-work" {
			t.Errorf("channel %s", got)
		}
		b.do("done", nil)
		b.phase(PhaseDone)
		if got := b.channel().State; got != "ready" {
			t.Errorf("channel %s", got)
		}
	})
}
