package agent

import (
	"cmp"
	"errors"
	"time"

	"ringback/agent/verdict"
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
		Reason: a.registrationReason(s), NextTry: timeOf(s.NextTry), Contact: s.Contact}
	if a.registered.AOR == "" {
		a.registered.AOR = a.account.AOR.String()
	}
	if s.State == sip.Registered {
		a.keepServed(a.registration.Served())
	}
	if s.Lost { // a PBX that is new forgets
		a.queue.forget()
	}
	if a.outbox.kick(); s.State == sip.Registered && (before.State != "registered" || a.outbox.outage > 0) {
		a.outbox.pbxBack()
	}
	e := Event{State: a.registered.State, Code: s.Code, Reason: a.registered.Reason}
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
	if s.Back && !a.stopping {
		a.lookAfterCalls()
	}
}

// lookAfterCalls asks, once the PBX answers again, whether it still has each call: a
// PBX that was restarted has forgotten them, and the agent would talk to nobody. Not
// before: while the PBX is silent the network may be the one that is away, and the
// contact is still there when it is whole again.
func (a *Agent) lookAfterCalls() {
	for _, in := range a.interactions {
		for _, l := range in.live() {
			switch {
			case l.up() && l.search.lost:
				a.searchAnew(l) // which asks, too
			case l.up():
				a.stillThere(l, func() {})
			case !l.incoming && l.session != nil:
				_ = l.session.Probe() // one that cannot be asked about rings until it is ended
			}
		}
	}
}

// registrationReason is why the registration is as it is, in the words of the table of
// verdicts where they have the case.
func (a *Agent) registrationReason(s sip.RegistrationStatus) string {
	c := a.verdictCase()
	c.Contact = cmp.Or(s.Contact, a.registered.Contact) // that of a binding that is lost, too
	if s.Server.IsValid() {
		c.Addr, c.Transport = s.Server.String(), s.By
	}
	var doubt *sip.DoubtError
	if s.State == sip.Registered && errors.As(s.Err, &doubt) {
		return verdict.OfDoubt(doubt, c).Error()
	}
	if s.Code >= 300 && !errors.Is(s.Err, sip.ErrForgotten) {
		return verdict.OfAnswer(s.Code, s.Answer, s.Err, c).Error()
	}
	if f, ok := verdict.OfError(s.Err, c); ok {
		return f.Error()
	}
	return s.Reason
}

// verdictCase has what verdicts name of the account.
func (a *Agent) verdictCase() verdict.Case {
	to := a.account.AOR
	if a.account.Registrar.Host != "" {
		to = a.account.Registrar
	}
	if a.account.Proxy != nil {
		to = *a.account.Proxy
	}
	user := a.account.Username
	if user == "" {
		user = a.account.AOR.UserText()
	}
	return verdict.Case{Host: to.Host, Addr: to.HostPort(), Transport: a.account.Transport, AOR: a.account.AOR.String(), User: user,
		Password: a.account.Password != "", Now: a.now()}
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
