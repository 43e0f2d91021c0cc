package sip

import (
	"strings"
	"time"

	"ringback/sip/message"
	"ringback/sip/transaction"
)

// baseService is what the UA serves by itself.
func baseService(p Policy, l Limits) message.Service {
	s := message.Service{
		Methods: []message.Method{message.INVITE, message.ACK, message.CANCEL, message.BYE, message.OPTIONS,
			message.PRACK, message.UPDATE, message.INFO, message.REFER, message.NOTIFY, message.MESSAGE},
		Options: strings.Split(knownOptions, ", "),
		ContentTypes: []string{typeSDP, "text/plain", "application/json", "application/dtmf-relay",
			"application/dtmf", "message/sipfrag", "message/sip", "application/simple-message-summary"},
		Accept:  []string{typeSDP},
		MaxBody: l.Body,
	}
	for _, m := range p.Methods {
		s.Methods = append(s.Methods, message.Method(m))
	}
	return s
}

// receive takes a new request from the transactions (RFC 3261 8.2): admission
// first, then its dialog, then its method.
func (u *UA) receive(server *transaction.Server) {
	req, flow := server.Request(), server.Flow()
	defer func() {
		if cause := recover(); cause != nil {
			u.recovered("request", cause)
			_ = server.Respond(u.response(req, 500, "", server.Tag()))
		}
	}()
	if u.refuseByRule(server, req, flow) {
		return
	}
	if message.ToTag(req) != "" {
		u.receiveInside(server, req, flow)
		return
	}
	account, ok := u.addressee(req, u.peers.at(flow.Remote().Addr()))
	if !ok {
		u.refuse(server, 404)
		return
	}
	u.receiveOutside(server, req, flow, account)
}

// isStranger reports whether a flow's peer may begin nothing here.
func (u *UA) isStranger(flow Flow) bool {
	return u.cfg.Policy.AcceptFrom == AcceptRegistrar && u.peers.at(flow.Remote().Addr()) == nil
}

// takeStateless answers what belongs to none of our dialogs and keeps nothing of it:
// requests of strangers, and, whoever they seem to come from, those that name a
// dialog that is not here: sources and tags can be made up, as many as one likes.
// Beyond Limits.StrangersPerSec strangers get no answer.
func (u *UA) takeStateless(req *message.Request, flow Flow) (res *message.Response, taken bool) {
	inside, stranger := message.ToTag(req) != "", u.isStranger(flow)
	if inside && (u.find(req) != nil || u.asked(req) != nil) || !inside && (!stranger || u.isOurs(req)) {
		return nil, false
	}
	service := u.serviceFor(req)
	if stranger {
		service = u.service
		u.count.add(strangerCause(req.Method))
		if !u.strangers.pass(u.loop.Now()) {
			u.count.add("stranger.unanswered")
			return nil, true
		}
	}
	tag := u.tx.StatelessTag(req)
	switch r := service.Check(req); {
	case r != nil:
		return u.unserved(req, r, tag), true
	case inside || req.Method == message.CANCEL:
		return u.response(req, 481, "", tag), true
	case req.Method == message.OPTIONS:
		return u.optionsAnswer(req, flow, tag), true
	}
	return u.response(req, 403, "", tag), true
}

// unserved is the answer to what is not served whoever asks.
func (u *UA) unserved(req *message.Request, r *message.Reject, tag string) *message.Response {
	u.count.add(unservedCause(r.Code))
	res := u.response(req, r.Code, r.Reason, tag)
	for _, h := range r.Headers {
		message.Add(res, h.Name, h.Value)
	}
	return res
}

// refuseByRule answers what is not served whoever asks: 405, 416, 420, 415, 406
// (in the order of RFC 3261 8.2), 482 for our own request come back.
func (u *UA) refuseByRule(server *transaction.Server, req *message.Request, flow Flow) bool {
	if r := u.serviceFor(req).Check(req); r != nil {
		_ = server.Respond(u.unserved(req, r, server.Tag()))
		return true
	}
	if message.ToTag(req) == "" && u.isOurs(req) {
		u.refuse(server, 482)
		return true
	}
	return false
}

// serviceFor leaves bodies inside a dialog to what lives there (INFO and NOTIFY
// answer 415 by themselves, a re-INVITE goes to the handler), and bodies of the
// lab's own methods to the handler. SUBSCRIBE is served in a call only: it asks about a
// REFER.
func (u *UA) serviceFor(req *message.Request) message.Service {
	s := u.service
	if req.Method == message.SUBSCRIBE {
		if d := u.find(req); d != nil && d.ofCall() {
			s.Methods = append([]message.Method{message.SUBSCRIBE}, s.Methods...)
		}
	}
	if oneOf(string(req.Method), "INFO", "REFER", "NOTIFY") || oneOf(string(req.Method), u.cfg.Policy.Methods...) {
		s.ContentTypes = append([]string{bareType(req)}, s.ContentTypes...)
	}
	return s
}

// ofCall reports whether an INVITE made the dialog.
func (d *dialog) ofCall() bool {
	_, yes := d.usage.(*Session)
	return yes
}

func bareType(req *message.Request) string {
	t, _ := message.ContentType(req)
	return t
}

// isOurs reports whether a request outside a dialog is one of our own INVITEs
// come back to us (RFC 3261 8.2.2.2's 482 for ourselves).
func (u *UA) isOurs(req *message.Request) bool {
	s := u.outgoing[CallID(message.CallID(req))]
	return s != nil && s.localTag == LocalTag(message.FromTag(req))
}

// receiveInside takes a request with a To tag.
func (u *UA) receiveInside(server *transaction.Server, req *message.Request, flow Flow) {
	d, asked := u.find(req), u.asked(req)
	switch {
	case d == nil && asked == nil:
		u.refuse(server, 481)
	case d == nil:
		asked.receiveFirst(server, flow)
	case req.Method != message.BYE && !d.isEnd(flow.Remote().Addr()):
		u.count.add("stranger.in_dialog")
		u.refuse(server, 403)
	default:
		d.usage.serveRequest(d, server, flow)
	}
}

// asked is the subscription of ours that a NOTIFY belongs to which is the first of its
// dialog; nil when there is none.
func (u *UA) asked(req *message.Request) *Subscription {
	if req.Method != message.NOTIFY {
		return nil
	}
	return u.awaited[subscriptionKey{CallID(message.CallID(req)), LocalTag(message.ToTag(req))}]
}

// receiveOutside takes a request that begins something.
func (u *UA) receiveOutside(server *transaction.Server, req *message.Request, flow Flow, a *Account) {
	switch {
	case oneOf(string(req.Method), u.cfg.Policy.Methods...):
		u.hand(server, req, flow, a)
	case req.Method == message.INVITE:
		u.receiveInvite(server, req, flow, a)
	case req.Method == message.OPTIONS:
		u.answerOptions(server, req)
	case req.Method == message.MESSAGE: // from the registered PBX, or by policy from everybody
		u.hand(server, req, flow, a)
	case req.Method == message.REFER:
		// X13: nobody outside a call may make this phone dial.
		u.refuse(server, 403)
	default: // BYE, PRACK, UPDATE, INFO, NOTIFY without a dialog
		u.refuse(server, 481)
	}
}

// addressee finds the account that a request is for; ok is false when its user is
// not here.
func (u *UA) addressee(req *message.Request, near *neighbours) (a *Account, ok bool) {
	user := message.RequestURI(req).UserText()
	if near == nil && u.cfg.Policy.AcceptFrom == AcceptAnyone {
		near = &u.peers.all
	}
	if near == nil {
		near = &neighbours{}
	}
	if a := near.byUser[user]; a != nil {
		return a, true
	}
	if here := u.cfg.Policy.LocalUsers; here != nil {
		return nil, user == "" || here(user)
	}
	if len(near.accounts) > 0 && (user == "" || req.Method == message.OPTIONS) {
		return near.accounts[0], true
	}
	return nil, len(u.peers.all.accounts) == 0 && u.cfg.Policy.AcceptFrom == AcceptAnyone
}

// hand gives a request to the handler.
func (u *UA) hand(server *transaction.Server, req *message.Request, flow Flow, a *Account) {
	if u.cfg.Handler == nil {
		u.refuse(server, 480)
		return
	}
	r := &IncomingRequest{ua: u, server: server, req: req, flow: flow, account: a,
		trusted: u.peers.at(flow.Remote().Addr()) != nil}
	u.guard("request", func() { u.cfg.Handler.Requested(r) }, func() { u.refuse(server, 500) })
}

func (u *UA) refuse(server *transaction.Server, code int, headers ...Header) {
	res := u.response(server.Request(), code, "", server.Tag())
	for _, h := range headers {
		message.Add(res, h.Name, h.Value)
	}
	_ = server.Respond(res)
}

// strangerCause is what a stranger's request counts as. It bounds the names that
// counters get from outside.
func strangerCause(m message.Method) string {
	switch m {
	case message.INVITE:
		return "stranger.invite"
	case message.MESSAGE:
		return "stranger.message"
	case message.REGISTER:
		return "stranger.register"
	case message.SUBSCRIBE:
		return "stranger.subscribe"
	case message.NOTIFY:
		return "stranger.notify"
	case message.REFER:
		return "stranger.refer"
	case message.OPTIONS:
		return "stranger.options"
	}
	return "stranger.other"
}

// unservedCause is what a request counts as that is well-formed and not served.
func unservedCause(code int) string {
	switch code {
	case 405:
		return "unserved.method"
	case 406:
		return "unserved.accept"
	case 413:
		return "unserved.size"
	case 415:
		return "unserved.type"
	case 416:
		return "unserved.scheme"
	case 420:
		return "unserved.extension"
	}
	return "unserved.other"
}

// receiveAck takes the ACK of a 2xx to its session.
func (u *UA) receiveAck(ack *message.Request, flow Flow) {
	d := u.find(ack)
	if d == nil || d.session == nil {
		u.count.add("ack_without_dialog")
		return
	}
	s := d.session
	s.guarded("ACK", func() {
		if s.in != nil && seqOf(ack) == s.in.seq {
			s.happen(onAck, &happening{req: ack, flow: flow})
			return
		}
		s.takeChangeAck(ack)
	})
}

// receiveInvite makes a session of an INVITE that passed admission.
func (u *UA) receiveInvite(server *transaction.Server, req *message.Request, flow Flow, a *Account) {
	if !u.admission.pass(u.loop.Now()) || len(u.sessions) >= u.cfg.Limits.Sessions {
		u.count.add("overload")
		u.refuse(server, 503, Header{Name: "Retry-After", Value: "5"})
		return
	}
	if _, _, ok := u.contactIn(req, message.Value(req, "Contact")); !ok && message.Has(req, "Contact") {
		u.refuse(server, 400)
		return
	}
	if u.cfg.Handler == nil {
		u.refuse(server, 480)
		return
	}
	s := u.newIncoming(server, req, flow, a)
	if s.intervalTooSmall(&inDialog{dialog: s.dialog, req: req, server: server, flow: flow}) {
		return
	}
	if code := s.matchReplaces(); code != 0 {
		u.refuse(server, code)
		return
	}
	u.sessions[s] = struct{}{}
	u.startWatch()
	u.enter(s.dialog)
	server.OnCancel(func(cancel *message.Request) {
		s.guarded("CANCEL", func() { s.happen(onCancel, &happening{req: cancel}) })
	})
	server.OnEnd(func(err error) {
		if err != nil && s.in.final == nil {
			s.guarded("transaction end", func() { s.happen(onGone, &happening{err: err}) })
		}
	})
	s.happen(onReceive, nil)
	if d, ok := message.Seconds(req, "Expires"); ok && d < time.Hour {
		s.startExpires(d)
	}
	u.guard("invited", func() { u.cfg.Handler.Invited(s) }, s.breakOff)
}

// newIncoming makes the session of an INVITE, not yet in any table.
func (u *UA) newIncoming(server *transaction.Server, req *message.Request, flow Flow, a *Account) *Session {
	s := &Session{ua: u, account: a, incoming: true, callID: CallID(message.CallID(req)),
		localTag: LocalTag(server.Tag()), invite: req}
	to, _ := message.To(req)
	from, _ := message.From(req)
	s.local, s.remote = to.WithTag(""), from.WithTag("")
	s.parts = partsOf(req)
	s.in = &inCall{server: server, flow: flow, offer: sdpIn(s.parts), seq: seqOf(req)}
	s.dialog = newServerDialog(s, req, flow)
	s.learnIdentity(req, flow)
	if s.in.offer != nil {
		s.negotiate(receiveOffer, s.in.offer)
	}
	return s
}
