package agent

import (
	"fmt"
	"time"

	"ringback/media"
	"ringback/sip/loop"
)

// pathSearch is a call's search for another way of its media after the one that ICE had
// found was lost: the far end has consented to nothing for 30 s (RFC 7675). Each try is a
// re-INVITE that restarts ICE (RFC 8445 section 9).
type pathSearch struct {
	lost  bool
	under bool        // a try is under way
	turn  int         // counts the ends of tries
	tries int         // of searchPauses
	again *loop.Timer // the next one
}

// searchPauses are those before each try. One that finds nothing takes 15 s by itself.
var searchPauses = [...]time.Duration{0, 5 * time.Second, 15 * time.Second, 30 * time.Second}

// pathFailed looks for another way where there was one; where there never was one, that is
// told. What is lost is shown as the call's trouble, as long as it is.
func (a *Agent) pathFailed(l *leg, e media.PathFailed) {
	s := &l.search
	switch {
	case !e.Lost:
		out := l.event(ErrorHappened)
		out.Text = "there is no way for the sound to the far end: " + e.Err.Error()
		a.emit(out)
	case !s.lost:
		s.lost = true
		a.searchAnew(l)
	case s.under:
		a.searchFailed(l, e.Err)
	}
}

// pathFound ends the search, whoever has found it.
func (a *Agent) pathFound(l *leg) {
	l.search.again.Stop()
	l.search = pathSearch{turn: l.search.turn + 1}
}

// searchAnew begins the search, or begins it once more: the PBX answers again.
func (a *Agent) searchAnew(l *leg) {
	l.search.tries = 0
	if !l.search.under {
		a.searchLater(l)
	}
}

// searchFailed goes on with the next try, if there is one.
func (a *Agent) searchFailed(l *leg, err error) {
	l.search.under, l.search.turn = false, l.search.turn+1
	a.log.Info("no other path for a call", "call", string(l.id), "tries", l.search.tries, "error", err)
	if l.search.tries < len(searchPauses) {
		a.searchLater(l)
		return
	}
	e := l.event(ErrorHappened)
	e.Text = fmt.Sprintf("no other path to the other side was found in %d tries (%v): end the call, and call again", l.search.tries, err)
	a.emit(e)
}

func (a *Agent) searchLater(l *leg) {
	s := &l.search
	s.again.Stop()
	if pause := searchPauses[s.tries]; pause > 0 {
		s.again = a.loop.After(pause, a.input(func() { a.search(l) }))
		return
	}
	a.search(l)
}

// search makes one try as soon as the call has room for an offer and the PBX is there:
// one that is silent would have the call ended by the offer (RFC 5057 section 5.1), and
// both may be back when the network is.
func (a *Agent) search(l *leg) {
	s := &l.search
	if !s.lost || s.under || !l.live() {
		return
	}
	s.tries++
	s.under = true
	a.searchWhen(l, func() bool { return l.hasRoom() && a.checkRegistered() == nil }, func() {
		if err := l.media.RestartPath(); err != nil {
			a.searchFailed(l, err)
			return
		}
		known := func() bool {
			done, _ := l.media.PathGathered()
			return done && l.hasRoom()
		}
		a.searchWhen(l, known, func() { a.searchOffers(l) })
	})
}

// searchOffers offers the new way, and leaves it to ICE to say what comes of it.
func (a *Agent) searchOffers(l *leg) {
	if _, err := l.media.PathGathered(); err != nil && a.ways.RelayOnly {
		a.searchFailed(l, err)
		return
	}
	x := &l.exchange
	x.failed, x.again = nil, true
	a.negotiate(l)
	a.searchWhen(l, func() bool { return !x.open && !x.again }, func() {
		if x.failed != nil {
			a.searchFailed(l, x.failed)
		}
	})
}

// searchWhen goes on with the try under way when something is so, unless it is over then.
func (a *Agent) searchWhen(l *leg, is func() bool, then func()) {
	turn := l.search.turn
	check := func() bool {
		switch {
		case l.search.turn != turn || !l.search.under || !l.live():
			return true
		case l.media == nil || !is():
			return false
		}
		then()
		return true
	}
	if !check() {
		a.await(check)
	}
}

// hasRoom says that the call can take an offer of ours.
func (l *leg) hasRoom() bool {
	x := &l.exchange
	return l.up() && (!l.incoming || l.confirmed) && !x.open && !x.late && x.theirs == nil
}
