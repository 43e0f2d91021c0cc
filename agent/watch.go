package agent

import (
	"errors"

	"ringback/agent/presence"
	"ringback/sip"
)

// Why nothing is known of a colleague, for people.
const (
	notAsked      = "not asked yet"
	notRegistered = "the phone is not registered"
	notToldYet    = "the PBX has told nothing yet"
)

// notifier is one of those who tell of a colleague: a forked SUBSCRIBE may reach several.
type notifier struct {
	fork    string
	dialogs presence.Dialogs
	last    presence.Presence
}

// watchTeam asks the PBX for the presences of the team, once; the subscriptions
// then keep themselves alive.
func (a *Agent) watchTeam() {
	for _, m := range a.team {
		if !m.entry.Presence || m.sub != nil {
			continue
		}
		o := sip.SubscribeOptions{Account: a.account, Event: "dialog", Accept: []string{presence.TypeDialogInfo}, Forks: true}
		if a.cfg.TeamPresence == TeamPresenceState {
			o.Event, o.Accept, o.Forks = "presence", []string{presence.TypePIDF}, false // RFC 3856 6.9
		}
		var err error
		if o.To, err = parseTarget(m.entry.Target, a.domain); err == nil {
			m.sub, err = a.ua.Subscribe(o, watcher{a, m})
		}
		if err != nil {
			a.unknown(m, err.Error())
		}
	}
}

// unwatchTeam gives the subscriptions back and calls over when the PBX knows.
func (a *Agent) unwatchTeam(over func()) {
	left := 1
	one := func() {
		if left--; left == 0 {
			over()
		}
	}
	for _, m := range a.team {
		if m.sub != nil {
			left++
			m.sub.Unsubscribe(a.input(one))
		}
	}
	one()
}

// watcher is a colleague as the handler of his subscription.
type watcher struct {
	a *Agent
	m *member
}

// SubscriptionChanged implements sip.SubscriptionHandler.
func (w watcher) SubscriptionChanged(_ *sip.Subscription, s sip.SubscriptionStatus) {
	w.a.input(func() { w.a.watchChanged(w.m, s) })()
}

// Notified implements sip.SubscriptionHandler.
func (w watcher) Notified(s *sip.Subscription, n sip.Notification) {
	w.a.input(func() { w.a.presenceTold(w.m, s, n) })()
}

// watchChanged: without a subscription nothing that was told holds, save what the
// PBX says will never change (RFC 6665 4.1.3).
func (a *Agent) watchChanged(m *member, s sip.SubscriptionStatus) {
	switch {
	case s.State == sip.Subscribed || s.State == sip.Unsubscribed || s.Cause == "invariant":
		return
	case s.State == sip.SubscriptionPending:
		a.unknown(m, "the PBX has not decided whether it may tell")
	case s.State == sip.SubscriptionFailed:
		a.unknown(m, whyUnwatched(s, a.cfg.TeamPresence))
	case s.Reason != "": // it begins anew
		a.unknown(m, s.Reason)
	default:
		a.unknown(m, notToldYet)
	}
	m.notifiers = nil
}

// whyUnwatched says in words why the PBX does not tell.
func whyUnwatched(s sip.SubscriptionStatus, event string) string {
	switch s.Code {
	case 404:
		return "the PBX has nobody to watch under this number (" + s.Reason + ")"
	case 489:
		other := TeamPresenceState
		if event == other {
			other = TeamPresenceDialog
		}
		return "the PBX does not tell by " + event + "; try team_presence: " + other + " (" + s.Reason + ")"
	}
	return s.Reason
}

// presenceTold takes what a NOTIFY tells of a colleague.
func (a *Agent) presenceTold(m *member, s *sip.Subscription, n sip.Notification) {
	p := m.notifier(n.Fork)
	var err error
	switch {
	case n.Over:
		m.forget(n.Fork)
	case len(n.Body) == 0:
		return
	case n.ContentType == presence.TypePIDF:
		p.last, err = presence.ReadPIDF(n.Body)
	default:
		if err = p.dialogs.Read(n.Body); errors.Is(err, presence.ErrGap) {
			s.Refresh()
			return
		}
		p.last = p.dialogs.Presence()
	}
	if err != nil {
		a.log.Warn("cannot read a presence", "target", m.entry.Target, "cause", err)
		m.forget(n.Fork)
		a.unknown(m, "what the PBX told cannot be read: "+err.Error())
		return
	}
	var all []presence.Presence
	for _, p := range m.notifiers {
		all = append(all, p.last)
	}
	a.setPresence(m, presence.Merge(all...), "")
}

// notifier finds who tells, or notes him.
func (m *member) notifier(fork string) *notifier {
	for _, p := range m.notifiers {
		if p.fork == fork {
			return p
		}
	}
	p := &notifier{fork: fork, last: presence.Presence{State: presence.Unknown}}
	m.notifiers = append(m.notifiers, p)
	return p
}

func (m *member) forget(fork string) {
	for i, p := range m.notifiers {
		if p.fork == fork {
			m.notifiers = append(m.notifiers[:i:i], m.notifiers[i+1:]...)
			return
		}
	}
}

func (a *Agent) unknown(m *member, why string) {
	a.setPresence(m, presence.Presence{State: presence.Unknown}, cleanText(why))
}

// setPresence tells a presence when it is another than before.
func (a *Agent) setPresence(m *member, p presence.Presence, reason string) {
	if m.presence == p && m.reason == reason {
		return
	}
	if m.presence.State != p.State || m.since.IsZero() {
		m.since = a.now()
	}
	m.presence, m.reason = p, reason
	text := p.Note
	if reason != "" {
		text = reason
	}
	a.emit(Event{Type: PresenceChanged, Target: m.entry.Target, State: string(p.State), Text: text})
}

// teamUnreachable: while the PBX does not know us it tells nothing, and what it
// told may be over.
func (a *Agent) teamUnreachable() {
	for _, m := range a.team {
		if m.sub != nil {
			m.notifiers = nil
			a.unknown(m, notRegistered)
		}
	}
}
