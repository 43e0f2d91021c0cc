package lab

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringback/dtmf"
	"ringback/media"
	"ringback/media/sdp"
	"ringback/sip"
)

const (
	firstHz  = 440 // what phone 1001 says
	secondHz = 880 // what phone 1002 says
)

// story runs fn with a lab and the phones 1001 and 1002, both registered.
func story(t *testing.T, cfg Config, fn func(t *testing.T, s *scene, first, second *phone)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, cfg)
		first := s.newPhone("1001", "10.0.0.11", firstHz)
		second := s.newPhone("1002", "10.0.0.12", secondHz)
		first.register()
		second.register()
		s.forget()
		fn(t, s, first, second)
	})
}

func TestCall_Echo(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := first.dial("600")
		first.wait("answered")
		if h := first.wait("hears"); h.code != firstHz {
			t.Errorf("hears %d Hz from the echo, want its own %d", h.code, firstHz)
		}
		s.hears(0, "600", firstHz)
		c.hangUp()
		s.await(0, CallEnded, "")
		if h := s.lab.Heard("600"); !h.Tone(firstHz, 200*time.Millisecond) {
			t.Errorf("600 heard %+v", h)
		}
	})
}

func TestCall_Refused(t *testing.T) {
	rows := []struct {
		number string
		code   int
	}{{"610", 486}, {"612", 603}, {"615", 480}, {"999", 404}, {"1003", 480}}
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		for _, row := range rows {
			first.dial(row.number)
			if h := first.wait("ended"); h.code != row.code {
				t.Errorf("%s: ended with %d, want %d", row.number, h.code, row.code)
			}
		}
	})
}

func TestCall_NoAnswer(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := first.dial("611")
		if h := first.wait("ringing"); h.code != 180 {
			t.Errorf("got %d", h.code)
		}
		c.hangUp()
		if h := first.wait("ended"); h.text != string(sip.CauseCancelled) {
			t.Errorf("ended as %s", h.text)
		}
		s.await(0, CallEnded, "1001")
	})
}

func TestCall_EarlyMedia(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := first.dial("604")
		if h := first.wait("hears"); h.code != EarlyHz {
			t.Errorf("hears %d Hz before the answer, want %d", h.code, EarlyHz)
		}
		first.wait("answered")
		if h := first.wait("hears"); h.code != ToneHz {
			t.Errorf("hears %d Hz after the answer, want %d", h.code, ToneHz)
		}
		c.hangUp()
		first.wait("ended")
	})
}

func TestCall_Digits(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := first.dial("605")
		got := ""
		for len(got) < 5 {
			got += first.wait("digit").text
		}
		if got != "1234#" {
			t.Errorf("605 sent %q", got)
		}
		c.hangUp()
		first.wait("ended")

		c = first.dial("606")
		first.wait("answered")
		c.press("42*")
		at := 0
		for range 3 {
			at = s.await(at, Digit, "606").Seq
		}
		s.hangUpAndWait(c)
		if h := s.lab.Heard("606"); h.Digits != "42*" {
			t.Errorf("606 got %q", h.Digits)
		}
	})
}

func TestCall_DigitsByInfo(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := first.dial("606")
		first.wait("answered")
		c.inform('5')
		s.await(0, Digit, "606")
		if err := s.lab.Inform("606", "9"); err != nil {
			t.Fatal(err)
		}
		if h := first.wait("digit"); h.text != "9" {
			t.Errorf("the phone got %q by INFO", h.text)
		}
		s.hangUpAndWait(c)
		if h := s.lab.Heard("606"); h.Digits != "5" {
			t.Errorf("606 got %q", h.Digits)
		}
	})
}

// TestCall_DigitsToAPhoneWithoutEvents: what cannot go by RFC 4733 goes by INFO.
func TestCall_DigitsToAPhoneWithoutEvents(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		first.deaf = true
		c := first.dial("605")
		got := ""
		for len(got) < 5 {
			got += first.wait("digit").text
		}
		if got != "1234#" {
			t.Errorf("605 sent %q", got)
		}
		s.hangUpAndWait(c)
	})
}

func TestCall_DigitsInBand(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := first.dial("606")
		first.wait("answered")
		first.do(c.player.Stop)
		seq, err := dtmf.ParseDigits("73")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.media.SendDigits(seq, media.InBand, nil); err != nil {
			t.Fatal(err)
		}
		s.await(s.await(0, Digit, "606").Seq, Digit, "606")
		s.hangUpAndWait(c)
		if h := s.lab.Heard("606"); h.Digits != "73" {
			t.Errorf("606 got %q", h.Digits)
		}
	})
}

func TestCall_BetweenAgents(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, second *phone) {
		c := first.dial("1002")
		second.wait("invited").call.answer()
		first.wait("answered")
		if h := first.wait("hears"); h.code != secondHz {
			t.Errorf("1001 hears %d Hz, want %d", h.code, secondHz)
		}
		if h := second.wait("hears"); h.code != firstHz {
			t.Errorf("1002 hears %d Hz, want %d", h.code, firstHz)
		}
		s.hangUpAndWait(c)
		second.wait("ended")
	})
}

func TestHold_MusicForTheOther(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := first.dial("601")
		first.wait("answered")
		s.hears(0, "601", firstHz)
		at := s.lab.Log().Last()
		c.offer(sdp.SendOnly)
		s.await(at, Held, "1001")
		s.quiet(at, "601", firstHz)
		s.hears(at, "601", MusicHz)
		at = s.lab.Log().Last()
		c.offer(sdp.SendRecv)
		s.await(at, Resumed, "1001")
		s.hears(at, "601", firstHz)
		s.hangUpAndWait(c)
	})
}

func TestHold_ByTheParty(t *testing.T) {
	for _, form := range []HoldForm{HoldSendOnly, HoldInactive, HoldZero} {
		story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
			c := first.dial("601")
			first.wait("answered")
			s.hears(0, "601", firstHz)
			if err := s.lab.Hold("601", form); err != nil {
				t.Fatal(err)
			}
			first.wait("offered")
			s.quiet(0, "601", firstHz)
			at := s.lab.Log().Last()
			if err := s.lab.Unhold("601"); err != nil {
				t.Fatal(err)
			}
			first.wait("offered")
			s.hears(at, "601", firstHz)
			s.hangUpAndWait(c)
		})
	}
}

// TestHold_Glare: both sides hold at the same time (RFC 3261 14.1). The lab is not
// the owner of the Call-ID and comes through first; the phone asks again then.
func TestHold_Glare(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		c := first.dial("601")
		first.wait("answered")
		s.hears(0, "601", firstHz)
		c.offer(sdp.SendOnly)
		if err := s.lab.Hold("601", HoldSendOnly); err != nil {
			t.Fatal(err)
		}
		first.wait("refused")
		first.wait("offered")
		s.settle() // the ACK of the lab's hold
		at := s.lab.Log().Last()
		c.offer(sdp.SendOnly)
		s.await(at, Held, "1001")
		first.wait("reoffered")
		c.offer(sdp.SendRecv)
		s.await(at, Resumed, "1001")
		s.quiet(0, "601", firstHz)
		at = s.lab.Log().Last()
		if err := s.lab.Unhold("601"); err != nil {
			t.Fatal(err)
		}
		s.hears(at, "601", firstHz)
		s.hangUpAndWait(c)
	})
}

func TestMessages(t *testing.T) {
	story(t, Config{Messages: MessagePolicy{RefuseJSON: true}}, func(t *testing.T, s *scene, first, _ *phone) {
		if code, err := s.lab.Send(t.Context(), "1001", "application/json", `{"id":"山"}`); err != nil || code != 200 {
			t.Errorf("sent and got %d, %v", code, err)
		}
		if h := first.wait("message"); h.text != `{"id":"山"}` {
			t.Errorf("the phone got %q", h.text)
		}
		for _, row := range []struct {
			kind string
			code int
		}{{"text/plain", 202}, {"application/json", 415}} {
			if got := first.message("callbacks", row.kind, "{}"); got != row.code {
				t.Errorf("%s was answered with %d, want %d", row.kind, got, row.code)
			}
		}
		if m := s.lab.Messages(); len(m) != 2 || m[0].To != "callbacks" || m[0].From != "1001" || m[1].Code != 415 {
			t.Errorf("the lab keeps %+v", m)
		}
	})
}

// TestLoss_EveryNotify: each NOTIFY is lost on its way.
func TestLoss_EveryNotify(t *testing.T) {
	story(t, Config{Calls: CallPolicy{KeepLeg: true}}, func(t *testing.T, s *scene, first, _ *phone) {
		c := talking(s, first)
		s.lab.Lose(func(out bool, text string) bool { return out && strings.HasPrefix(text, "NOTIFY ") })
		start := time.Now()
		c.refer("2001", nil)
		first.wait("transferred")
		if waited := time.Since(start); waited < 30*time.Second {
			t.Errorf("the transferor gave up after %s", waited)
		}
		s.lab.Lose(nil)
	})
}

// TestLoss_EveryACK: the lab takes its call down when the ACK never comes.
func TestLoss_EveryACK(t *testing.T) {
	story(t, Config{}, func(t *testing.T, s *scene, first, _ *phone) {
		s.lab.Lose(func(out bool, text string) bool { return !out && strings.HasPrefix(text, "ACK ") })
		first.dial("601")
		first.wait("answered")
		start := time.Now()
		first.wait("ended")
		if waited := time.Since(start); waited < 31*time.Second || waited > 33*time.Second {
			t.Errorf("ended after %s, want 64*T1", waited)
		}
	})
}
