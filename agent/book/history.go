package book

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"ringback/agent/store"
)

// Work is an interaction of the past, or one that is still open, in a list.
type Work struct {
	Interaction string     `json:"interaction"`
	Kind        string     `json:"kind"`
	Channel     string     `json:"channel"`
	Created     time.Time  `json:"created"`
	Closed      *time.Time `json:"closed"` // null: it is open
	Name        string     `json:"name"`
	Number      string     `json:"number"`
	Shown       string     `json:"shown"` // the number as people of the configured region write it
	Callback    string     `json:"callback"`
	Outcome     string     `json:"outcome"` // done, or how its offer ended: rejected, missed, cancelled; empty: it is open
	Result      string     `json:"result"`  // of the last call
	Disposition string     `json:"disposition"`
	Attempts    int        `json:"attempts"`
	Note        string     `json:"note"`
}

// WorkDetail is all that was kept of one interaction.
type WorkDetail struct {
	Work
	Case       json.RawMessage   `json:"case"`
	Request    json.RawMessage   `json:"request"` // the callback as it came; null: there was none
	Tries      []Try             `json:"tries"`   // the attempts to reach the contact
	Calls      []Call            `json:"calls"`
	Recordings []Recording       `json:"recordings"`
	Sent       string            `json:"digits_sent"`
	Received   string            `json:"digits_received"`
	Transfers  []json.RawMessage `json:"transfers"` // the events of transfers and consultations
	Timeline   []json.RawMessage `json:"timeline"`  // the events, in order (ringback.event/1)
	Reports    []ReportEntry     `json:"reports"`   // what the PBX is told
}

// Try is one dial of a contact.
type Try struct {
	N        int        `json:"n"`
	Call     string     `json:"call"`
	Number   string     `json:"number"`
	Started  time.Time  `json:"started"`
	Answered *time.Time `json:"answered"`
	Ended    *time.Time `json:"ended"`
	Code     int        `json:"code,omitempty"`
	Cause    string     `json:"cause,omitempty"`
	Result   string     `json:"result"`
}

// Call is one call of the past with its quality and its SIP messages.
type Call struct {
	ID         string          `json:"id"`
	Role       string          `json:"role"`
	Remote     string          `json:"remote"`
	RemoteName string          `json:"remote_name"`
	SIPCallID  string          `json:"sip_call_id"`
	Incoming   bool            `json:"incoming"`
	Started    time.Time       `json:"started"`
	Connected  *time.Time      `json:"connected"`
	Ended      *time.Time      `json:"ended"`
	Code       int             `json:"code,omitempty"`
	Reason     string          `json:"reason"`
	Codec      string          `json:"codec"`
	Encrypted  bool            `json:"encrypted"`        // by SRTP both ways
	Suite      string          `json:"suite,omitempty"`  // AES_CM_128_HMAC_SHA1_80
	Keying     string          `json:"keying,omitempty"` // sdes or dtls
	Quality    json.RawMessage `json:"quality"`
	Messages   json.RawMessage `json:"messages"` // as `ringback trace --json` has them
}

// Recording is a file that holds what was said in a call. Lengths are Go durations
// from its beginning.
type Recording struct {
	File     string     `json:"file"` // its whole path
	Call     string     `json:"call"`
	Started  time.Time  `json:"started"`
	Ended    *time.Time `json:"ended"` // null: it is being made
	Duration string     `json:"duration"`
	Pauses   []Pause    `json:"pauses"`  // silent in the file
	Reason   string     `json:"reason"`  // why it ended: stopped, call-ended, disk-failed or interrupted
	Missing  bool       `json:"missing"` // the file is not there any more
}

// Pause is a part of a recording in which nothing was recorded.
type Pause struct {
	From  string `json:"from"`
	Until string `json:"until"`
}

// ReportEntry is one report of a callback to the PBX.
type ReportEntry struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	State     string     `json:"state"` // waiting, delivered or failed
	Created   time.Time  `json:"created"`
	Delivered *time.Time `json:"delivered"`
	Tries     int        `json:"tries"`
	LastError string     `json:"last_error"`
}

// HistoryQuery says which interactions are wanted; what is empty does not matter.
type HistoryQuery struct {
	Text  string    // words: any part of name or note, or of the number in any notation
	Kind  string    // call, voicecallback or webcallback
	From  time.Time // begun then or later
	Until time.Time // begun before
	Limit int       // 0: 50
}

// History lists interactions, the newest first.
func (b *Book) History(q HistoryQuery) ([]Work, error) {
	limit, err := bounded(q.Limit)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(q.Text)
	f := store.HistoryFilter{Kind: q.Kind, From: q.From, Until: q.Until, Limit: limit, Text: text}
	if e164 := b.numbers.E164(text); e164 != "" {
		f.Text, f.E164 = "", e164
	} else if run := b.runOf(text); run != "" {
		f.Text = run
	}
	found, err := b.store.History(f)
	works := []Work{}
	for _, i := range found {
		works = append(works, b.work(i))
	}
	return works, err
}

func (b *Book) work(i store.Interaction) Work {
	return Work{Interaction: i.ID, Kind: i.Kind, Channel: i.Channel, Created: i.Created, Closed: when(i.Closed), Name: i.Name, Number: i.Number,
		Shown: b.show(i.Number, i.E164), Callback: i.Callback, Outcome: i.Outcome, Result: i.Result, Disposition: i.Disposition, Attempts: i.Attempts, Note: i.Note}
}

// show is a number as people of the region write it; what is no telephone number
// stays as it is.
func (b *Book) show(number, e164 string) string {
	if e164 == "" {
		e164 = b.numbers.E164(number)
	}
	if !strings.HasPrefix(e164, "+") {
		return number
	}
	return b.numbers.Show(e164)
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Work is one interaction with all that was kept of it.
func (b *Book) Work(id string) (WorkDetail, error) {
	i, found, err := b.store.Interaction(id)
	if err == nil && !found {
		err = NotFound("there is no interaction %s in the history", id).hint("see: ringback history")
	}
	if err != nil {
		return WorkDetail{}, err
	}
	w := WorkDetail{Work: b.work(i), Case: orNull(i.Case), Tries: []Try{}, Calls: []Call{}, Recordings: []Recording{}, Transfers: []json.RawMessage{}, Timeline: []json.RawMessage{}}
	var body struct {
		Callback json.RawMessage `json:"callback"`
	}
	_ = json.Unmarshal(i.Body, &body) // one that cannot be read shows no request
	w.Request = orNull(body.Callback)
	for _, read := range []func(*WorkDetail) error{b.readTries, b.readCalls, b.readRecordings, b.readTimeline, b.readReports} {
		if err := read(&w); err != nil {
			return WorkDetail{}, err
		}
	}
	return w, nil
}

func orNull(j json.RawMessage) json.RawMessage {
	if len(j) == 0 {
		return json.RawMessage("null")
	}
	return j
}

func (b *Book) readTries(w *WorkDetail) error {
	all, err := b.store.Attempts(w.Interaction)
	w.Tries = tries(all)
	return err
}

func tries(all []store.Attempt) []Try {
	list := []Try{}
	for _, t := range all {
		list = append(list, Try{N: t.N, Call: t.Call, Number: t.Number, Started: t.Started, Answered: when(t.Answered), Ended: when(t.Ended),
			Code: t.Code, Cause: t.Cause, Result: t.Result})
	}
	return list
}

func (b *Book) readCalls(w *WorkDetail) error {
	all, err := b.store.Calls(w.Interaction)
	for _, c := range all {
		call := Call{ID: c.ID, Role: c.Role, Remote: c.Remote, RemoteName: c.RemoteName, SIPCallID: c.SIPCallID, Incoming: c.Incoming, Started: c.Started,
			Connected: when(c.Connected), Ended: when(c.Ended), Code: c.Code, Reason: c.Reason, Codec: c.Codec, Encrypted: c.Suite != "", Suite: c.Suite, Keying: c.Keying, Quality: orNull(c.Quality), Messages: json.RawMessage("[]")}
		if json.Valid([]byte(c.Ladder)) {
			call.Messages = json.RawMessage(c.Ladder)
		}
		w.Calls = append(w.Calls, call)
	}
	return err
}

func (b *Book) readRecordings(w *WorkDetail) error {
	all, err := b.store.Recordings(w.Interaction)
	for _, r := range all {
		one := Recording{File: r.File, Call: r.Call, Started: r.Started, Ended: when(r.Ended), Duration: r.Duration.String(), Pauses: []Pause{}, Reason: r.Reason}
		if len(r.Pauses) > 0 {
			_ = json.Unmarshal(r.Pauses, &one.Pauses) // what cannot be read shows no pause
		}
		if one.Pauses == nil {
			one.Pauses = []Pause{}
		}
		_, gone := os.Lstat(r.File)
		one.Missing = errors.Is(gone, fs.ErrNotExist)
		w.Recordings = append(w.Recordings, one)
	}
	return err
}

// readTimeline reads the events, and picks out digits and transfers.
func (b *Book) readTimeline(w *WorkDetail) error {
	all, err := b.store.Timeline(w.Interaction)
	for _, e := range all {
		w.Timeline = append(w.Timeline, e.Body)
		group, _, _ := strings.Cut(e.Type, ".")
		var digits struct {
			Digits string `json:"digits"`
		}
		switch {
		case e.Type == "dtmf.sent" && json.Unmarshal(e.Body, &digits) == nil:
			w.Sent += digits.Digits
		case e.Type == "dtmf.received" && json.Unmarshal(e.Body, &digits) == nil:
			w.Received += digits.Digits
		case group == "consultation" || strings.HasPrefix(e.Type, "call.transfer"):
			w.Transfers = append(w.Transfers, e.Body)
		}
	}
	return err
}

func (b *Book) readReports(w *WorkDetail) (err error) {
	w.Reports, err = b.reports(w.Callback)
	return err
}

func (b *Book) reports(callback string) ([]ReportEntry, error) {
	list := []ReportEntry{}
	if callback == "" {
		return list, nil
	}
	all, err := b.store.Reports(store.ReportFilter{Callback: callback})
	for _, p := range all {
		list = append(list, ReportEntry{ID: p.ID, Kind: p.Kind, State: string(p.State), Created: p.Created, Delivered: when(p.Delivered), Tries: p.Tries, LastError: p.LastError})
	}
	return list, err
}
