package sip

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
)

// notified is what a NOTIFY says of its subscription.
type notified struct {
	Notification
	pending bool
	over    bool
	reason  string        // of a terminated one, in lower case
	after   time.Duration // retry-after; zero: not said
	expires time.Duration // zero: not said
}

// serveRequest implements dialogUsage: in a subscription's dialog there are only
// NOTIFYs.
func (s *Subscription) serveRequest(d *dialog, server *transaction.Server, flow Flow) {
	r := &inDialog{dialog: d, req: server.Request(), server: server, flow: flow}
	s.ua.guard("request in subscription", func() {
		switch {
		case !d.inOrder(r.req):
			r.respond(500)
			if r.req.Method == message.NOTIFY { // a PBX that came back with an older memory of us
				s.because(0, "", "the PBX has lost count of what it told")
				s.happen(subBroken)
			}
		case r.req.Method == message.NOTIFY:
			if n, ok := s.readNotify(r); ok {
				d.learn(r.req, flow)
				r.respond(200)
				s.notified(n)
			}
		case r.req.Method == message.OPTIONS:
			r.send(s.ua.abilities(r.req, 200, r.server.Tag()))
		case r.req.Method == message.SUBSCRIBE:
			r.respond(489, Header{Name: "Allow-Events", Value: "refer"})
		default:
			r.respond(481) // no session is on this dialog
		}
	}, func() { r.respond(500) })
}

// mayTell refuses whoever is not the account's own PBX.
func (s *Subscription) mayTell(r *inDialog) bool {
	if s.ua.cfg.Policy.AcceptFrom == AcceptAnyone || s.ua.peers.has(s.o.Account, r.flow.Remote().Addr()) {
		return true
	}
	s.ua.count.add("stranger.notify")
	r.respond(403)
	return false
}

// probation is the pause where the notifier wants one and does not say how long.
const probation = 30 * time.Second

// readNotify checks a NOTIFY (RFC 6665 4.1.3) and answers it where it does not tell
// what was asked for.
func (s *Subscription) readNotify(r *inDialog) (n notified, ok bool) {
	event := message.TokenOf(r.req, "Event")
	if !strings.EqualFold(event.Value, s.o.Event) {
		r.respond(489, Header{Name: "Allow-Events", Value: s.o.Event})
		return n, false
	}
	if event.Params.Value("id") != "" { // we have asked with none
		r.respond(481)
		return n, false
	}
	state := message.TokenOf(r.req, "Subscription-State")
	if state.Value == "" {
		r.respond(400)
		return n, false
	}
	n.Body, n.Fork = r.req.Body(), message.FromTag(r.req)
	if n.ContentType, _ = message.ContentType(r.req); len(n.Body) > 0 && !slices.Contains(s.o.Accept, n.ContentType) {
		r.respond(415, Header{Name: "Accept", Value: strings.Join(s.o.Accept, ", ")})
		return n, false
	}
	n.over, n.pending = strings.EqualFold(state.Value, "terminated"), strings.EqualFold(state.Value, "pending")
	n.reason = lower(state.Params.Value("reason"))
	n.after, n.expires = wholeSeconds(state.Params.Value("retry-after")), wholeSeconds(state.Params.Value("expires"))
	return n, true
}

// wholeSeconds reads a parameter of delta-seconds; zero when it is none.
func wholeSeconds(text string) time.Duration {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// notified takes a NOTIFY that was answered with 200.
func (s *Subscription) notified(n notified) {
	s.heard()
	if !n.over {
		if s.pending = n.pending; n.expires > 0 {
			s.granted = n.expires
		} else if s.granted == 0 {
			s.granted = s.asked
		}
		s.happen(subNotified)
		s.hand(n.Notification)
		return
	}
	if len(n.Body) > 0 {
		s.hand(n.Notification)
	}
	s.because(0, n.reason, "the PBX ended the subscription")
	if n.reason != "" {
		s.status.Reason += ": " + n.reason
	}
	s.happen(s.parted(n))
}

// parted is what a terminated subscription means for the next (RFC 6665 4.1.3):
// deactivated and timeout are begun again at once, probation and giveup after what
// the notifier says, else slowly; the others not at all. A reason that nobody
// knows is none.
func (s *Subscription) parted(n notified) subEvent {
	s.pause.wait = min(n.after, mostRetryAfter)
	switch n.reason {
	case "rejected", "noresource", "invariant":
		return subRejected
	case "probation", "giveup":
		if n.after == 0 {
			s.pause.wait = probation
		}
	case "deactivated", "timeout":
		s.pause.wait = 0 // "retry-after has no meaning" for these
	}
	return subOver
}
