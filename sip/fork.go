package sip

import (
	"slices"

	"ringback/sip/message"
)

// fork is one of the dialogs that a forked INVITE made (RFC 3261 12.1.2).
type fork struct {
	dialog   *dialog
	seq      uint32            // of the INVITE that it answers
	answer   []byte            // SDP that stands
	reliable bool              // answer came reliably: the 2xx cannot change it
	acked    bool              // an ACK of its 2xx was sent
	late     []byte            // the answer to a late offer, which that ACK carries
	unacked  *message.Response // a 2xx with an offer that waits for AnswerOffer
	prack    *message.Response // a reliable 1xx with an offer that waits for AnswerOffer
	rseq     uint32
	leaving  bool
	gone     bool // a BYE ended the early dialog
}

// fork finds or makes the dialog that a response belongs to.
func (s *Session) fork(res *message.Response, flow Flow) *fork {
	f := s.out.find(RemoteTag(message.ToTag(res)))
	if f == nil {
		if len(s.out.forks) >= maxForks {
			return nil
		}
		f = &fork{dialog: newClientDialog(s, res, flow), seq: seqOf(res)}
		s.out.forks = append(s.out.forks, f)
		s.ua.enter(f.dialog)
	}
	return f
}

// find is the fork with a tag of the far end's; nil: there is none.
func (o *outCall) find(tag RemoteTag) *fork {
	for _, f := range o.forks {
		if f.dialog.remoteTag == tag {
			return f
		}
	}
	return nil
}

// maxForks bounds the early dialogs of one INVITE.
const maxForks = 16

// keep makes a fork the session's dialog and lets the others go after 64*T1.
func (s *Session) keep(f *fork, h *happening) {
	s.out.kept = f
	s.out.timeout.Stop()
	f.dialog.confirm(h.res, h.flow)
	s.dialog = f.dialog
	s.learnIdentity(h.res, h.flow)
	s.agreeTimer(h.res)
	s.lighten()
	s.linger = s.ua.loop.After(64*s.ua.cfg.T1, func() {
		s.dropForks(f)
		s.linger, s.out.client = nil, nil
	})
}

// lighten lets go of what an INVITE needs until it is answered: the messages, and whoever
// carries them to their answer. A call that stands for an hour is as much as its dialog
// (RFC 3261 12), and for half a minute what further 2xx need.
func (s *Session) lighten() {
	o := s.out
	o.credentials = credentialsOf(s.invite)
	if e := o.exchange; e != nil && e.done { // else a branch that was left behind has answered
		o.client = e.client
		o.client.HandOver(answeredInvite{s})
	}
	o.opts, o.exchange, o.tried, o.redirect, o.timeout, s.invite = nil, nil, nil, nil, nil, nil
}

// answeredInvite takes the further 2xx to an INVITE that was answered.
type answeredInvite struct{ s *Session }

// OnResponse implements transaction.ClientHandler.
func (a answeredInvite) OnResponse(res *message.Response, flow Flow) {
	a.s.guarded("INVITE response", func() { a.s.inviteResponse(nil, res, flow) })
}

// OnFailure implements transaction.ClientHandler: nothing fails that was answered.
func (a answeredInvite) OnFailure(error) {}

// winner is the fork that a first 2xx answers for: where more are open than are
// held, it takes the place of the early ones.
func (s *Session) winner(h *happening) *fork {
	f := s.fork(h.res, h.flow)
	if f == nil {
		s.dropForks(nil)
		f = s.fork(h.res, h.flow)
	}
	return f
}

// dropForks forgets the early dialogs that did not win.
func (s *Session) dropForks(kept *fork) {
	s.out.forks = slices.DeleteFunc(s.out.forks, func(f *fork) bool {
		drop := f != kept && !f.leaving
		if drop {
			s.ua.leave(f.dialog)
		}
		return drop
	})
}

// acceptAgain is a 2xx that is not the first: a repetition gets its ACK again
// (T06); another fork gets ACK and BYE (T07).
func (s *Session) acceptAgain(h *happening) {
	if s.out == nil {
		return
	}
	f := s.fork(h.res, h.flow)
	switch {
	case f == nil:
	case f.acked:
		s.acknowledge(f, f.late)
	case f.unacked != nil: // its offer is not answered yet: the ACK follows
	case f.leaving:
	default:
		s.leaveFork(f, h)
	}
}

// leaveFork acknowledges a 2xx and hangs its dialog up.
func (s *Session) leaveFork(f *fork, h *happening) {
	f.dialog.confirm(h.res, h.flow)
	f.leaving = true
	s.acknowledge(f, nil)
	s.ua.count.add("forks_left")
	s.ua.bye(f.dialog, ReasonHeader{}, func() { s.ua.leave(f.dialog) })
}

// leaveAnswered: our CANCEL crossed the 2xx: ACK, then BYE.
func (s *Session) leaveAnswered(h *happening) {
	f := s.winner(h)
	s.keep(f, h)
	s.acknowledge(f, nil)
	s.finish(s.hangupCause())
	s.sendBye(nil)
}

// acknowledge sends the ACK of a fork's 2xx, with the answer to a late offer.
func (s *Session) acknowledge(f *fork, sdp []byte) {
	ack := f.dialog.request("ACK", f.seq)
	// RFC 3261 22.1: the ACK carries the credentials of its INVITE.
	for _, c := range s.out.credentials {
		message.Add(ack, c.Name, c.Value)
	}
	message.SetBody(ack, typeSDP, sdp)
	f.acked, f.late, f.unacked = true, sdp, nil
	s.ua.sendAck(ack, f.dialog.hop(), s.account)
}

// dropFork: a BYE in an early dialog ends that fork, not the call.
func (s *Session) dropFork(h *happening) {
	s.answerBye(h)
	if f := s.out.find(h.dialog.remoteTag); f != nil {
		f.gone = true
	}
	s.ua.leave(h.dialog)
}

// epilogue takes the 2xx that still come to the INVITE of a call that is over, for half a
// minute (RFC 6026 7.2): those of forks that it has heard of get their ACK again (RFC
// 3261 13.2.2.4), others ACK and BYE. It is all that is kept of such a call.
type epilogue struct {
	ua            *UA
	account       *Account
	callID        CallID
	localTag      LocalTag
	local, remote Address
	seq           uint32
	target        URI // of the INVITE
	credentials   []Header
	known         []RemoteTag
}

// handEpilogue lets the INVITE's transaction outlive the session without holding it.
func (s *Session) handEpilogue() {
	if s.out.client == nil {
		return
	}
	p := &epilogue{ua: s.ua, account: s.account, callID: s.callID, localTag: s.localTag, local: s.local, remote: s.remote,
		seq: s.out.seq, target: s.out.target, credentials: s.out.credentials}
	for _, f := range s.out.forks {
		p.known = append(p.known, f.dialog.remoteTag)
	}
	s.out.client.HandOver(p)
}

// OnResponse implements transaction.ClientHandler.
func (p *epilogue) OnResponse(res *message.Response, flow Flow) {
	if message.ToTag(res) == "" {
		return
	}
	s := &Session{ua: p.ua, account: p.account, callID: p.callID, localTag: p.localTag, local: p.local, remote: p.remote,
		phase: phaseEnded, ended: true, out: &outCall{seq: p.seq, target: p.target, credentials: p.credentials}}
	s.guarded("INVITE response", func() { p.leave(s, &happening{res: res, flow: flow}) })
}

// leave gives a 2xx what it is due, in the name of the session that was.
func (p *epilogue) leave(s *Session, h *happening) {
	f := s.fork(h.res, h.flow)
	switch {
	case slices.Contains(p.known, f.dialog.remoteTag):
		f.dialog.confirm(h.res, h.flow)
		s.acknowledge(f, nil)
		s.ua.leave(f.dialog)
	case len(p.known) < maxForks:
		p.known = append(p.known, f.dialog.remoteTag)
		s.leaveFork(f, h)
	default:
		s.ua.leave(f.dialog)
	}
}

// OnFailure implements transaction.ClientHandler: nothing fails that was answered.
func (p *epilogue) OnFailure(error) {}

// credentialsOf are those of a request, as they stand in it.
func credentialsOf(req *message.Request) (list []Header) {
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		message.EachValue(req, name, func(v string) { list = append(list, Header{Name: name, Value: v}) })
	}
	return list
}
