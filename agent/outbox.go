package agent

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"ringback/agent/store"
	"ringback/sip/loop"
)

// Bounds of the outbox.
const (
	outboxParallel = 4                // callbacks whose reports are on their way at a time
	outboxAgain    = 10 * time.Second // until a store that failed is asked again
)

// outbox carries the reports from the store to the PBX: each callback's in their
// order, the next one when the one before got its 2xx. Everything here is the
// loop's, and can be read from the store again.
type outbox struct {
	due     bool                    // to be looked at after this input
	begun   bool                    // the store was read
	first   map[string]store.Report // by callback: the oldest that waits, as it stands
	failed  map[string]int64        // by callback: Seq of the oldest that has failed. No later one passes it
	sending map[string]bool         // callbacks with a report on its way
	wait    map[string]time.Time    // by report: not before
	quiet   time.Time               // nothing before that: the PBX does not answer
	outage  int                     // sends in a row of which nothing came
	json    bool                    // the PBX takes application/json and no text/plain
	seen    int64                   // Seq of the newest report that was told as queued
	unsaved []store.Report          // what became of reports, and is not in the store yet
	told    bool                    // that the store fails was told
	timer   *loop.Timer
	view    OutboxState
}

func newOutbox() outbox {
	return outbox{due: true, first: map[string]store.Report{}, failed: map[string]int64{}, sending: map[string]bool{}, wait: map[string]time.Time{}}
}

// kick has the outbox looked at after this input: something may have to be sent.
func (o *outbox) kick() { o.due = true }

// pbxBack forgets all waiting: the PBX answers again.
func (o *outbox) pbxBack() {
	clear(o.wait)
	o.quiet, o.outage = time.Time{}, 0
	o.kick()
}

// followOutbox sends what may be sent now. It runs after every input, and does
// nothing unless the outbox was kicked.
func (a *Agent) followOutbox() {
	o := &a.outbox
	for o.due {
		o.due = false
		if err := a.readOutbox(); err != nil {
			a.outboxUnread(err)
			return
		}
		o.told = false
		a.sendReports()
	}
}

// outboxUnread: the store cannot be read or written now. What was not noted is
// noted later, and until then no other report of these callbacks goes.
func (a *Agent) outboxUnread(err error) {
	o := &a.outbox
	again := a.now().Add(outboxAgain)
	o.view.Reason, o.view.NextTry = err.Error(), &again
	a.outboxAt(again)
	if !o.told {
		o.told = true
		a.emit(Event{Type: ErrorHappened, Text: "outbox: " + err.Error()})
	}
}

// readOutbox brings outbox and store in line.
func (a *Agent) readOutbox() error {
	if err := a.saveOutcomes(); err != nil {
		return err
	}
	if err := a.loadOutbox(); err != nil {
		return err
	}
	return a.takeQueued()
}

// loadOutbox reads the whole outbox once.
func (a *Agent) loadOutbox() error {
	o := &a.outbox
	if o.begun {
		return nil
	}
	first, err := a.store.FirstReports()
	if err != nil {
		return err
	}
	failed, err := a.store.Reports(store.ReportFilter{States: []store.ReportState{store.ReportFailed}})
	if err != nil {
		return err
	}
	waiting, err := a.store.Reports(store.ReportFilter{States: []store.ReportState{store.ReportWaiting}})
	if err != nil {
		return err
	}
	clear(o.first)
	clear(o.failed)
	for _, r := range first {
		o.first[r.Callback] = r
	}
	for _, r := range slices.Backward(failed) {
		o.failed[r.Callback] = r.Seq
	}
	if n := len(waiting); n > 0 {
		o.seen = max(o.seen, waiting[n-1].Seq)
	}
	o.begun = true
	return a.countReports()
}

// takeQueued tells of the reports that were written since the last look.
func (a *Agent) takeQueued() error {
	o := &a.outbox
	queued, err := a.store.Reports(store.ReportFilter{States: []store.ReportState{store.ReportWaiting}, After: o.seen})
	if err != nil || len(queued) == 0 {
		return err
	}
	if err := a.countReports(); err != nil {
		return err
	}
	for _, r := range queued {
		o.seen = r.Seq
		if _, have := o.first[r.Callback]; !have {
			o.first[r.Callback] = r
		}
		a.emit(reportEvent(OutboxQueued, r))
	}
	return nil
}

func (a *Agent) countReports() (err error) {
	a.outbox.view.Waiting, a.outbox.view.Failed, err = a.store.CountReports()
	return err
}

// reportEvent is an event about a report.
func reportEvent(t EventType, r store.Report) Event {
	e := Event{Type: t, Report: r.ID, Reason: r.Kind}
	var body Report
	if json.Unmarshal(r.Body, &body) == nil {
		e.Interaction = body.Interaction
	}
	return e
}

// sendReports sends what is due, and says what the rest waits for.
func (a *Agent) sendReports() {
	o := &a.outbox
	now, next := a.now(), time.Time{}
	o.view.Reason, o.view.NextTry = "", nil
	closed := a.outboxClosed()
	for _, r := range slices.SortedFunc(maps.Values(o.first), func(x, y store.Report) int { return cmp.Compare(x.Seq, y.Seq) }) {
		if o.sending[r.Callback] {
			continue
		}
		if a.cfg.Callbacks.ReportTo != "" {
			old := a.reportDeadline(r)
			if !now.Before(old) {
				a.giveUpReport(r)
				continue
			}
			next = soonest(next, old)
		}
		at, why := latest(o.quiet, o.wait[r.ID]), cmp.Or(closed, o.passes(r))
		switch {
		case why != "":
		case now.Before(at):
			why = r.LastError
			next = soonest(next, at)
			if o.view.NextTry == nil || at.Before(*o.view.NextTry) {
				o.view.NextTry = &at
			}
		case len(o.sending) == 0 || o.outage == 0 && len(o.sending) < outboxParallel: // in an outage one asks for all
			a.sendReport(r, false)
		}
		o.view.Reason = cmp.Or(o.view.Reason, why)
	}
	a.outboxAt(next)
}

// passes says why a report must not go before another one; empty when it may go.
func (o *outbox) passes(r store.Report) string {
	if seq, has := o.failed[r.Callback]; !has || seq > r.Seq {
		return ""
	}
	return fmt.Sprintf("an earlier report about %s has failed: see ringback outbox", r.Callback)
}

func latest(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}

// soonest is the earlier of two times, of which the zero time is never.
func soonest(x, y time.Time) time.Time {
	if x.IsZero() || y.Before(x) {
		return y
	}
	return x
}

// outboxAt has the outbox looked at again at a time; the zero time is never.
func (a *Agent) outboxAt(at time.Time) {
	o := &a.outbox
	o.timer.Stop()
	o.timer = nil
	if !at.IsZero() {
		o.timer = a.loop.After(max(at.Sub(a.now()), 0), a.input(o.kick))
	}
}

// outboxClosed says why nothing can be sent at all; empty when it can.
func (a *Agent) outboxClosed() string {
	switch {
	case a.cfg.Callbacks.ReportTo == "":
		return "callbacks.report_to is not set"
	case a.leaving:
		return "the phone is being switched off"
	case a.cfg.Account.Register && a.registered.State != "registered":
		return "not registered"
	}
	return ""
}

// reportDeadline is when a report has waited long enough. One that was put back by
// the agent gets one more try, whenever that is.
func (a *Agent) reportDeadline(r store.Report) time.Time {
	since := r.Created
	if r.Tries == 0 {
		since = latest(since, r.NextTry)
	}
	return since.Add(a.cfg.Callbacks.ReportAge)
}

// telling reports whether the PBX is being told something, and can be expected to
// answer soon.
func (a *Agent) telling() bool {
	o := &a.outbox
	return o.outage == 0 && (len(o.sending) > 0 || o.due && a.outboxClosed() == "")
}

// giveUpReport keeps a report as failed.
func (a *Agent) giveUpReport(r store.Report) {
	r.State, r.NextTry = store.ReportFailed, time.Time{}
	r.LastError = cmp.Or(r.LastError, "not sent within "+a.cfg.Callbacks.ReportAge.String())
	a.reportOver(r)
}

// reportOver takes what became of a report; it is noted before anything else is
// sent about its callback.
func (a *Agent) reportOver(r store.Report) {
	o := &a.outbox
	o.first[r.Callback] = r
	o.unsaved = append(o.unsaved, r)
	o.kick()
}

// saveOutcomes writes what became of reports, goes on with the next ones of their
// callbacks, and tells.
func (a *Agent) saveOutcomes() error {
	o := &a.outbox
	if len(o.unsaved) == 0 {
		return nil
	}
	outcomes := slices.Clone(o.unsaved)
	err := a.store.UpdateNamed("report", func(tx *store.Tx) error {
		for _, r := range outcomes {
			if err := tx.MoveReport(r.ID, r.State, r.Tries, r.NextTry, r.LastError, r.ContentType, r.Delivered); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	o.unsaved = nil
	for _, r := range outcomes {
		if err := a.outcomeSaved(r); err != nil {
			o.begun = false // all of it is read anew
			return err
		}
	}
	return nil
}

func (a *Agent) outcomeSaved(r store.Report) error {
	o := &a.outbox
	if r.State == store.ReportWaiting {
		return nil
	}
	delete(o.wait, r.ID)
	delete(o.first, r.Callback)
	e := reportEvent(OutboxDelivered, r)
	if r.State == store.ReportFailed {
		e.Type, e.Text = OutboxFailed, r.LastError
		if seq, has := o.failed[r.Callback]; !has || r.Seq < seq {
			o.failed[r.Callback] = r.Seq
		}
	}
	next, err := a.store.Reports(store.ReportFilter{States: []store.ReportState{store.ReportWaiting}, Callback: r.Callback, Limit: 1})
	if err == nil {
		err = a.countReports()
	}
	if len(next) > 0 {
		o.first[r.Callback] = next[0]
	}
	a.emit(e)
	return err
}
