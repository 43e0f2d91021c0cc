package book

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"ringback/agent/store"
)

// The lists of callbacks.
const (
	ListAll       = "all"
	ListMine      = "mine"      // waiting for the agent, in its hands, or scheduled for it
	ListTeam      = "team"      // given to the team or back to the PBX: the PBX's now
	ListScheduled = "scheduled" // personal, at their time
	ListDue       = "due"       // scheduled for today, or earlier
	ListOverdue   = "overdue"   // scheduled, and their time is over
	ListDone      = "done"
)

// CallbackLists are the names of the lists, in the order in which they are shown.
func CallbackLists() []string {
	return []string{ListAll, ListMine, ListTeam, ListScheduled, ListDue, ListOverdue, ListDone}
}

// Callback is a contact's request as this phone knows it.
type Callback struct {
	ID          string     `json:"id"`
	State       string     `json:"state"` // waiting, open, scheduled, handed, returned or done
	Channel     string     `json:"channel"`
	Kind        string     `json:"kind"`
	Source      string     `json:"source"` // message, api, invite or agent
	Name        string     `json:"name"`
	Number      string     `json:"number"`
	Shown       string     `json:"shown"` // the number as people of the configured region write it
	Zone        string     `json:"zone"`
	Reason      string     `json:"reason"`
	Scope       string     `json:"scope"` // personal, team or empty
	Due         *time.Time `json:"due"`
	Overdue     bool       `json:"overdue"`
	Created     time.Time  `json:"created"`
	Updated     time.Time  `json:"updated"`
	Interaction string     `json:"interaction"` // the one that it was last part of
	Attempts    int        `json:"attempts"`
}

// CallbackDetail is all that was kept of one callback.
type CallbackDetail struct {
	Callback
	Request json.RawMessage `json:"request"` // the callback as it came
	Tries   []Try           `json:"tries"`   // the attempts to reach the contact, over all interactions
	Reports []ReportEntry   `json:"reports"`
}

// CallbackQuery says which callbacks are wanted.
type CallbackQuery struct {
	List  string // one of CallbackLists; empty: all
	Text  string // words: any part of name or reason, or of the number in any notation
	Limit int    // 0: 50
}

// Callbacks lists callbacks: scheduled ones as they are due, others the newest first.
func (b *Book) Callbacks(q CallbackQuery) ([]Callback, error) {
	limit, err := bounded(q.Limit)
	if err != nil {
		return nil, err
	}
	f, err := b.callbackFilter(q.List)
	if err != nil {
		return nil, err
	}
	f.Limit, f.Text = limit, strings.TrimSpace(q.Text)
	if e164 := b.numbers.E164(f.Text); e164 != "" {
		f.Text, f.E164 = "", e164
	} else if run := b.runOf(f.Text); run != "" {
		f.Text = run
	}
	found, err := b.store.Callbacks(f)
	list := []Callback{}
	for _, row := range found {
		list = append(list, b.callback(row))
	}
	return list, err
}

func (b *Book) callbackFilter(list string) (store.CallbackFilter, error) {
	now := b.now()
	switch list {
	case "", ListAll:
		return store.CallbackFilter{}, nil
	case ListMine:
		return store.CallbackFilter{States: []store.CallbackState{store.CallbackWaiting, store.CallbackOpen, store.CallbackScheduled}}, nil
	case ListTeam:
		return store.CallbackFilter{States: []store.CallbackState{store.CallbackHanded, store.CallbackReturned}}, nil
	case ListScheduled:
		return store.CallbackFilter{States: []store.CallbackState{store.CallbackScheduled}}, nil
	case ListDue:
		tomorrow := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, now.Location())
		return store.CallbackFilter{DueBefore: tomorrow}, nil
	case ListOverdue:
		return store.CallbackFilter{DueBefore: now}, nil
	case ListDone:
		return store.CallbackFilter{States: []store.CallbackState{store.CallbackDone}}, nil
	}
	return store.CallbackFilter{}, Invalid("list: %q is not known", list).hint("it is one of %s", strings.Join(CallbackLists(), ", "))
}

func (b *Book) callback(row store.Callback) Callback {
	return Callback{ID: row.Key, State: string(row.State), Channel: row.Channel, Kind: row.Kind, Source: row.Source, Name: row.Name, Number: row.Number,
		Shown: b.show(row.Number, row.E164), Zone: row.Zone, Reason: row.Reason, Scope: row.Scope, Due: when(row.Due),
		Overdue: row.State == store.CallbackScheduled && row.Due.Before(b.now()), Created: row.Created, Updated: row.Updated,
		Interaction: row.Interaction, Attempts: row.Attempts}
}

// Callback is one callback with all that was kept of it.
func (b *Book) Callback(id string) (CallbackDetail, error) {
	row, found, err := b.store.Callback(id)
	if err != nil {
		return CallbackDetail{}, err
	}
	if !found {
		return CallbackDetail{}, b.noCallback(id)
	}
	d := CallbackDetail{Callback: b.callback(row)}
	var body struct {
		Callback json.RawMessage `json:"callback"`
	}
	_ = json.Unmarshal(row.Body, &body) // one that cannot be read shows no request
	d.Request = orNull(body.Callback)
	attempts, err := b.store.CallbackAttempts(id)
	if err != nil {
		return CallbackDetail{}, err
	}
	d.Tries = tries(attempts)
	d.Reports, err = b.reports(id)
	return d, err
}

// noCallback names those that could have been meant: with such a name or number, or
// else the last ones.
func (b *Book) noCallback(id string) *Error {
	refused := NotFound("there is no callback %q", id).hint("see: ringback callbacks")
	for _, text := range []string{id, ""} {
		if near, err := b.Callbacks(CallbackQuery{Text: text, Limit: candidates}); err == nil && len(near) > 0 {
			for _, c := range near {
				refused.Candidates = append(refused.Candidates, c.ID)
			}
			break
		}
	}
	slices.Sort(refused.Candidates)
	return refused
}
