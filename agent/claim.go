package agent

import (
	"errors"
	"time"

	"ringback/agent/store"
)

// A callback that no interaction works on can be taken from the list: claimed, so
// that it comes here at its time, or called now.

// held finds a callback of the list that can be taken, and its entry of the agenda
// where it has one.
func (a *Agent) held(action, key string) (store.Callback, *ActionError) {
	row, have, err := a.store.Callback(key)
	switch {
	case err != nil:
		return row, a.storeFailed("look for the callback", err)
	case !have:
		return row, refuse(CodeNotFound, "%s: there is no callback %q", action, key).hint("see: ringback callbacks")
	case row.State == store.CallbackOpen:
		return row, refuse(CodeNotAllowed, "%s: callback %s is in your hands, as %s", action, key, row.Interaction)
	case row.State == store.CallbackDone:
		return row, refuse(CodeNotAllowed, "%s: callback %s is done", action, key)
	case a.openCallback(key) != nil:
		return row, refuse(CodeNotAllowed, "%s: callback %s is offered to you now, as %s", action, key, a.openCallback(key).id).hint("accept it")
	}
	return row, nil
}

// actClaim makes a callback of the team's a personal one: it comes here at its time,
// at once when that is over. The PBX is told, so that nobody else calls.
func (a *Agent) actClaim(r *request) {
	row, refused := a.held("callbacks-claim", r.args.Callback)
	if refused != nil {
		r.fail(refused)
		return
	}
	if row.State == store.CallbackScheduled {
		r.fail(refuse(CodeNotAllowed, "callbacks-claim: callback %s is yours already", row.Key))
		return
	}
	was := row
	row.State, row.Scope, row.Updated = store.CallbackScheduled, ScopePersonal, a.now()
	if row.Due.Before(a.wall()) {
		row.Due = a.wall().UTC().Truncate(time.Second)
	}
	told := a.reportingOf(was, ReportRescheduled, func(rep *Report) { rep.fillRescheduled(row) })
	if err := a.store.UpdateNamed("claim", func(tx *store.Tx) error { return errors.Join(tx.PutCallback(row), told(tx)) }); err != nil {
		r.fail(a.storeFailed("claim "+row.Key, err))
		return
	}
	a.outbox.kick()
	a.agenda.put(entryOf(row))
	r.done(OrderResult{Callback: row.Key, Known: true})
}

// actCallNow takes a callback from the list and calls its contact: accept and call
// in one.
func (a *Agent) actCallNow(r *request) {
	row, refused := a.held("callbacks-call", r.args.Callback)
	if refused == nil {
		_, refused = a.target(row.Number)
	}
	if refused == nil {
		refused = a.checkRegistered()
	}
	if refused == nil && a.occupied() {
		refused = refuse(CodeNotAllowed, "callbacks-call: you are busy with another contact").hint("end or take the other call first")
	}
	if refused != nil {
		r.fail(refused)
		return
	}
	in := a.newInteraction(Kind(row.Kind), Contact{Name: row.Name, Number: row.Number})
	a.fillFromRow(in, row)
	if refused := a.amend(in, "accept", (*interaction).opened, a.reporting(ReportAccepted, nil)); refused != nil {
		a.interactions = a.interactions[:len(a.interactions)-1]
		r.fail(refused)
		return
	}
	a.agenda.remove(row.Key)
	r.in = in
	a.emit(Event{Type: InteractionCreated, Interaction: in.id, Channel: in.channel})
	to, _ := a.target(row.Number)
	l, refused := a.dialContact(in, to, nil)
	if refused != nil {
		r.fail(refused)
		return
	}
	r.ok(l)
}
