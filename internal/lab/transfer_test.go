package lab

import (
	"testing"
	"time"

	"ringback/internal/ladder/golden"
)

// talking brings 1001 and a contact together.
func talking(s *scene, first *phone) *phoneCall {
	s.t.Helper()
	s.offer(callback())
	c := first.wait("invited").call
	c.answer()
	s.hears(0, "+81312345678", firstHz)
	return c
}

func TestTransfer_Blind(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := talking(s, first)
		s.forget()
		at := s.lab.Log().Last()
		c.refer("2001", nil)
		s.hears(at, "+81312345678", MusicHz)
		if h := first.wait("transferred"); h.code != 200 {
			t.Errorf("transferred with %d", h.code)
		}
		first.wait("ended")
		s.hears(at, "+81312345678", ColleagueHz)
		s.hears(at, "2001", ContactHz)
		s.settle()
		golden.Ladder(t, "lab-transfer", s.ladder("A contact is transferred", "Refer-To", "Event", "Subscription-State"))
		if err := s.lab.HangUp("2001"); err != nil {
			t.Error(err)
		}
		s.await(at, CallEnded, "2001")
	})
}

func TestTransfer_RefusedGivesTheContactBack(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := talking(s, first)
		for _, row := range []struct {
			target string
			code   int
		}{{"2002", 603}, {"2004", 486}, {"999", 404}} {
			at := s.lab.Log().Last()
			c.refer(row.target, nil)
			if h := first.wait("transferred"); h.code != row.code {
				t.Errorf("%s: %d, want %d", row.target, h.code, row.code)
			}
			if e := s.await(at, TransferFailed, "1001"); e.Code != row.code {
				t.Errorf("%s: the lab says %+v", row.target, e)
			}
		}
		at := s.lab.Log().Last()
		if err := s.lab.Press("+81312345678", "7"); err != nil {
			t.Fatal(err)
		}
		if h := first.wait("digit"); h.text != "7" {
			t.Errorf("the contact's digit came as %q", h.text)
		}
		s.await(at, Digit, "1001")
		s.hangUpAndWait(c)
	})
}

func TestTransfer_NobodyAnswers(t *testing.T) {
	story(t, Config{Calls: CallPolicy{TransferRingTime: 20 * time.Second}}, func(t *testing.T, s *scene, first, _ *phone) {
		c := talking(s, first)
		c.refer("2003", nil)
		if h := first.wait("transferred"); h.code != 408 {
			t.Errorf("ended with %d, want 408", h.code)
		}
		s.hangUpAndWait(c)
	})
}

func TestTransfer_ByTestsHand(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := talking(s, first)
		c.refer("2003", nil)
		for first.wait("transfer").code != 180 {
		}
		if err := s.lab.Refuse("2003", 480); err != nil {
			t.Fatal(err)
		}
		if h := first.wait("transferred"); h.code != 480 {
			t.Errorf("ended with %d, want 480", h.code)
		}
		c.refer("2003", nil)
		for first.wait("transfer").code != 180 {
		}
		if err := s.lab.Answer("2003"); err != nil {
			t.Fatal(err)
		}
		first.wait("ended")
		if err := s.lab.HangUp("2003"); err != nil {
			t.Error(err)
		}
	})
}

// TestTransfer_NotifyLost: the target has the contact, and the transferor never
// gets to know.
func TestTransfer_NotifyLost(t *testing.T) {
	for _, mode := range []NotifyMode{NotifyNone, NotifyLost} {
		story(t, Config{Calls: CallPolicy{Notify: mode, KeepLeg: true}}, func(t *testing.T, s *scene, first, _ *phone) {
			c := talking(s, first)
			c.refer("2001", nil)
			s.await(0, TransferDone, "1001")
			c.hangUp()
			first.wait("ended")
			s.hears(0, "2001", ContactHz)
			if err := s.lab.HangUp("+81312345678"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTransfer_Attended(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, second *phone) {
		c := talking(s, first)
		consultation := first.dial("1002")
		second.wait("invited").call.answer()
		second.wait("confirmed")
		s.settle()
		s.forget()
		at := s.lab.Log().Last()
		c.refer("1002", consultation)
		first.wait("ended")
		first.wait("ended")
		s.hears(at, "+81312345678", secondHz)
		s.settle()
		golden.Ladder(t, "lab-transfer-attended", s.ladder("A consultation becomes a transfer", "Refer-To", "Subscription-State"))
		if err := s.lab.HangUp("+81312345678"); err != nil {
			t.Error(err)
		}
		second.wait("ended")
	})
}

// TestTransfer_ContactLeaves: the contact hangs up while the target rings.
func TestTransfer_ContactLeaves(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, second *phone) {
		c := talking(s, first)
		c.refer("1002", nil)
		second.wait("invited")
		if err := s.lab.HangUp("+81312345678"); err != nil {
			t.Fatal(err)
		}
		second.wait("ended")
		first.wait("ended")
	})
}

// A contact that hangs up while the REFER is on its way: there is no call any more, and the
// answer says so (RFC 3261 12.2.2). 491 would say that it might be tried again.
func TestTransfer_TheContactHangsUpMeanwhile(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := talking(s, first)
		c.refer("2001", nil)
		if err := s.lab.HangUp("+81312345678"); err != nil {
			t.Fatal(err)
		}
		if h := first.wait("transferred"); h.code != 481 {
			t.Errorf("the REFER was answered with %d", h.code)
		}
	})
}
