package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"ringback/agent/store"
)

// ReportSchema names the version of a report's JSON form.
const ReportSchema = "ringback.report/1"

// ReportType is what was done to a callback.
type ReportType string

// The types of reports. Each callback's come in this order, as far as they apply.
const (
	ReportAccepted    ReportType = "accepted"    // the agent has it
	ReportRejected    ReportType = "rejected"    // by the agent, with code and reason: it is the PBX's again
	ReportMissed      ReportType = "missed"      // nobody did anything until the time-out: it is the PBX's again
	ReportCancelled   ReportType = "cancelled"   // accepted in the moment in which the PBX took it back: it is the PBX's
	ReportWithdrawn   ReportType = "withdrawn"   // the phone itself gave it back, with a reason
	ReportAttempt     ReportType = "attempt"     // a call to the contact has ended, with its result
	ReportResult      ReportType = "result"      // the agent corrected the result of the last attempt that was reported
	ReportRescheduled ReportType = "rescheduled" // to at, in the scope given
	ReportNote        ReportType = "note"        // one part of a note that is too long for one report
	ReportDone        ReportType = "done"        // the agent has finished with it
)

// Report is one thing that was done to a callback, as the PBX is told of it: flat,
// so that a dialplan can read it. What does not apply is left out. A report that
// comes twice has the same id, and is otherwise the same too.
type Report struct {
	Schema      string        `json:"schema"`
	ID          string        `json:"id"`
	Seq         int           `json:"seq"` // of this agent's reports about this callback, dense from 1
	Time        time.Time     `json:"time"`
	Agent       string        `json:"agent"`    // address of record
	Callback    string        `json:"callback"` // the id that came with it, or the one that this phone gave it
	Type        ReportType    `json:"type"`
	Interaction InteractionID `json:"interaction"`
	Channel     ChannelName   `json:"channel"`

	Attempt  int        `json:"attempt,omitempty"`  // its number, from 1, of all that were made for the callback
	Attempts int        `json:"attempts,omitempty"` // done: how many there were
	Result   string     `json:"result,omitempty"`   // call result of an attempt, or of the last one; result: what it really was
	Number   string     `json:"number,omitempty"`   // that was dialled, or is to be dialled
	Name     string     `json:"name,omitempty"`     // rescheduled: the contact's
	Code     int        `json:"code,omitempty"`     // SIP status code of a refusal, or of the end of an attempt
	Cause    string     `json:"cause,omitempty"`    // how an attempt ended, such as busy
	Reason   string     `json:"reason,omitempty"`   // rejected, withdrawn, rescheduled: why
	Started  *time.Time `json:"started,omitempty"`  // attempt
	Answered *time.Time `json:"answered,omitempty"`
	Ended    *time.Time `json:"ended,omitempty"`

	At    *time.Time `json:"at,omitempty"`    // rescheduled: when the contact is to be called
	Zone  string     `json:"zone,omitempty"`  // rescheduled: the contact's, an IANA name
	Scope string     `json:"scope,omitempty"` // rescheduled: personal (this agent calls) or team (the PBX gives it out)

	Disposition string `json:"disposition,omitempty"`
	Note        string `json:"note,omitempty"`
	Part        int    `json:"part,omitempty"`  // note: which part, from 1
	Parts       int    `json:"parts,omitempty"` // note, done: how many parts the note has, when it did not fit
}

// Bounds of a report's texts in bytes; the note is split, never cut.
const (
	maxReportText = 120
	maxReportURI  = 200
)

// subject is what a report is about.
type subject struct {
	callback    string // the key of its record; empty: there is none, and nothing is reported
	interaction InteractionID
	channel     ChannelName
	since       time.Time // tells it from others of the same names
}

func (in *interaction) subject() subject {
	return subject{in.key, in.id, in.channel, in.created}
}

// subjectOf is a callback that is in nobody's hands now.
func subjectOf(row store.Callback) subject {
	return subject{row.Key, InteractionID(row.Interaction), ChannelName(row.Channel), row.Updated}
}

// report writes what was done to a callback into a transaction, so that both are kept
// or neither. fill, which may be nil, adds what belongs to the type. It runs on the
// store's goroutine. After the commit comes outbox.kick.
func (a *Agent) report(tx *store.Tx, about subject, kind ReportType, fill func(*Report)) error {
	if about.callback == "" {
		return nil
	}
	r := Report{Schema: ReportSchema, Time: *reportTime(a.now()), Agent: a.account.AOR.String(), Callback: about.callback,
		Type: kind, Interaction: about.interaction, Channel: about.channel}
	if fill != nil {
		fill(&r)
	}
	r.bound()
	sofar, err := tx.Reports(store.ReportFilter{Callback: r.Callback})
	if err != nil {
		return err
	}
	if n := len(sofar); n > 0 {
		var last Report
		if err := json.Unmarshal(sofar[n-1].Body, &last); err != nil {
			return fmt.Errorf("read report %s: %w", sofar[n-1].ID, err)
		}
		r.Seq = last.Seq
	}
	for _, part := range r.split(a.cfg.Callbacks.ReportSize) {
		r.Seq++
		part.Seq = r.Seq
		part.ID = part.newID(about.since)
		if err := tx.PutReport(store.Report{ID: part.ID, Callback: r.Callback, Kind: string(part.Type), Body: part.text(), Created: a.now()}); err != nil {
			return err
		}
	}
	return nil
}

// reporting is a report as a part of an interaction's own transaction.
func (a *Agent) reporting(kind ReportType, fill func(*interaction, *Report)) writing {
	return func(tx *store.Tx, in *interaction) error {
		return a.report(tx, in.subject(), kind, func(r *Report) {
			if fill != nil {
				fill(in, r)
			}
		})
	}
}

// reportingOf is a report as a part of the transaction that moves a callback.
func (a *Agent) reportingOf(row store.Callback, kind ReportType, fill func(*Report)) func(*store.Tx) error {
	return func(tx *store.Tx) error { return a.report(tx, subjectOf(row), kind, fill) }
}

// tell reports what was done to a callback that nothing else is written of.
func (a *Agent) tell(in *interaction, kind ReportType, fill func(*Report)) {
	about := in.subject()
	if about.callback == "" {
		return
	}
	err := a.store.UpdateNamed("report-"+string(kind), func(tx *store.Tx) error { return a.report(tx, about, kind, fill) })
	if err != nil {
		a.emit(Event{Type: ErrorHappened, Interaction: in.id, Text: a.storeFailed("keep report "+string(kind), err).Message})
	}
	a.outbox.kick()
}

// fillWith says how an attempt ended.
func (r *Report) fillWith(in *interaction, t Attempt) {
	r.Attempt, r.Result, r.Number, r.Code, r.Cause = in.attempts-in.log[len(in.log)-1].N+t.N, t.Result, t.Number, t.Code, t.Cause
	r.Started = reportTime(t.Started)
	if t.Answered != nil {
		r.Answered = reportTime(*t.Answered)
	}
	if t.Ended != nil {
		r.Ended = reportTime(*t.Ended)
	}
}

// reportingAttempt reports an attempt that has ended; nothing when it is none.
func (a *Agent) reportingAttempt(t *Attempt) []writing {
	if t == nil || t.Ended == nil {
		return nil
	}
	ended := *t
	return []writing{a.reporting(ReportAttempt, func(in *interaction, r *Report) { r.fillWith(in, ended) })}
}

// reportingResult reports that the agent knows better how the last attempt went;
// nothing before its end, which is reported with what the agent says then.
func (a *Agent) reportingResult(result string) writing {
	return func(tx *store.Tx, in *interaction) error {
		if len(in.log) == 0 || in.log[len(in.log)-1].Ended == nil {
			return nil
		}
		last := in.log[len(in.log)-1]
		return a.report(tx, in.subject(), ReportResult, func(r *Report) {
			r.Attempt, r.Result, r.Number = in.attempts, result, last.Number
		})
	}
}

// reportingDone reports what became of a callback whose interaction is done.
func (a *Agent) reportingDone() []writing {
	rescheduled := func(tx *store.Tx, in *interaction) error {
		if in.armed == nil {
			return nil
		}
		return a.report(tx, in.subject(), ReportRescheduled, func(r *Report) { r.fillRescheduled(a.callbackRecord(in)) })
	}
	return []writing{rescheduled, a.reporting(ReportDone, func(in *interaction, r *Report) {
		r.Attempts, r.Result, r.Disposition, r.Note = in.attempts, in.result, in.disposition, in.note
	})}
}

// fillRescheduled says when a callback is due, and whose it is.
func (r *Report) fillRescheduled(row store.Callback) {
	r.At, r.Zone, r.Number, r.Name, r.Scope, r.Reason = reportTime(row.Due), row.Zone, row.Number, row.Name, row.Scope, row.Reason
}

// reportTime is a time as it stands in a report; nil for none.
func reportTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// bound cuts texts that would fill the report.
func (r *Report) bound() {
	for text, most := range map[*string]int{&r.Reason: maxReportText, &r.Name: maxReportText, &r.Disposition: maxReportText,
		&r.Number: maxReportURI, &r.Zone: maxReportText} {
		*text = cutText(*text, most)
	}
}

// cutText shortens a text to most bytes at the edge of a character, and shows it.
func cutText(s string, most int) string {
	const sign = "…"
	if len(s) <= most {
		return s
	}
	n := most - len(sign)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + sign
}

// split gives the reports that together say what this one says, each of at most
// so many bytes: a long note goes before, in parts. Names and ids are never cut,
// so that absurd ones may still make a report larger.
func (r Report) split(most int) []Report {
	r.ID, r.Seq = strings.Repeat("0", idLength), 1_000_000 // their room
	if len(r.text()) <= most || r.Note == "" {
		return []Report{r}
	}
	part := Report{Schema: r.Schema, ID: r.ID, Seq: r.Seq, Time: r.Time, Agent: r.Agent, Callback: r.Callback, Type: ReportNote,
		Interaction: r.Interaction, Channel: r.Channel, Part: 1000, Parts: 1000}
	var all []Report
	for rest := r.Note; rest != ""; {
		part.Note = ""
		room := max(most-len(part.text())-len(`,"note":""`), minNotePart)
		part.Note, rest = cutJSON(rest, room)
		all = append(all, part)
	}
	for i := range all {
		all[i].Part, all[i].Parts = i+1, len(all)
	}
	r.Note, r.Parts = "", len(all)
	return append(all, r)
}

// minNotePart is the least that a report takes of a note, in bytes.
const minNotePart = 100

// cutJSON takes as many characters as fill room bytes of a JSON string.
func cutJSON(s string, room int) (head, rest string) {
	n := 0
	for i, c := range s {
		size := len(encode(string(c))) - 2
		if n += size; n > room && i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// text is the report as it goes over the wire.
func (r Report) text() []byte { return encode(r) }

// encode writes JSON on one line in which UTF-8 stands as it is.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // texts, numbers and times cannot fail
		return []byte("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// idLength is how long a report's id is.
const idLength = 26

// newID names what was done for ever: written a second time, because nobody knows
// whether the first commit took place, it is the same and is kept once.
func (r Report) newID(since time.Time) string {
	what := fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d\x00%s\x00%d", r.Agent, r.Callback, r.Interaction, since.UnixMilli(), r.Type, r.Part)
	switch r.Type {
	case ReportAttempt:
		what = fmt.Appendf(what, "\x00%d", r.Attempt)
	case ReportResult: // may be corrected to and fro
		what = fmt.Appendf(what, "\x00%d", r.Seq)
	}
	sum := sha256.Sum256(what)
	return "r-" + hex.EncodeToString(sum[:])[:idLength-2]
}
