package sip

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
	"ringback/sip/transaction"
)

// send sends a SUBSCRIBE when it is its turn.
func (s *Subscription) send() {
	s.turn = &turn{run: s.transmit}
	s.ua.turns.enter(s.turn)
}

// transmit sends it: in the dialog where there is one, else as the first of a new
// one. Timer N starts (RFC 6665 4.1.2.4): a SUBSCRIBE that no NOTIFY follows has
// failed, whatever its answer was.
func (s *Subscription) transmit() {
	req, err := s.request(s.asked)
	if err != nil {
		s.quiet()
		s.ua.loop.After(0, func() {
			s.because(0, "", "%v", err)
			s.happen(subRefused)
		})
		return
	}
	if s.missed == nil { // it counts from the first SUBSCRIBE that has no NOTIFY
		s.missed = s.ua.loop.After(64*s.ua.cfg.T1, func() {
			s.missed = nil
			s.because(0, "", "no NOTIFY came from %s", s.o.To.HostPort())
			s.happen(subMissed)
		})
	}
	s.exchange(req, s.answered, s.unanswered)
}

// heard stops timer N.
func (s *Subscription) heard() {
	s.missed.Stop()
	s.missed = nil
}

// exchange sends a SUBSCRIBE and takes its final answer.
func (s *Subscription) exchange(req *message.Request, answered func(*message.Response), failed func(error)) {
	o := exchangeOptions{account: s.o.Account, req: req, replyTo: replyTo{
		response: func(res *message.Response, _ Flow) {
			if res.StatusCode >= 200 {
				answered(res)
			}
		}, failed: failed}}
	if d := s.dialog; d != nil {
		o.hop, o.seq = d.hop(), d.nextSeq
	} else {
		o.hop, o.seq = hop{uri: s.ua.firstHop(req, s.o.Account)}, func() uint32 { s.seq++; return s.seq }
	}
	s.out = s.ua.start(o)
}

// request is a SUBSCRIBE (RFC 6665 3.1). One outside of a dialog begins a new
// Call-ID, to which the NOTIFY that makes the dialog belongs.
func (s *Subscription) request(life time.Duration) (*message.Request, error) {
	headers := []Header{{Name: "Event", Value: s.o.Event}, {Name: "Accept", Value: strings.Join(s.o.Accept, ", ")},
		{Name: "Expires", Value: seconds(life)}}
	if s.dialog != nil {
		req := s.dialog.request("SUBSCRIBE", 0)
		return req, addHeaders(req, headers)
	}
	req, err := s.ua.outside(s.o.Account, RequestOptions{Method: "SUBSCRIBE", To: s.o.To, Headers: headers})
	if err != nil {
		return nil, err
	}
	delete(s.ua.awaited, s.key)
	s.key = subscriptionKey{CallID(message.CallID(req)), LocalTag(message.FromTag(req))}
	s.ua.awaited[s.key] = s
	s.local, s.seq, s.sent = s.ua.fromFor(s.o.Account, nil), seqOf(req), s.ua.loop.Now()
	return req, nil
}

// ended notes that the SUBSCRIBE under way is over.
func (s *Subscription) ended() {
	s.out = nil
	s.ua.turns.leave(s.turn)
	s.turn = nil
}

// answered takes the final answer to a SUBSCRIBE.
func (s *Subscription) answered(res *message.Response) {
	authErr := s.out.authErr
	s.ended()
	s.pause.wait = 0
	code := res.StatusCode
	if code < 300 {
		s.raised = false
		s.granted = s.asked
		if s.dialog != nil {
			s.pause.failing = 0
		}
		if life, ok := message.Seconds(res, "Expires"); ok {
			s.granted = life
		}
		s.happen(subAccepted)
		if s.wanted {
			s.Refresh()
		}
		return
	}
	s.heard()
	if least, ok := leastExpires(res, s.asked); code == 423 && ok && !s.raised {
		s.asked, s.raised = least, true
		s.happen(subAgain)
		return
	}
	s.raised = false
	s.because(code, "", "%s answered %d %s", s.o.To.HostPort(), code, res.Reason)
	if authErr != nil {
		s.because(code, "", "%v", authErr)
	}
	if after, ok := message.RetryAfter(res); ok {
		s.pause.wait = min(after, mostRetryAfter)
	}
	s.happen(s.classify(code, authErr))
}

// leastExpires is the life that a 423 wants, where that is more than was asked.
func leastExpires(res *message.Response, asked time.Duration) (time.Duration, bool) {
	least, ok := message.Seconds(res, "Min-Expires")
	return min(least, mostExpires), ok && least > asked
}

// classify sorts the failures. In a dialog only some of them end the subscription:
// "404, 405, 410, 416, 480-485, 489, 501, or 604" (RFC 6665 4.1.2.2), 408 and
// silence (RFC 3261 12.2.1.2).
func (s *Subscription) classify(code int, authErr error) subEvent {
	lasting := s.dialog != nil
	switch {
	case errors.Is(authErr, ErrWrongPassword):
		return subDenied
	case errors.Is(authErr, ErrStaleNonce):
		return subFailed
	case code == 481:
		return subForgotten
	case code == 408 || code == 480:
		return subSilent
	case code == 404 || code == 405 || code == 410 || code == 416 || code > 481 && code <= 485 || code == 489 || code == 501 || code == 604:
		return subRefused
	case lasting && code == 500 && s.pause.failing >= mostFailing:
		return subForgotten // Asterisk says so where the dialog is there and the subscription is not
	case lasting || code == 423 || code >= 500 && code < 600:
		return subFailed
	}
	return subRefused
}

// unanswered takes the failure to get an answer.
func (s *Subscription) unanswered(err error) {
	s.ended()
	s.pause.wait, s.raised = 0, false
	if errors.Is(err, transaction.ErrTimeout) {
		s.because(0, "", "%s does not answer", s.o.To.HostPort())
	} else {
		s.because(0, "", "cannot reach %s: %v", s.o.To.HostPort(), err)
	}
	s.happen(subSilent)
}

// goodbye unsubscribes (RFC 6665 4.1.2.3): the NOTIFY that says terminated follows.
// It does not wait for a turn, because the phone wants to end.
func (s *Subscription) goodbye() {
	for _, t := range []*loop.Timer{s.due, s.expiry} {
		t.Stop()
	}
	s.heard()
	s.quiet()
	s.due = s.ua.loop.After(goodbyeLimit, func() { s.happen(subLeft) })
	req, err := s.request(0)
	if err != nil {
		return // the clock ends it
	}
	s.exchange(req, func(res *message.Response) {
		s.out = nil
		if res.StatusCode >= 300 {
			s.happen(subLeft)
		}
	}, func(error) {
		s.out = nil
		s.happen(subLeft)
	})
}

// receiveFirst takes a NOTIFY outside of a dialog that answers a SUBSCRIBE of ours:
// it makes the dialog (RFC 6665 4.4.1). One from another notifier is a fork.
func (s *Subscription) receiveFirst(server *transaction.Server, flow Flow) {
	req := server.Request()
	d := s.newDialog(req, flow)
	r := &inDialog{dialog: d, req: req, server: server, flow: flow}
	s.ua.guard("first notification", func() {
		if !s.mayTell(r) {
			return
		}
		forked := s.dialog != nil
		if forked && !s.mayFork() {
			r.respond(481)
			return
		}
		n, ok := s.readNotify(r)
		switch {
		case !ok:
			return
		case n.over && forked:
		case forked:
			s = s.fork()
			fallthrough
		case !n.over:
			s.begin(d)
		}
		r.respond(200)
		if !n.over || !forked {
			s.notified(n)
		}
	}, func() { r.respond(500) })
}

// mayFork: a package without forks has one notifier, and answers others 481 (5.4.9);
// one with forks takes them for as long as the SUBSCRIBE may be under way.
func (s *Subscription) mayFork() bool {
	return s.o.Forks && s.state != subLeaving && s.ua.loop.Now().Sub(s.sent) < 64*s.ua.cfg.T1 && len(s.forks) < mostForks && len(s.ua.subscriptions) < s.ua.cfg.Limits.Subscriptions
}

// newDialog is the dialog that a NOTIFY makes, not yet in the table.
func (s *Subscription) newDialog(req *message.Request, flow Flow) *dialog {
	local := s.local
	d := &dialog{ua: s.ua, usage: s, account: s.o.Account, remoteTag: RemoteTag(message.FromTag(req)), local: &local,
		remote: &Address{URI: s.o.To.Bare()}, localSeq: s.seq, remoteSeq: seqOf(req), seen: true, target: s.o.To, routes: recordRoutes(req)}
	d.key = dialogKey{s.key.call, s.key.local, d.remoteTag}
	d.learn(req, flow)
	return d
}

// begin holds to a dialog from now on.
func (s *Subscription) begin(d *dialog) {
	d.usage = s
	s.dialog, s.who, s.since = d, d.remoteTag, s.ua.loop.Now()
	s.ua.enter(d)
}

// fork is another subscription of the same SUBSCRIBE.
func (s *Subscription) fork() *Subscription {
	f := s.ua.newSubscription(s.o, s.handler, s.ua.tables.fork, subActive)
	f.parent, f.key, f.local, f.granted = s, s.key, s.local, cmp.Or(s.granted, s.asked)
	s.forks = append(s.forks, f)
	return f
}
