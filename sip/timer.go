package sip

import (
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
)

// The intervals of RFC 4028.
const (
	leastSE   = 90 * time.Second   // 5: "The absolute minimum for the Min-SE is 90"
	defaultSE = 1800 * time.Second // 4: the recommended one
)

// sessionTimers keep a session from living on when a side has vanished (RFC 4028).
type sessionTimers struct {
	interval time.Duration // zero: no timer was agreed
	mine     bool          // we refresh
	least    time.Duration // the largest Min-SE that we were told
	refresh  *loop.Timer
	expiry   *loop.Timer
}

func (t *sessionTimers) stop() {
	t.refresh.Stop()
	t.expiry.Stop()
}

func (s *Session) minSE() time.Duration {
	if s.account == nil {
		return leastSE
	}
	return s.account.minSE()
}

// wantedSE is the interval that we ask for; zero: none.
func (s *Session) wantedSE() time.Duration {
	if s.account == nil || s.account.SessionExpires < 0 {
		return 0
	}
	return max(s.account.sessionExpires(), s.timers.least)
}

// askTimer puts our wish in an INVITE (RFC 4028 7.1).
func (s *Session) askTimer(req *message.Request) {
	want := s.wantedSE()
	if want == 0 {
		return
	}
	message.Set(req, "Session-Expires", message.SessionExpires{Interval: want}.String())
	s.askLeast(req)
}

// askLeast says the shortest interval, unless it is the one of who says nothing
// (section 5): a long INVITE does not fit into a datagram.
func (s *Session) askLeast(req *message.Request) {
	if least := max(s.minSE(), s.timers.least); least > leastSE {
		message.Set(req, "Min-SE", secondsText(least))
	}
}

// renewTimer puts the agreed interval and roles in a re-INVITE or UPDATE (7.4):
// uac is whoever sends this request.
func (s *Session) renewTimer(req *message.Request) {
	if s.timers.interval == 0 {
		return
	}
	refresher := "uas"
	if s.timers.mine {
		refresher = "uac"
	}
	message.Set(req, "Session-Expires", message.SessionExpires{Interval: max(s.timers.interval, s.timers.least), Refresher: refresher}.String())
	s.askLeast(req)
}

// agreeTimer takes what a 2xx of ours decided (7.2): without Session-Expires there
// is no timer.
func (s *Session) agreeTimer(res *message.Response) {
	se, ok := message.SessionExpiresOf(res)
	if !ok || se.Interval <= 0 {
		s.timers.interval = 0
		s.timers.stop()
		return
	}
	s.timers.interval = max(se.Interval, leastSE)
	s.timers.mine = se.Refresher != "uas"
	s.startTimers()
}

// grantTimer decides the timer of the INVITE that came, in our 200 (section 9).
func (s *Session) grantTimer(res *message.Response) { s.regrantTimer(s.invite, res) }

// regrantTimer decides the timer in our 2xx to a request: the interval that was
// asked for or ours when that is shorter, and who refreshes; what the request says
// about the refresher stands.
func (s *Session) regrantTimer(req *message.Request, res *message.Response) {
	se, asked := message.SessionExpiresOf(req)
	able := supports(req, "timer")
	if !asked {
		s.timers.interval = 0
		s.timers.stop()
		return
	}
	interval := se.Interval
	if want := s.wantedSE(); want > 0 && want < interval {
		least, _ := message.Seconds(req, "Min-SE")
		interval = max(want, least)
	}
	refresher := se.Refresher
	switch {
	case !able: // table 2: a proxy asked for it, only we can refresh
		refresher = "uas"
	case refresher != "uac" && refresher != "uas":
		refresher = "uas"
	}
	s.timers.interval = max(interval, leastSE)
	s.timers.mine = refresher == "uas"
	message.Set(res, "Session-Expires", message.SessionExpires{Interval: s.timers.interval, Refresher: refresher}.String())
	if refresher == "uac" {
		message.Add(res, "Require", "timer")
	}
	if s.phase == phaseConfirmed {
		s.startTimers()
	}
}

// intervalTooSmall answers 422 to a request whose interval is below our least, and
// reports whether it did (section 9). A peer that does not know the extension
// would not understand 422: its proxy's interval is taken.
func (s *Session) intervalTooSmall(r *inDialog) bool {
	se, ok := message.SessionExpiresOf(r.req)
	if !ok || se.Interval >= s.minSE() || !supports(r.req, "timer") {
		return false
	}
	r.respond(422, Header{Name: "Min-SE", Value: secondsText(s.minSE())})
	return true
}

// raiseInterval takes the Min-SE of a 422 and reports whether it is a larger one
// that makes sense (7.3).
func (s *Session) raiseInterval(res *message.Response) bool {
	least, ok := message.Seconds(res, "Min-SE")
	if !ok || least <= s.timers.least || least > 24*time.Hour {
		return false
	}
	s.timers.least = least
	return true
}

// startTimers starts the clock anew: a refresh at half the interval when it is
// ours, and in any case the end "slightly before" it runs out, min(32 s, a third)
// (section 10).
func (s *Session) startTimers() {
	t := &s.timers
	t.stop()
	if t.interval == 0 || s.phase != phaseConfirmed {
		return
	}
	if t.mine {
		t.refresh = s.ua.loop.After(t.interval/2, func() { s.guarded("refresh", s.refresh) })
	}
	margin := min(32*time.Second, t.interval/3)
	t.expiry = s.ua.loop.After(t.interval-margin, func() {
		s.guarded("session expiry", func() {
			s.happen(onGone, &happening{cause: &Cause{Kind: CauseRefreshFailed, Reason: ErrUnrefreshed.Error(), Err: ErrUnrefreshed}})
		})
	})
}

// refresh sends an UPDATE without offer where the peer serves it, else a
// re-INVITE with what we offered last.
func (s *Session) refresh() {
	c := &change{method: "INVITE", offer: s.oa.local, refresh: true}
	if s.dialog.allow.offers("UPDATE") {
		c = &change{method: "UPDATE", refresh: true}
	}
	if err := s.change(c); err != nil && s.phase == phaseConfirmed {
		s.refreshFailed()
	}
}

// refreshFailed tries again while there is time; the expiry ends it.
func (s *Session) refreshFailed() {
	s.timers.refresh.Stop()
	s.timers.refresh = s.ua.loop.After(10*time.Second, func() { s.guarded("refresh", s.refresh) })
}

func secondsText(d time.Duration) string { return uintText(uint32(d / time.Second)) }
