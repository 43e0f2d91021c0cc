package agent

import (
	"errors"

	"ringback/sip"
)

// MaxConferenceParties is the most that calls.conference_parties may be: each call takes
// two of the mixer's slots, and its share of the encoding.
const MaxConferenceParties = 100

func (a *Agent) actConference(r *request) {
	in := r.in
	if in.phase() == PhaseConsulting {
		if r.args.Target != "" {
			r.fail(refuse(CodeInvalid, "conference: a consultation with %s is open", in.consult.remote.URI.Bare().String()).
				hint("consult-conference joins it, consult-end ends it"))
			return
		}
		if refused := a.checkAllowed("consult-conference", in); refused != nil {
			r.fail(refused)
			return
		}
		a.actConsultConference(r)
		return
	}
	if r.args.Target == "" {
		r.fail(refuse(CodeInvalid, "conference: the argument target is missing").hint("an extension, an E.164 number, or a SIP URI"))
		return
	}
	to, refused := a.target(r.args.Target)
	if refused == nil {
		refused = a.checkRegistered()
	}
	if refused == nil && len(in.parties()) >= a.cfg.Calls.ConferenceParties {
		refused = refuse(CodeFailed, "conference: it is full, with %d parties beside the contact", len(in.parties())).
			hint("drop one with conference-drop, or raise calls.conference_parties (at most %d)", MaxConferenceParties)
	}
	if refused != nil {
		r.fail(refused)
		return
	}
	a.holdOthers(in)
	l, refused := a.callOut(in, RoleParty, to, nil)
	if refused != nil {
		r.fail(refused)
		return
	}
	r.ok(l)
}

// join takes a party into the conference, and with the first one the contact.
func (a *Agent) join(l *leg) {
	in := l.in
	first := !in.conference
	in.conference = true
	l.joined = true
	if in.main.up() {
		in.main.joined = true
	}
	if first {
		a.emit(in.main.event(ConferenceStarted))
	}
	a.emit(l.event(ConferencePartyJoined))
	for _, one := range in.joined() {
		if one.onHold() && !one.suspended {
			a.wish(one, false)
		}
	}
}

// partyLeft: a party has gone, or never came. The others stay.
func (a *Agent) partyLeft(l *leg) {
	e := l.event(ConferencePartyLeft)
	e.Code, e.Reason = l.code, l.reason
	a.emit(e)
	a.conferenceThinned(l.in)
}

// conferenceThinned ends the conference when no party is left in it.
func (a *Agent) conferenceThinned(in *interaction) {
	if !in.conference || in.partyUp() {
		return
	}
	away := in.away
	in.conference, in.away = false, false
	a.emit(in.main.event(ConferenceEnded))
	if !in.main.up() {
		return
	}
	in.main.joined, in.main.muted = false, false
	if in.main.suspended || away {
		in.main.suspended = false
		a.wish(in.main, true) // the agent was not with the contact: it waits on hold
	}
}

// party finds the call that an action on a party means: by its id, or by its
// number or address. The contact is a party too.
func (a *Agent) party(in *interaction, name string) (*leg, *ActionError) {
	var found *leg
	candidates := []string{}
	for _, l := range in.live() {
		if l.role == RoleConsultation {
			continue
		}
		candidates = append(candidates, string(l.id))
		number := numberOf(l.remote.URI)
		if string(l.id) == name || name == number || name == l.remote.URI.Bare().String() || name == numberOf(l.target) {
			found = l
		}
	}
	if found == nil {
		err := refuse(CodeNotFound, "there is no party %s in %s", name, in.id)
		err.Candidates = candidates
		return nil, err
	}
	return found, nil
}

func (a *Agent) actConferenceDrop(r *request) {
	l, refused := a.party(r.in, r.args.Party)
	if refused != nil {
		r.fail(refused)
		return
	}
	if err := l.session.Hangup(sip.ReasonHeader{}); err != nil && !errors.Is(err, sip.ErrState) {
		r.fail(refuse(CodeFailed, "conference-drop: %v", err))
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

func (a *Agent) actConferenceMute(r *request) { a.setPartyMuted(r, true) }

func (a *Agent) actConferenceUnmute(r *request) { a.setPartyMuted(r, false) }

func (a *Agent) setPartyMuted(r *request, muted bool) {
	l, refused := a.joinedParty(r)
	if refused != nil {
		r.fail(refused)
		return
	}
	l.muted = muted
	r.ok(l)
}

func (a *Agent) joinedParty(r *request) (*leg, *ActionError) {
	l, refused := a.party(r.in, r.args.Party)
	if refused == nil && !l.joined {
		refused = refuse(CodeNotAllowed, "%s: %s has not joined", r.spec.Name, l.id)
	}
	return l, refused
}

func (a *Agent) actConferenceSuspend(r *request) { a.setSuspended(r, true) }

func (a *Agent) actConferenceReinstate(r *request) { a.setSuspended(r, false) }

// setSuspended holds a party out of the conference, or takes it in again.
func (a *Agent) setSuspended(r *request, suspended bool) {
	l, refused := a.joinedParty(r)
	if refused != nil {
		r.fail(refused)
		return
	}
	was := l.suspended
	l.suspended = suspended
	a.changeHold(r, l, suspended)
	a.await(func() bool {
		if l.wantHold != suspended && l.live() { // the far end refused it
			l.suspended = was
		}
		return r.answered
	})
}
