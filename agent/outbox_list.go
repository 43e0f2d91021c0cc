package agent

import (
	"encoding/json"
	"time"

	"ringback/agent/store"
)

// OutboxList is what the action outbox returns: the reports that are not
// delivered, oldest first.
type OutboxList struct {
	OutboxState
	Reports []OutboxEntry `json:"reports"`
}

// OutboxEntry is one report that waits or has failed.
type OutboxEntry struct {
	ID       string     `json:"id"`
	Callback string     `json:"callback"`
	Seq      int        `json:"seq"`
	Type     ReportType `json:"type"`
	State    string     `json:"state"` // waiting or failed
	Created  time.Time  `json:"created"`
	Tries    int        `json:"tries"`
	NextTry  *time.Time `json:"next_try"`
	Reason   string     `json:"reason"` // why the last try failed
}

// outboxShown is how many reports the action lists.
const outboxShown = 500

func (a *Agent) actOutbox(r *request) {
	undelivered, err := a.store.Reports(store.ReportFilter{States: []store.ReportState{store.ReportWaiting, store.ReportFailed}, Limit: outboxShown})
	if err != nil {
		r.fail(refuse(CodeFailed, "outbox: %v", err))
		return
	}
	list := OutboxList{OutboxState: a.outbox.view, Reports: []OutboxEntry{}}
	for _, p := range undelivered {
		e := OutboxEntry{ID: p.ID, Callback: p.Callback, Type: ReportType(p.Kind), State: string(p.State), Created: p.Created, Tries: p.Tries,
			NextTry: timeOf(p.NextTry), Reason: p.LastError}
		var body Report
		if json.Unmarshal(p.Body, &body) == nil {
			e.Seq = body.Seq
		}
		list.Reports = append(list.Reports, e)
	}
	r.done(list)
}

// actOutboxRetry sends what waits or has failed now, and not at its time. A report
// that is named takes those before it, about the same callback, with it.
func (a *Agent) actOutboxRetry(r *request) {
	undelivered, err := a.store.Reports(store.ReportFilter{States: []store.ReportState{store.ReportWaiting, store.ReportFailed}})
	if err != nil {
		r.fail(refuse(CodeFailed, "outbox-retry: %v", err))
		return
	}
	again := undelivered
	if id := r.args.Report; id != "" {
		if again = upTo(undelivered, id); len(again) == 0 {
			r.fail(refuse(CodeNotFound, "outbox-retry: there is no report %s that waits or has failed", id).hint("see: ringback outbox"))
			return
		}
	}
	now := a.now()
	err = a.store.UpdateNamed("report-retry", func(tx *store.Tx) error {
		for _, p := range again {
			if err := tx.MoveReport(p.ID, store.ReportWaiting, 0, now, p.LastError, p.ContentType, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.fail(refuse(CodeFailed, "outbox-retry: %v", err))
		return
	}
	a.outbox.begun = false
	a.outbox.pbxBack()
	r.done(map[string]any{"retried": len(again)})
}

// upTo are the reports of a callback up to the one named.
func upTo(all []store.Report, id string) []store.Report {
	var callback string
	var last int64
	for _, p := range all {
		if p.ID == id {
			callback, last = p.Callback, p.Seq
		}
	}
	var list []store.Report
	for _, p := range all {
		if last > 0 && p.Callback == callback && p.Seq <= last {
			list = append(list, p)
		}
	}
	return list
}
