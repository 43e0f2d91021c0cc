package agent

import (
	"errors"
	"fmt"
	"time"

	"ringback/agent/store"
	"ringback/agent/verdict"
	"ringback/dtmf"
	"ringback/media"
	"ringback/media/sdp"
	"ringback/sip"
)

// unfit says why no media can come of an offer; nil when it can, or when it is
// late.
func (a *Agent) unfit(s *sip.Session) *sdp.Refusal {
	offer := s.Offer()
	local, err := a.address(s)
	if len(offer) == 0 || err != nil {
		return nil
	}
	parsed, err := sdp.ParseOffer(offer)
	if err == nil {
		want := a.security(s)
		can := sdp.Capabilities{Address: local, Port: 9, Events: true, Direction: sdp.SendRecv,
			Encryption: want.Encryption, Suites: want.Suites, KeysReadable: want.KeysReadable, Fingerprint: want.Fingerprint()}
		if a.cfg.Media.ICE {
			can.ICE, can.ICEOnly = &sdp.ICE{}, a.cfg.Media.ICEPolicy == "relay"
		}
		if can.Codecs, err = media.Formats(a.cfg.codecs()); err != nil {
			return nil
		}
		_, _, err = sdp.Negotiate(sdp.NewLocal(0), parsed, can)
	}
	var refusal *sdp.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return nil
}

// refuseOffer refuses a call whose media cannot be (RFC 3261 21.4.26).
func (a *Agent) refuseOffer(s *sip.Session, r *sdp.Refusal) {
	a.Refuse(RefusedOffer)
	if err := s.Reject(r.Code, "", a.warning(s, r)...); err != nil {
		a.log.Debug("refuse call", "error", err)
	}
}

// warning says in words why an offer is refused.
func (a *Agent) warning(s *sip.Session, r *sdp.Refusal) []sip.Header {
	local, _ := a.address(s) // an INVITE came there
	if warning := r.WarningHeader(local.String()); warning != "" {
		return []sip.Header{{Name: "Warning", Value: warning}}
	}
	return nil
}

// answer takes a call that came: from here on it is connected.
func (a *Agent) answer(l *leg) error {
	if err := a.respond(l, sdp.SendRecv); err != nil {
		return err
	}
	a.legUp(l)
	return nil
}

// respond sends the 200, with the media in this direction.
func (a *Agent) respond(l *leg, dir sdp.Direction) error {
	if err := a.openMedia(l); err != nil {
		a.closeMedia(l)
		a.refuseCall(l, 500, "no media")
		return err
	}
	var body []byte
	var err error
	if offer := l.session.Offer(); len(offer) > 0 {
		body, err = l.media.AcceptOffer(offer, dir)
	} else {
		body, err = l.media.CreateOffer(dir)
		l.exchange.late = true
	}
	if err != nil {
		a.closeMedia(l)
		var refusal *sdp.Refusal
		if errors.As(err, &refusal) {
			a.refuseOffer(l.session, refusal)
		} else {
			a.refuseCall(l, 500, "no media")
		}
		return err
	}
	if err := l.session.Answer(body); err != nil {
		a.closeMedia(l)
		return err
	}
	return nil
}

// legUp notes that a call is connected.
func (a *Agent) legUp(l *leg) {
	l.move(legConnected)
	l.connected = a.now()
	l.early = false
	l.refreshMedia()
}

// refreshMedia takes over what the media session knows after an exchange.
func (l *leg) refreshMedia() {
	if l.media != nil {
		l.codec = codecName(l.media.Codec())
		l.suite, l.keying = l.media.Suite(), l.media.Keying()
	}
}

// sessionEvent serves what happens to a call's SIP session.
func (a *Agent) sessionEvent(l *leg, e sip.Event) {
	switch e := e.(type) {
	case sip.Progressed:
		a.progressed(l, e)
	case sip.Answered:
		a.answered(l, e)
	case sip.Confirmed:
		a.confirmed(l, e)
	case sip.OfferReceived:
		a.offerReceived(l, e)
	case sip.AnswerReceived:
		a.answerReceived(l, e)
	case sip.OfferRefused:
		a.offerRefusedByPeer(l, e)
	case sip.AddressChanged:
		a.moved(l, e.Local)
	case sip.IdentityChanged:
		a.identityChanged(l, e.Identity)
	case sip.ReferReceived:
		a.referReceived(l, e.Refer)
	case sip.ReferWithdrawn:
		a.referWithdrawn(e.Refer)
	case sip.TransferProgressed:
		a.transferProgressed(l, e)
	case sip.TransferEnded:
		a.transferEnded(l, e)
	case sip.InfoReceived:
		a.infoReceived(l, e)
	case sip.MessageReceived:
		m := l.event(MessageReceived)
		m.ContentType, m.Text = mediaType(e.ContentType), cleanText(string(e.Body))
		a.emit(m)
	case sip.Ended:
		a.legOver(l, e.Cause)
	}
}

// confirmed: the ACK came; to a late offer of ours it brought the answer.
func (a *Agent) confirmed(l *leg, e sip.Confirmed) {
	l.confirmed = true
	if l.errand != nil {
		a.errandAcknowledged(l)
		return
	}
	if l.exchange.late && l.media != nil {
		l.exchange.late = false
		if err := l.media.AcceptAnswer(e.SDP, false); err != nil {
			a.hangUpUnusable(l, err)
			return
		}
		l.refreshMedia()
	}
	a.negotiate(l)
}

// hangUpUnusable ends a call whose media description cannot be used.
func (a *Agent) hangUpUnusable(l *leg, err error) {
	a.Refuse(RefusedAnswer)
	e := l.event(ErrorHappened)
	e.Text = "agree on media: " + err.Error()
	a.emit(e)
	_ = l.session.Hangup(sip.ReasonHeader{Protocol: "SIP", Cause: 488, Text: "unusable media description"})
}

// identityChanged: the PBX says that somebody else is at the other end. Who asked for a
// callback stays its contact: it is he who is called again, and whose history this is.
func (a *Agent) identityChanged(l *leg, who sip.Address) {
	l.remote = who
	if l.role == RoleMain && l.in.callback == nil {
		l.in.contact = Contact{Name: cleanText(sip.DecodeText(who.Display)), Number: numberOf(who.URI)}
	}
	e := l.event(InteractionChanged)
	e.Reason = "connected party changed"
	a.emit(e)
}

// legOver is the end of a call, whoever ended it. The interaction stays.
func (a *Agent) legOver(l *leg, c sip.Cause) {
	in := l.in
	if l.errand != nil {
		if l.live() {
			a.errandOver(l, c)
		}
		return
	}
	if in.offer != nil && in.main == l && l.incoming && !l.answeredAtAll() {
		l.noteEnd(a.now(), c) // the offer's end says it all
		a.callerGone(in, c)
		return
	}
	wasUp := l.up()
	if !l.move(legEnded) {
		return
	}
	l.noteEnd(a.now(), c)
	l.hangup.Stop()
	l.search.again.Stop()
	a.tellReferrer(l, c)
	a.refusedEncryption(l, c)
	if !wasUp && !l.incoming {
		a.sound.refused(c)
	}
	a.closeMedia(l)
	if l.role == RoleMain {
		a.attemptOver(l, c)
	}
	e := l.event(CallEnded)
	e.Code, e.Reason, e.Text = c.Code, l.reason, a.causeText(c)
	a.emit(e)
	a.transferLost(l, c)
	switch l.role {
	case RoleConsultation:
		a.consultOver(l, wasUp)
	case RoleParty:
		a.partyLeft(l)
	case RoleMain:
		a.mainOver(l)
		if l.incoming && c.Kind == sip.CauseCancelled {
			a.crossed(l)
		}
	}
}

// causeText says why a call ended: in the table's words what stood between us and the
// far end, else in the far end's own.
func (a *Agent) causeText(c sip.Cause) string {
	if f, ok := verdict.OfCall(c, a.verdictCase()); ok {
		return f.Error()
	}
	return cleanText(c.Text)
}

// crossed: the accept crossed the caller's CANCEL. Nobody talked, so that there is
// nothing to be wrapped up.
func (a *Agent) crossed(l *leg) {
	if !a.closeOffer(l.in, offerWithdrawn, a.reporting(ReportCancelled, nil)) {
		return
	}
	e := l.event(OfferCancelled)
	e.Channel, e.Reason = l.in.channel, l.reason
	a.emit(e)
	a.followCalls()
	a.wrapUpDone(l.in)
}

func (l *leg) answeredAtAll() bool { return !l.connected.IsZero() }

func (l *leg) noteEnd(at time.Time, c sip.Cause) {
	l.phase, l.ended = CallPhaseEnded, at
	l.code, l.reason = c.Code, string(c.Kind)
	l.unreached = !l.answeredAtAll() && c.Err != nil && !c.ByRemote
	l.held, l.wantHold, l.joined, l.suspended = false, false, false, false
	l.heard = Heard{Tones: []float64{}}
}

// callerGone closes an offer because its call ended before anybody took it:
// cancelled by the PBX, answered elsewhere, expired, or refused by us.
func (a *Agent) callerGone(in *interaction, c sip.Cause) {
	if !a.closeOffer(in, offerWithdrawn, a.reporting(ReportCancelled, nil)) {
		return
	}
	e := in.main.event(OfferCancelled)
	e.Channel, e.Reason, e.Text = in.channel, string(c.Kind), a.causeText(c)
	a.emit(e)
}

// mainOver: the contact has gone, or was never reached. A consultation or
// conference goes on by itself.
func (a *Agent) mainOver(l *leg) {
	in := l.in
	if in.consult.live() || len(in.parties()) > 0 {
		a.conferenceThinned(in)
		return
	}
	in.muted, in.away = false, false
}

// resultOf is the call result of a call that was not answered.
func resultOf(c sip.Cause) string {
	switch c.Kind {
	case sip.CauseBusy:
		return ResultBusy
	case sip.CauseNoAnswer, sip.CauseTimedOut, sip.CauseUnavailable, sip.CauseCancelled:
		return ResultNoAnswer
	case sip.CauseNotFound:
		return ResultWrongNumber
	}
	return ResultFailed
}

// infoReceived takes a digit that came as SIP INFO.
func (a *Agent) infoReceived(l *leg, e sip.InfoReceived) {
	info, err := dtmf.ParseInfo(e.ContentType, e.Body)
	if err != nil {
		a.log.Debug("read INFO", "call", string(l.id), "error", fmt.Sprintf("%T", err))
		return
	}
	a.digitReceived(l, info.Digit, "info")
}

func (a *Agent) actEnd(r *request) {
	in := r.in
	for _, l := range in.live() {
		if err := l.session.Hangup(sip.ReasonHeader{}); err != nil && !errors.Is(err, sip.ErrState) {
			r.fail(refuse(CodeFailed, "end: %v", err))
			return
		}
	}
	last := in.main
	a.await(func() bool {
		if len(in.live()) > 0 {
			return false
		}
		r.ok(last)
		return true
	})
}

func (a *Agent) actMute(r *request) { a.setMuted(r, true) }

func (a *Agent) actUnmute(r *request) { a.setMuted(r, false) }

func (a *Agent) setMuted(r *request, muted bool) {
	r.in.muted = muted
	r.ok(r.in.main)
}

func (a *Agent) actDone(r *request) {
	if d := a.cfg.Dispositions; d.Mandatory && r.in.disposition == "" {
		err := refuse(CodeNotAllowed, "done is not allowed: %s has no disposition yet", r.in.id)
		err.Allowed = a.table.allowed(r.in.phase(), r.in.facts())
		r.fail(err.hint("dispose it with one of %s", join(d.Codes)))
		return
	}
	in := r.in
	if in.armed != nil {
		if blocked := a.blocked(in.armed.Number); blocked != nil { // since it was armed
			err := refuse(CodeNotAllowed, "done is not allowed: %s is to be called again, and %s", in.id, blocked.Message)
			err.Allowed = a.table.allowed(in.phase(), in.facts())
			r.fail(err.hint("drop what is armed: ringback reschedule %s --drop", in.id))
			return
		}
	}
	change := func(in *interaction) {
		if in.key == "" && in.armed != nil {
			in.key, in.source, in.since = a.ownKey(in.id), "agent", in.created
		}
		in.settleCallback()
		in.closed, in.previewing = true, false
	}
	if refused := a.amend(in, "done", change, a.reportingDone()...); refused != nil {
		r.fail(refused)
		return
	}
	if in.place == store.CallbackScheduled {
		a.agenda.put(entryOf(a.callbackRecord(in)))
	}
	a.emit(Event{Type: InteractionDone, Interaction: in.id, Channel: in.channel, Reason: in.disposition})
	a.wrapUpDone(in)
	r.ok(nil)
}
