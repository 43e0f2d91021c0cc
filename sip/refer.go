package sip

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
)

// ReferOptions goes with a REFER.
type ReferOptions struct {
	Replaces   *Session // attended: the far end takes this session's place with the target
	ReferredBy string   // raw value; empty: our address
}

// Times of a transfer.
const (
	notifySilenceLimit = 32 * time.Second  // without a first NOTIFY
	notifyMostWait     = 180 * time.Second // bounds what a subscription's expires may claim
	notifyAsk          = 15 * time.Second  // after a NOTIFY, until we ask how it stands
	notifyAskMost      = 3                 // questions in a row that no NOTIFY followed
	referPendingMost   = 8                 // answers of 491 to be taken for "not now": some 8 s, as each wait is drawn by lot
)

// Referral is a REFER of ours: a transfer under way.
type Referral struct {
	session *Session
	target  URI
	headers []Header // of the REFER
	id      uint32   // its CSeq, which Event: refer;id= names
	phase   referPhase
	clock   *loop.Timer
	quiet   *loop.Timer // until the next question
	event   string      // the Event of the last NOTIFY
	asked   int         // questions since the last NOTIFY
	pending int         // answers of 491
	code    int
	reason  string
}

// notice is what comes with a step of a referral.
type notice struct {
	code    int
	reason  string
	event   string        // of the NOTIFY
	expires time.Duration // of the subscription; zero: not said
}

// To is who the far end was asked to call.
func (r *Referral) To() URI { return r.target }

// Refer asks the far end to call somebody (RFC 3515): a blind transfer, or with
// Replaces an attended one (RFC 5589 7). The call itself stays as it is.
// TransferProgressed and TransferEnded tell the outcome; 32 s without a first NOTIFY
// count as timed out. Later the far end is asked how it stands when nothing comes
// for 15 s. ErrOwnAddress for our own address of record.
func (s *Session) Refer(to URI, o ReferOptions) (*Referral, error) {
	switch {
	case s.ended:
		return nil, ErrEnded
	case s.phase != phaseConfirmed:
		return nil, ErrState
	case !s.dialog.allow.serves("REFER"):
		return nil, ErrNotSupported
	case s.isSelf(to):
		return nil, ErrOwnAddress
	case !to.IsSIP() || to.Host == "":
		return nil, fmt.Errorf("transfer to %q: not a SIP address", to.String())
	}
	to.Headers = nil
	if o.Replaces != nil {
		if o.Replaces.dialog == nil || o.Replaces.ended {
			return nil, fmt.Errorf("transfer to %s: %w", to.String(), ErrEnded)
		}
		// "targets the far tag order": the target of the REFER sees the tags of the
		// consultation as its own UA does (RFC 3891 6.1).
		to.Headers = message.Params{{Name: "Replaces", Value: message.EscapeHeader(o.Replaces.Replaces().String())}}
	}
	if o.ReferredBy == "" {
		o.ReferredBy = Address{URI: s.local.URI.Bare()}.String()
	}
	r := &Referral{session: s, target: to, headers: []Header{{Name: "Refer-To", Value: Address{URI: to}.String()}, {Name: "Referred-By", Value: o.ReferredBy}}}
	req := s.dialog.request("REFER", 0)
	if err := addHeaders(req, r.headers); err != nil {
		return nil, err
	}
	s.refers = append(s.refers, r)
	r.sends(req)
	return r, nil
}

// send asks again.
func (r *Referral) send(*notice) {
	req := r.session.dialog.request("REFER", 0)
	_ = addHeaders(req, r.headers) // they were taken before
	r.sends(req)
}

func (r *Referral) sends(req *message.Request) {
	s := r.session
	r.id = seqOf(req)
	s.inside(s.dialog, req, &replyTo{
		sent: func(req *message.Request) { r.id = seqOf(req) },
		response: func(res *message.Response, _ Flow) {
			switch code := res.StatusCode; {
			case code < 200:
			case code < 300:
				r.happen(referOK, &notice{code: code, reason: res.Reason})
			case code == 491 && r.phase == referSent && r.pending < referPendingMost:
				r.happen(referPending, &notice{})
			default:
				r.happen(referRefused, &notice{code: code, reason: res.Reason})
				s.goneBy(code, res.Reason)
			}
		},
		failed: func(err error) {
			if errors.Is(err, ErrTimeout) { // it may have arrived
				r.happen(notifySilence, &notice{})
				return
			}
			cause := causeOfError(err)
			r.happen(referRefused, &notice{code: cause.Code, reason: cause.Reason})
		},
	})
}

// wait is for a far end that cannot yet, such as a PBX that is still calling whom the
// call is with: for as long as RFC 3261 14.1 has a re-INVITE wait behind a 491.
func (r *Referral) wait(*notice) {
	r.pending++
	s := r.session
	r.clock = s.ua.loop.After(s.glareTime(), func() {
		s.guarded("transfer again", func() {
			if s.phase != phaseConfirmed {
				r.happen(referGone, &notice{})
				return
			}
			r.happen(referAgain, &notice{})
		})
	})
}

// happen takes one row of the referral's table.
func (r *Referral) happen(on referStep, n *notice) bool {
	m, ok := r.session.ua.tables.referral.next(r.phase, on)
	if !ok {
		return false
	}
	r.phase = m.to
	if m.do != nil {
		m.do(r, n)
	}
	if r.phase == referEnded {
		r.clock.Stop()
		r.quiet.Stop()
		r.session.dropReferral(r)
	}
	return true
}

// startClock waits for the next NOTIFY.
func (r *Referral) startClock(n *notice) {
	wait := notifySilenceLimit
	if n.expires > wait {
		wait = min(n.expires, notifyMostWait)
	}
	r.clock.Stop()
	s := r.session
	r.clock = s.ua.loop.After(wait, func() { s.guarded("transfer clock", func() { r.happen(notifySilence, &notice{}) }) })
}

// askLater asks how it stands when no NOTIFY comes for a while: the last one may be
// lost, and the call waits for it.
func (r *Referral) askLater() {
	r.quiet.Stop()
	s := r.session
	r.quiet = s.ua.loop.After(notifyAsk, func() { s.guarded("transfer question", func() { r.happen(notifyQuiet, &notice{}) }) })
}

// ask refreshes the subscription that the REFER made (RFC 3515 2.4.4): the far end
// must tell the state at once (RFC 6665 4.2.1.2). One that does not know it any more
// has told the outcome, and we did not hear it; one that has no such thing is not
// asked again.
func (r *Referral) ask(*notice) {
	if r.asked++; r.asked > notifyAskMost {
		r.happen(notifySilence, &notice{})
		return
	}
	s := r.session
	req := s.dialog.request("SUBSCRIBE", 0)
	message.Add(req, "Event", r.event)
	message.Add(req, "Accept", "message/sipfrag")
	message.Add(req, "Expires", secondsText(notifyMostWait))
	s.inside(s.dialog, req, &replyTo{response: func(res *message.Response, _ Flow) {
		switch code := res.StatusCode; {
		case code < 200:
		case code < 300:
			r.askLater()
		case code == 481:
			r.happen(notifySilence, &notice{})
		}
	}})
}

func (r *Referral) tellProgress(n *notice) {
	old := r.asked > 0 && n.code == r.code // we asked: no news
	r.code, r.reason, r.event, r.asked = n.code, n.reason, n.event, 0
	r.askLater()
	if old {
		return
	}
	r.startClock(n)
	r.session.tell(TransferProgressed{Referral: r, Code: n.code, Reason: n.reason})
}

func (r *Referral) tellEnd(n *notice) {
	r.session.tell(TransferEnded{Referral: r, OK: n.code >= 200 && n.code < 300, Code: n.code, Reason: n.reason})
}

func (r *Referral) tellRefused(n *notice) {
	r.session.tell(TransferEnded{Referral: r, Code: n.code, Reason: n.reason, Refused: true})
}

func (r *Referral) tellSilence(*notice) {
	r.session.tell(TransferEnded{Referral: r, Code: r.code, Reason: "nothing was heard of the transfer", TimedOut: true})
}

func (r *Referral) tellGone(*notice) {
	r.session.tell(TransferEnded{Referral: r, Code: r.code, Reason: "the call has ended"})
}

// transfersGone: the far end does not know the dialog: of transfers in it nobody tells
// any more.
func (s *Session) transfersGone() {
	for _, r := range slices.Clone(s.refers) {
		r.happen(referGone, &notice{})
	}
}

// dropReferral forgets a transfer that ended; the dialog may go with the last.
func (s *Session) dropReferral(r *Referral) {
	for i, have := range s.refers {
		if have == r {
			s.refers = append(s.refers[:i], s.refers[i+1:]...)
			break
		}
	}
	s.release()
}

// subscribed reports whether a subscription still needs the dialog.
func (s *Session) subscribed() bool {
	if len(s.refers) > 0 {
		return true
	}
	for _, r := range s.inRefers {
		if r.open() {
			return true
		}
	}
	return false
}

// takeNotify serves a NOTIFY of a transfer (RFC 3515 2.4.4, RFC 6665 4.1.3).
func (s *Session) takeNotify(r *inDialog) {
	event := message.TokenOf(r.req, "Event")
	if !strings.EqualFold(event.Value, "refer") {
		r.respond(489, Header{Name: "Allow-Events", Value: "refer"})
		return
	}
	referral := s.referral(event.Params.Value("id"))
	if referral == nil {
		r.respond(481)
		return
	}
	kind, _ := message.ContentType(r.req)
	state := message.TokenOf(r.req, "Subscription-State")
	code, reason, ok := parseStatus(r.req.Body())
	ending := strings.EqualFold(state.Value, "terminated")
	switch {
	case len(r.req.Body()) > 0 && (kind != "message/sipfrag" || !ok):
		r.respond(400)
		return
	case !ok && !ending:
		r.respond(200)
		return
	}
	r.respond(200)
	n := &notice{code: code, reason: reason, event: event.String()}
	if d, err := time.ParseDuration(state.Params.Value("expires") + "s"); err == nil {
		n.expires = d
	}
	if code >= 200 || ending {
		referral.happen(notifyFinal, n)
		return
	}
	referral.happen(notifyStarted, n)
}

// referral finds the transfer that an Event names; without id it is the only one.
func (s *Session) referral(id string) *Referral {
	for _, r := range s.refers {
		if id != "" && uintText(r.id) == id {
			return r
		}
	}
	if id == "" && len(s.refers) == 1 {
		return s.refers[0]
	}
	return nil
}

// parseStatus reads the status line of a message/sipfrag (RFC 3420).
func parseStatus(body []byte) (code int, reason string, ok bool) {
	line, _, _ := strings.Cut(string(body), "\n")
	rest, found := strings.CutPrefix(strings.TrimRight(line, "\r"), "SIP/2.0 ")
	if !found || len(rest) < 3 {
		return 0, "", false
	}
	for _, c := range rest[:3] {
		if c < '0' || c > '9' {
			return 0, "", false
		}
		code = 10*code + int(c-'0')
	}
	reason = strings.TrimSpace(rest[3:])
	if len(reason) > 200 {
		reason = reason[:200]
	}
	return code, reason, code >= 100 && code < 700
}
