package agent

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"ringback/agent/store"
	"ringback/sip/loop"
)

// agenda is what waits in this phone to be offered: orders that came without a
// call, and personal callbacks for their time. It mirrors the store's rows that are
// waiting or scheduled; the loop owns it.
type agenda struct {
	entries []*entry
	timer   *loop.Timer
	open    bool // the phone is up: entries may be offered
}

// entry is one callback of the agenda.
type entry struct {
	row     store.Callback
	due     time.Time    // when it is offered at the earliest
	offered *interaction // while it is offered; nil: it is not
}

// agendaLook is how long the agenda sleeps at most, so that a clock that jumps, or
// a laptop that slept, is noticed soon.
const agendaLook = 30 * time.Second

func entryOf(row store.Callback) *entry { return &entry{row: row, due: row.Due} }

func (e *entry) personal() bool { return e.row.State == store.CallbackScheduled }

// put adds an entry, or takes the place of the one with its key.
func (g *agenda) put(e *entry) {
	g.remove(e.row.Key)
	g.entries = append(g.entries, e)
	slices.SortStableFunc(g.entries, func(x, y *entry) int { return x.due.Compare(y.due) })
}

func (g *agenda) remove(key string) {
	g.entries = slices.DeleteFunc(g.entries, func(e *entry) bool { return e.row.Key == key })
}

// of is the entry that an interaction offers; nil when it comes from elsewhere.
func (g *agenda) of(in *interaction) *entry {
	for _, e := range g.entries {
		if e.offered == in {
			return e
		}
	}
	return nil
}

// loadAgenda reads what waited when the phone ended.
func (a *Agent) loadAgenda() error {
	rows, err := a.store.Callbacks(store.CallbackFilter{States: []store.CallbackState{store.CallbackWaiting, store.CallbackScheduled}})
	if err != nil {
		return err
	}
	for _, row := range rows {
		a.agenda.put(entryOf(row))
	}
	a.agenda.open = true
	return nil
}

// followAgenda offers what is due where its channel is ready, one at a time, and
// gives to the team what waited too long. It runs after every input.
func (a *Agent) followAgenda() {
	g := &a.agenda
	if !g.open || a.stopping || len(g.entries) == 0 {
		return
	}
	now := a.wall()
	for _, e := range slices.Clone(g.entries) {
		switch {
		case e.offered != nil:
		case e.personal() && a.overdue(e, now):
			a.handOver(e)
		case !e.due.After(now) && a.channelUnavailable(ChannelName(e.row.Channel)) == "":
			a.offerEntry(e)
		}
	}
	a.sleepUntilDue(now)
}

// overdue reports whether a personal callback has waited for its agent as long as
// the configuration lets it.
func (a *Agent) overdue(e *entry, now time.Time) bool {
	patience := a.cfg.Reschedule.PersonalToTeam
	return patience > 0 && !e.row.Due.Add(patience).After(now)
}

// sleepUntilDue wakes the agenda when its next entry is due or overdue.
func (a *Agent) sleepUntilDue(now time.Time) {
	g := &a.agenda
	g.timer.Stop()
	g.timer = nil
	wait := time.Duration(-1)
	sooner := func(at time.Time) {
		if d := max(at.Sub(now), 0); at.After(now) && (wait < 0 || d < wait) {
			wait = d
		}
	}
	for _, e := range g.entries {
		sooner(e.due)
		if patience := a.cfg.Reschedule.PersonalToTeam; patience > 0 && e.personal() {
			sooner(e.row.Due.Add(patience))
		}
	}
	if wait >= 0 {
		g.timer = a.loop.After(min(wait, agendaLook), a.input(func() {}))
	}
}

// channelUnavailable says why nothing can be offered on a channel now; empty when
// something can. What comes without a call is offered one at a time.
func (a *Agent) channelUnavailable(name ChannelName) string {
	if why := a.closed(a.channelNamed(name)); why != "" {
		return why
	}
	for _, in := range a.interactions {
		atWork := in.inCall() || !in.closed && in.channel == name && in.previewing
		if in.offer.open() && !in.closed || atWork && !a.cfg.Callbacks.RingWhileInUse {
			return busyWith
		}
	}
	return ""
}

// offerEntry puts an entry to the agent. Accept opens its preview.
func (a *Agent) offerEntry(e *entry) {
	in := a.newInteraction(Kind(e.row.Kind), Contact{Name: e.row.Name, Number: e.row.Number})
	a.fillFromRow(in, e.row)
	e.offered = in
	a.putOffer(in, meansPreview)
}

// fillFromRow gives an interaction what the store knows of its callback.
func (a *Agent) fillFromRow(in *interaction, row store.Callback) {
	var body callbackBody
	if err := json.Unmarshal(row.Body, &body); err != nil || body.Callback == nil {
		body.Callback = &Callback{ID: row.Key, Type: CallbackScheduled, Data: map[string]any{}}
	}
	c := *body.Callback
	if row.State == store.CallbackScheduled {
		due := row.Due
		c.Type, c.DesiredTime = CallbackScheduled, &due
	}
	c.Number, c.Name, c.Reason, c.FirstLeg = row.Number, row.Name, row.Reason, firstLegAgent
	if c.Attempt < row.Attempts {
		c.Attempt = row.Attempts
	}
	c.Timezone = row.Zone
	c.tellTimes(a.now())
	in.channel, in.callback = ChannelName(row.Channel), &c
	in.key, in.source, in.place, in.since = row.Key, row.Source, row.State, row.Created
	in.zone, in.order, in.retries, in.attempts = row.Zone, body.Order, row.Retries, row.Attempts
	for key, value := range c.Data {
		in.setCase(key, value)
	}
}

// entryLeft: an offer ended without being taken, which the PBX is told. An order goes
// back to it, a rejected personal callback to the team, with the reason; a missed personal one comes
// again here, and nothing is to be told.
func (a *Agent) entryLeft(in *interaction, how offerState, kind ReportType, fill func(*Report)) {
	e := a.agenda.of(in)
	if e == nil {
		a.tell(in, kind, fill)
		return
	}
	e.offered = nil
	about := in.subject()
	why := func(tx *store.Tx) error { return a.report(tx, about, kind, fill) }
	switch {
	case e.personal() && how == offerRefused:
		a.handOver(e, why)
	case e.personal():
		e.due = a.wall().Add(a.cfg.Reschedule.Again)
	default:
		a.moveEntry(e, store.CallbackReturned, "returned", why)
	}
}

// handOver gives a personal callback to the team. The reports of why it does come before.
func (a *Agent) handOver(e *entry, why ...func(*store.Tx) error) {
	e.row.Scope = ScopeTeam
	row := e.row
	reports := append(why, a.reportingOf(row, ReportRescheduled, func(r *Report) { r.fillRescheduled(row) }))
	a.moveEntry(e, store.CallbackHanded, "handed-over", reports...)
}

// moveEntry makes last where the callback is now, and forgets the entry. When the
// disk does not take it the entry stays, and is tried again.
func (a *Agent) moveEntry(e *entry, to store.CallbackState, point string, reports ...func(*store.Tx) error) {
	row := e.row
	row.State, row.Updated = to, a.now()
	err := a.store.UpdateNamed(point, func(tx *store.Tx) error {
		err := tx.PutCallback(row)
		for _, report := range reports {
			err = errors.Join(err, report(tx))
		}
		return err
	})
	if err != nil {
		a.emit(Event{Type: ErrorHappened, Text: a.storeFailed("move callback "+row.Key, err).Message})
		e.due = a.wall().Add(saveAgain)
		return
	}
	a.agenda.remove(row.Key)
	a.outbox.kick()
}

// giveBackOrders returns what nobody took when the phone is switched off, so that
// the contact does not wait for its next start. Personal ones stay here.
func (a *Agent) giveBackOrders() {
	for _, e := range slices.Clone(a.agenda.entries) {
		if !e.personal() {
			why := func(r *Report) { r.Reason = switchedOff }
			a.moveEntry(e, store.CallbackReturned, "returned", a.reportingOf(e.row, ReportWithdrawn, why))
		}
	}
}
