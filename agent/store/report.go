package store

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// ReportState says where a report is.
type ReportState string

// The states of a report.
const (
	ReportWaiting   ReportState = "waiting"
	ReportDelivered ReportState = "delivered"
	ReportFailed    ReportState = "failed" // given up, and kept
)

// Report is one thing that the PBX is told about a callback: an entry of the
// outbox.
type Report struct {
	Seq         int64  // given by the store, in the order of PutReport
	ID          string // makes a repeat harmless
	Callback    string
	Kind        string
	Body        json.RawMessage
	Created     time.Time   // zero: now
	State       ReportState // empty: waiting
	Tries       int
	NextTry     time.Time
	Delivered   time.Time
	LastError   string
	ContentType string
}

const reportColumns = "seq, id, callback, kind, body, created, state, tries, next_try, delivered, last_error, content_type"

func scanReport(r row) (p Report, err error) {
	err = r.Scan(&p.Seq, &p.ID, &p.Callback, &p.Kind, raw(&p.Body), instant{&p.Created}, &p.State, &p.Tries,
		instant{&p.NextTry}, instant{&p.Delivered}, &p.LastError, &p.ContentType)
	return p, err
}

// PutReport adds a report at the end. One whose ID is known is left as it is.
func (tx *Tx) PutReport(p Report) error {
	if p.Created.IsZero() {
		p.Created = tx.now()
	}
	if p.State == "" {
		p.State = ReportWaiting
	}
	return tx.exec(`INSERT INTO report (id, callback, kind, body, created, state, tries, next_try, delivered, last_error, content_type)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		p.ID, p.Callback, p.Kind, text(p.Body), stamp(p.Created), p.State, p.Tries, stamp(p.NextTry), stamp(p.Delivered), p.LastError, p.ContentType)
}

// MoveReport writes what became of a try to deliver a report. delivered is zero
// unless it was. A report that is not known is passed over.
func (tx *Tx) MoveReport(id string, state ReportState, tries int, nextTry time.Time, lastError, contentType string, delivered time.Time) error {
	return tx.exec("UPDATE report SET state = ?2, tries = ?3, next_try = ?4, last_error = ?5, content_type = ?6, delivered = ?7 WHERE id = ?1",
		id, state, tries, stamp(nextTry), lastError, contentType, stamp(delivered))
}

// ReportFilter says which reports are wanted; what is zero does not matter.
type ReportFilter struct {
	States   []ReportState
	Callback string
	After    int64 // only those with a greater Seq
	Limit    int
}

// Reports lists reports in the order of their Seq.
func (r Reader) Reports(f ReportFilter) (all []Report, err error) {
	query, args := f.query()
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, scanReport, query, args...)
		return err
	})
	return all, err
}

// query names the states in a way that lets the small indexes of those that wait
// and those that failed serve.
func (f ReportFilter) query() (query string, args []any) {
	q := selection{from: "report", key: "seq", order: "seq"}
	if f.Callback != "" {
		q.and("callback = ?", f.Callback)
	}
	if f.After > 0 {
		q.and("seq > ?", f.After)
	}
	var states []string
	for _, s := range f.States {
		states = append(states, "SELECT seq FROM report WHERE state = '"+strings.ReplaceAll(string(s), "'", "''")+"'")
	}
	if f.Callback != "" || f.After > 0 || slices.Contains(f.States, ReportDelivered) {
		if len(f.States) > 0 {
			q.and("state IN (?"+strings.Repeat(", ?", len(f.States)-1)+")", anys(f.States)...)
		}
	} else if len(states) > 0 {
		q.and("seq IN (" + strings.Join(states, " UNION ALL ") + ")")
	}
	return q.sql(reportColumns, f.Limit)
}

// FirstReports lists what may be sent now: the oldest waiting report of each
// callback, in the order of their Seq.
func (r Reader) FirstReports() (all []Report, err error) {
	err = r.do(func(c *conn) (err error) {
		all, err = list(c, scanReport, "SELECT "+reportColumns+` FROM report WHERE seq IN
			(SELECT min(seq) FROM report WHERE state = 'waiting' GROUP BY callback) ORDER BY seq`)
		return err
	})
	return all, err
}

// CountReports counts the reports that wait and those that failed.
func (r Reader) CountReports() (waiting, failed int, err error) {
	err = r.do(func(c *conn) error {
		return c.query(func(r row) error { return r.Scan(&waiting, &failed) },
			"SELECT (SELECT count(*) FROM report WHERE state = 'waiting'), (SELECT count(*) FROM report WHERE state = 'failed')")
	})
	return waiting, failed, err
}
