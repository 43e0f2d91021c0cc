package sip

import (
	"fmt"
	"strings"
	"time"

	"ringback/sip/loop"
	"ringback/sip/message"
)

// consentLimit is how long the handler may think about a REFER; then it is refused.
const consentLimit = 25 * time.Second

// subscriptionLife is the life of the subscription that an accepted REFER makes.
const subscriptionLife = 180 * time.Second

// maxRefers bounds the open REFERs of one call.
const maxRefers = 4

// IncomingRefer is a REFER that came in a dialog. Nothing is dialled on its
// account: the handler decides, calls itself, and tells how it goes.
type IncomingRefer struct {
	session    *Session
	request    *inDialog
	to         Address
	replaces   *Replaces
	referredBy string
	id         uint32
	quiet      bool // no subscription (Refer-Sub: false, RFC 4488; nosub, RFC 7614)
	accepted   bool
	over       bool
	code       int    // that was told last
	reason     string // with it
	multiple   bool   // not the first in the dialog: NOTIFYs carry the id
	until      time.Time
	clock      *loop.Timer
}

// To is who is to be called, without headers.
func (r *IncomingRefer) To() URI { return r.to.URI }

// Replaces is the dialog to be taken over at the target; nil for a blind transfer.
func (r *IncomingRefer) Replaces() *Replaces { return r.replaces }

// Until is how long it may be accepted; then, how long its subscription lives.
func (r *IncomingRefer) Until() time.Time { return r.until }

// ReferredBy is the raw Referred-By, to be copied into the INVITE; it proves
// nothing (RFC 3892).
func (r *IncomingRefer) ReferredBy() string { return r.referredBy }

// open reports whether NOTIFYs are still due.
func (r *IncomingRefer) open() bool { return !r.over }

// takeRefer checks a REFER of the dialog's peer (X03, X13) and asks the handler.
func (s *Session) takeRefer(r *inDialog) {
	values := message.Values(r.req, "Refer-To")
	elements := message.Elements(r.req, "Refer-To")
	if s.phase != phaseConfirmed && s.phase != phaseAnswered {
		s.misplaced(r)
		return
	}
	if len(values) != 1 || len(elements) != 1 {
		r.respond(400)
		return
	}
	to, replaces, err := message.ParseReferTo(values[0])
	switch {
	case err != nil:
		r.respond(400)
	case !to.URI.IsSIP():
		r.respond(416)
	case !onlyAllowed(to.URI.Headers):
		s.ua.count.add("refer_headers")
		r.respond(403)
	case s.isSelf(to.URI):
		r.respond(482)
	case s.account != nil && s.account.AcceptRefer == Refuse || len(s.inRefers) >= maxRefers:
		r.respond(603)
	default:
		s.offerRefer(r, to, replaces)
	}
}

// onlyAllowed: from a URI's headers only these are ever used: anything else could
// route, authorise or forge.
func onlyAllowed(headers message.Params) bool {
	for _, h := range headers {
		if !oneOf(lower(message.Unescape(h.Name)), "replaces", "referred-by", "require") {
			return false
		}
		if strings.EqualFold(h.Name, "require") && !strings.EqualFold(message.Unescape(h.Value), "replaces") {
			return false
		}
	}
	return true
}

func (s *Session) offerRefer(r *inDialog, to Address, replaces *Replaces) {
	in := &IncomingRefer{session: s, request: r, replaces: replaces, id: seqOf(r.req),
		referredBy: message.Value(r.req, "Referred-By"), multiple: len(s.inRefers) > 0,
		quiet: strings.EqualFold(message.TokenOf(r.req, "Refer-Sub").Value, "false") || requires(r.req, "norefersub") || requires(r.req, "nosub")}
	if in.referredBy == "" {
		in.referredBy = to.URI.Header("Referred-By")
	}
	to.URI.Headers = nil
	in.to = to
	s.inRefers = append(s.inRefers, in)
	in.until = s.ua.loop.Now().Add(consentLimit)
	in.clock = s.ua.loop.After(consentLimit, func() { s.guarded("REFER consent", func() { in.drop(603) }) })
	s.emit(ReferReceived{Refer: in})
}

// Accept answers 202 and, where there is a subscription, tells 100 Trying at once
// (RFC 3515 2.4.4). Then call the target and tell what becomes of it by Notify.
func (r *IncomingRefer) Accept() error {
	if r.accepted || r.over {
		return ErrState
	}
	r.accepted = true
	r.clock.Stop()
	if r.quiet {
		if requires(r.request.req, "nosub") { // RFC 7614 has no header for it
			r.request.respond(200)
		} else {
			r.request.respond(202, Header{Name: "Refer-Sub", Value: "false"})
		}
		r.end()
		return nil
	}
	r.request.respond(202)
	s := r.session
	r.until = s.ua.loop.Now().Add(subscriptionLife)
	r.clock = s.ua.loop.After(subscriptionLife, func() {
		s.guarded("REFER subscription", func() { _ = r.Notify(408, "Request Timeout", true) })
	})
	return r.Notify(100, "Trying", false)
}

// takeSubscribe refreshes or ends the subscription that a REFER made (RFC 3515
// 2.4.4), and tells the state at once (RFC 6665 4.2.1.2). It does not make it longer:
// a call to a target that nobody answers is over at some time.
func (s *Session) takeSubscribe(r *inDialog) {
	event := message.TokenOf(r.req, "Event")
	if !strings.EqualFold(event.Value, "refer") {
		r.respond(489, Header{Name: "Allow-Events", Value: "refer"})
		return
	}
	in := s.incomingRefer(event.Params.Value("id"))
	if in == nil {
		r.respond(481)
		return
	}
	life, said := message.Seconds(r.req, "Expires")
	if left := in.until.Sub(s.ua.loop.Now()).Truncate(time.Second); !said || life > left {
		life = left
	}
	r.respond(200, Header{Name: "Expires", Value: secondsText(life)}, Header{Name: "Contact", Value: s.ua.contact(s.account, r.flow)})
	if life == 0 {
		_ = in.Notify(in.code, in.reason, true)
		return
	}
	_ = in.Notify(in.code, in.reason, false)
}

// incomingRefer finds the accepted REFER that an Event names; without id it is the
// only one.
func (s *Session) incomingRefer(id string) *IncomingRefer {
	var found *IncomingRefer
	for _, r := range s.inRefers {
		if !r.accepted || r.quiet || id != "" && uintText(r.id) != id {
			continue
		}
		if found != nil {
			return nil
		}
		found = r
	}
	return found
}

// Refuse answers the REFER with a code of 400 to 699.
func (r *IncomingRefer) Refuse(code int) error {
	if r.accepted || r.over || code < 300 {
		return ErrState
	}
	r.request.respond(code)
	r.end()
	return nil
}

// Notify tells the far end how the call to the target goes; final ends the
// subscription, and only one final is told. A reason is filled in when empty.
func (r *IncomingRefer) Notify(code int, reason string, final bool) error {
	if r.quiet && r.accepted {
		return nil
	}
	if !r.accepted || r.over {
		return ErrState
	}
	if reason == "" {
		reason = message.ReasonPhrase(code)
	}
	if err := message.CheckValue("Reason", reason); err != nil {
		return err
	}
	s := r.session
	r.code, r.reason = code, reason
	req := s.dialog.request("NOTIFY", 0)
	event := "refer"
	if r.multiple {
		event += ";id=" + uintText(r.id)
	}
	message.Add(req, "Event", event)
	state := "terminated;reason=noresource"
	if !final {
		left := max(r.until.Sub(s.ua.loop.Now()), 0)
		state = "active;expires=" + secondsText(left)
	}
	message.Add(req, "Subscription-State", state)
	message.SetBody(req, "message/sipfrag;version=2.0", fmt.Appendf(nil, "SIP/2.0 %d %s\r\n", code, reason))
	s.inside(s.dialog, req, &replyTo{response: func(res *message.Response, _ Flow) {
		if res.StatusCode == 481 {
			r.end() // the subscription is gone, not the call (RFC 5057 5)
		}
	}})
	if final {
		r.end()
	}
	return nil
}

// end frees what the REFER holds.
func (r *IncomingRefer) end() {
	if r.over {
		return
	}
	r.over = true
	r.clock.Stop()
	s := r.session
	for i, have := range s.inRefers {
		if have == r {
			s.inRefers = append(s.inRefers[:i:i], s.inRefers[i+1:]...)
			break
		}
	}
	s.release()
}

// drop refuses a REFER that is still unanswered when its call or its time ends.
func (r *IncomingRefer) drop(code int) {
	if !r.accepted && !r.over {
		r.request.respond(code)
		r.end()
		r.session.emit(ReferWithdrawn{Refer: r})
	}
}
