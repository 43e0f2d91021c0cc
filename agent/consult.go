package agent

import (
	"errors"

	"ringback/sip"
)

func (a *Agent) actConsult(r *request) {
	in := r.in
	to, refused := a.target(r.args.Target)
	if refused == nil {
		refused = a.checkRegistered()
	}
	if refused != nil {
		r.fail(refused)
		return
	}
	a.holdOthers(in)
	was := in.main.wantHold
	in.main.wantHold = true // nobody hears the contact from here on
	l, refused := a.callOut(in, RoleConsultation, to, nil)
	if refused != nil {
		in.main.wantHold = was
		r.fail(refused)
		return
	}
	in.onMain = false
	a.wish(in.main, true)
	e := l.event(ConsultationStarted)
	e.Target = to.Bare().String()
	a.emit(e)
	r.ok(l)
}

// consultOver: the consultation ended, whoever ended it. The contact's call is
// as it was: on hold.
func (a *Agent) consultOver(l *leg, wasUp bool) {
	in := l.in
	if in.consult == l {
		in.consult = nil
	}
	if in.main != nil && in.main.transfer != nil && in.main.transfer.consult == l {
		return // replaced by the contact's call: the transfer tells
	}
	e := l.event(ConsultationEnded)
	if !wasUp && l.reason != "cancelled" { // the agent gave up waiting: nobody refused
		e.Type = ConsultationRefused
	}
	e.Code, e.Reason = l.code, l.reason
	a.emit(e)
}

func (a *Agent) actConsultSwap(r *request) {
	in := r.in
	toMain := !in.onMain
	in.onMain = toMain
	from, to := in.main, in.consult
	if toMain {
		from, to = in.consult, in.main
	}
	a.wish(from, true)
	a.changeHold(r, to, false)
}

func (a *Agent) actConsultTransfer(r *request) {
	if refused := a.checkRegistered(); refused != nil {
		r.fail(refused)
		return
	}
	consult := r.in.consult
	to := consult.session.Remote().URI
	if !consult.incoming {
		to = consult.target
	}
	a.startTransfer(r, to, consult)
}

func (a *Agent) actConsultConference(r *request) {
	in := r.in
	l := in.consult
	in.consult = nil
	l.role = RoleParty
	e := l.event(ConsultationCompleted)
	e.Method = "conference"
	a.emit(e)
	a.join(l)
	r.ok(l)
}

func (a *Agent) actConsultEnd(r *request) {
	in := r.in
	l := in.consult
	if err := l.session.Hangup(sip.ReasonHeader{}); err != nil && !errors.Is(err, sip.ErrState) {
		r.fail(refuse(CodeFailed, "consult-end: %v", err))
		return
	}
	a.await(func() bool {
		if l.live() {
			return false
		}
		r.ok(l)
		return true
	})
}
