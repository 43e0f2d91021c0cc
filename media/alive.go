package media

import "time"

// alive watches whether the peer is heard.
type alive struct {
	since   time.Time // the last packet, or when one began to be expected
	control time.Time // the last RTCP of the peer
	last    time.Time // the last packet; zero: none ever
	comfort bool      // it was comfort noise: the peer is silent on purpose
	heard   bool      // MediaStarted was told
	warned  bool
	over    bool
}

// restart begins to expect packets.
func (a *alive) restart(now time.Time) {
	a.since, a.warned, a.over = now, false, false
	a.heard = a.heard && !a.last.IsZero()
}

func (a *alive) packet(out *outbox, now time.Time, comfort bool) {
	a.since, a.last, a.comfort = now, now, comfort
	if !a.heard || a.warned {
		out.add(MediaStarted{})
	}
	a.heard, a.warned, a.over = true, false, false
}

// silentFor is how long nothing came that should have. After comfort noise (RFC
// 3389) nothing needs to come but RTCP, and that only now and then.
func (a *alive) silentFor(now time.Time) time.Duration {
	since := a.since
	if a.comfort {
		if a.control.After(since) {
			since = a.control
		}
		since = since.Add(2 * rtcpInterval)
	}
	return now.Sub(since)
}

// watch warns of silence, unless the peer is not meant to send.
func (s *Session) watch(now time.Time) {
	a := &s.alive
	if !s.link.ready || !s.link.active.Receives() || a.since.IsZero() {
		a.since = now
		return
	}
	silent := a.silentFor(now)
	if silent >= s.cfg.SilentFor && !a.warned {
		a.warned = true
		s.out.add(MediaSilent{For: silent})
	}
	if silent >= s.cfg.TimeoutFor && !a.over {
		a.over = true
		s.out.add(RTPTimeout{For: silent})
	}
}
