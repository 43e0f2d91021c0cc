package agent

import (
	"time"

	"ringback/sip"
)

// register keeps the account registered from now on.
func (a *Agent) register() {
	a.registration = a.ua.Register(a.account, func(s sip.RegistrationStatus) { a.input(func() { a.registrationChanged(s) })() })
}

// unregister says goodbye to the registrar, and runs then within 2 s.
func (a *Agent) unregister(then func()) {
	if a.registration == nil {
		then()
		return
	}
	a.leaving = true
	a.queue.call.end()
	a.registration.Unregister(func(error) { then() })
}

func (a *Agent) registrationChanged(s sip.RegistrationStatus) {
	before := a.registered
	a.registered = RegistrationState{State: lower(string(s.State)), AOR: s.AOR, Expires: timeOf(s.Expires), Code: s.Code,
		Reason: s.Reason, NextTry: timeOf(s.NextTry), Contact: s.Contact}
	if a.registered.AOR == "" {
		a.registered.AOR = a.account.AOR.String()
	}
	if s.Lost { // a PBX that is new forgets
		a.queue.forget()
	}
	if a.outbox.kick(); s.State == sip.Registered && (before.State != "registered" || a.outbox.outage > 0) {
		a.outbox.pbxBack()
	}
	e := Event{State: a.registered.State, Code: s.Code, Reason: s.Reason}
	switch {
	case s.Lost:
		e.Type = RegistrationLost
	case s.State == sip.Registered:
		e.Type = RegistrationRegistered
	case s.State == sip.Registering:
		e.Type = RegistrationTrying
	case s.State == sip.Failed:
		e.Type = RegistrationFailed
	case before.State == "registered":
		e.Type = RegistrationLost
	default:
		return
	}
	a.emit(e)
	switch {
	case s.Lost:
		a.teamUnreachable()
	case s.State == sip.Registered && !a.stopping:
		a.watchTeam()
	}
}

// checkRegistered refuses to call while the PBX does not know us.
func (a *Agent) checkRegistered() *ActionError {
	r := a.registered
	if r.State == "registered" || !a.cfg.Account.Register {
		return nil
	}
	err := refuse(CodeNotRegistered, "not registered: %s is %s", r.AOR, r.State)
	if r.Reason != "" {
		err.Message += " (" + r.Reason + ")"
	}
	if r.NextTry != nil {
		err.Hint = "the next try is at " + r.NextTry.Format(time.TimeOnly)
	}
	return err
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
