package lab

import (
	"strings"
	"testing"
	"time"

	"ringback/internal/ladder/golden"
)

func callback() Callback {
	return Callback{ID: "cb-9", Type: "scheduled", Name: "山田 太郎", Reason: "contract", Data: map[string]any{"order": 7}}
}

func TestCallback_Accepted(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		s.offer(callback())
		c := first.wait("invited").call
		for name, want := range map[string]string{"X-Callback-Id": "cb-9", "X-Callback-Type": "scheduled", "X-Callback-Data": `{"order":7}`} {
			if got := c.session.Header(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		c.answer()
		if e := s.await(0, CallbackAccepted, ""); e.Party != "1001" || e.Callback != "cb-9" {
			t.Errorf("accepted by %+v", e)
		}
		s.hears(0, "+81312345678", firstHz)
		if h := first.wait("hears"); h.code != ContactHz {
			t.Errorf("1001 hears %d Hz, want the contact's %d", h.code, ContactHz)
		}
		at := s.lab.Log().Last()
		s.until(2 * time.Second)
		if err := s.lab.HangUp("+81312345678"); err != nil {
			t.Fatal(err)
		}
		s.await(at, CallEnded, "+81312345678")
		first.wait("ended")
		s.settle()
		golden.Ladder(t, "lab-callback-accepted", s.ladder("A callback is accepted; the contact hangs up", callbackHeaders()...))
	})
}

func callbackHeaders() []string {
	return []string{"X-Callback-Id", "X-Callback-Type", "X-Callback-Number", "X-Callback-Name", "X-Callback-Reason", "X-Callback-Data", "Reason"}
}

func TestCallback_RejectedGoesToTheNext(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, second *phone) {
		s.offer(callback())
		first.wait("invited").call.reject(603)
		if e := s.await(0, CallbackRejected, ""); e.Party != "1001" || e.Code != 603 {
			t.Errorf("rejected by %+v", e)
		}
		c := second.wait("invited").call
		c.answer()
		s.await(0, CallbackAccepted, "1002")
		s.hears(0, "+81312345678", secondHz)
		s.until(2 * time.Second)
		s.hangUpAndWait(c)
		s.settle()
		golden.Ladder(t, "lab-callback-rejected", s.ladder("A callback is rejected and goes to the next agent"))
	})
}

func TestCallback_MissedGoesToTheNext(t *testing.T) {
	story(t, Config{Queue: QueuePolicy{RingTime: 15 * time.Second}}, func(t *testing.T, s *scene, first, second *phone) {
		s.offer(callback())
		first.wait("invited")
		s.await(0, CallbackMissed, "1001")
		first.wait("ended")
		c := second.wait("invited").call
		c.answer()
		s.await(0, CallbackAccepted, "1002")
		s.until(17 * time.Second)
		s.hangUpAndWait(c)
		s.settle()
		golden.Ladder(t, "lab-callback-missed", s.ladder("A callback is missed and goes to the next agent", "Reason"))
	})
}

func TestCallback_CancelledByTheContact(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		cb := callback()
		cb.GiveUp = 3 * time.Second
		s.offer(cb)
		first.wait("invited")
		s.await(0, CallbackCancelled, "1001")
		first.wait("ended")
		s.await(0, CallbackAbandoned, "+81312345678")
		s.settle()
		golden.Ladder(t, "lab-callback-cancelled", s.ladder("The contact gives up while the agent's phone rings", "Reason"))
	})
}

// TestCallback_OfferedAgainAfterARound: nobody takes it in the first round.
func TestCallback_OfferedAgainAfterARound(t *testing.T) {
	story(t, Config{Queue: QueuePolicy{Members: []string{"1002"}, Pause: 7 * time.Second}}, func(t *testing.T, s *scene, _, second *phone) {
		s.offer(callback())
		start := time.Now()
		second.wait("invited").call.reject(486)
		second.wait("ended")
		c := second.wait("invited").call
		if waited := time.Since(start); waited < 7*time.Second || waited > 8*time.Second {
			t.Errorf("offered again after %s, want the pause of 7s", waited)
		}
		c.answer()
		s.await(0, CallbackAccepted, "1002")
		s.hangUpAndWait(c)
	})
}

// TestCallback_WaitsForAMember: nobody is registered when it comes.
func TestCallback_WaitsForAMember(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, second *phone) {
		cb := callback()
		cb.Members = []string{"1003"}
		s.offer(cb)
		third := s.newPhone("1003", "10.0.0.13", 660)
		third.register()
		c := third.wait("invited").call
		c.answer()
		s.await(0, CallbackAccepted, "1003")
		s.hangUpAndWait(c)
	})
}

// TestCallback_BusyMemberIsLeftOut: who talks is not rung.
func TestCallback_BusyMemberIsLeftOut(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, second *phone) {
		busy := first.dial("600")
		first.wait("answered")
		s.offer(callback())
		c := second.wait("invited").call
		c.reject(480)
		second.wait("ended")
		s.hangUpAndWait(busy)
		c = first.wait("invited").call // free now, and not tried in this round
		c.answer()
		s.await(0, CallbackAccepted, "1001")
		s.hangUpAndWait(c)
	})
}

func TestCallback_PreviewCallsTheContactAfterTheAgent(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		cb := callback()
		cb.Type = "preview"
		cb.Contact = &Behaviour{Ring: 2 * time.Second, Say: Tone(ContactHz)}
		s.offer(cb)
		c := first.wait("invited").call
		c.answer()
		s.await(0, CallRinging, "1001")
		s.await(0, CallAnswered, "1001")
		s.hears(0, "+81312345678", firstHz)
		s.hangUpAndWait(c)

		cb.ID, cb.Contact = "cb-10", &Behaviour{Refuse: 486}
		s.offer(cb)
		first.wait("invited").call.answer()
		if h := first.wait("ended"); h.text != "completed" {
			t.Errorf("the agent's leg ended as %s", h.text)
		}
		s.await(0, CallRefused, "1001")
	})
}

func TestCallback_LateOffer(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		cb := callback()
		cb.LateOffer = true
		s.offer(cb)
		c := first.wait("invited").call
		if c.session.Offer() != nil {
			t.Error("the INVITE has an offer")
		}
		c.answer()
		s.hears(0, "+81312345678", firstHz)
		s.hangUpAndWait(c)
	})
}

func TestGiveUp_Unknown(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, _, _ *phone) {
		if err := s.lab.GiveUp("cb-0"); err == nil || !strings.Contains(err.Error(), "cb-0") {
			t.Errorf("error %v", err)
		}
	})
}
