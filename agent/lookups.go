package agent

import (
	"cmp"
	"context"
	"strings"
	"time"

	"ringback/agent/book"
)

// DirectoryList is what the action directory returns.
type DirectoryList struct {
	Schema  string       `json:"schema"`
	Entries []book.Entry `json:"entries"`
}

// CallbackList is what the action callbacks returns.
type CallbackList struct {
	Schema    string          `json:"schema"`
	List      string          `json:"list"`
	Callbacks []book.Callback `json:"callbacks"`
}

// CallbackResult is what the action callbacks-show returns.
type CallbackResult struct {
	Schema   string              `json:"schema"`
	Callback book.CallbackDetail `json:"callback"`
}

// HistoryList is what the action history returns.
type HistoryList struct {
	Schema       string      `json:"schema"`
	Interactions []book.Work `json:"interactions"`
}

// HistoryResult is what the action history-show returns.
type HistoryResult struct {
	Schema      string          `json:"schema"`
	Interaction book.WorkDetail `json:"interaction"`
}

// BlockedList is what the actions on the do-not-call list return.
type BlockedList struct {
	Schema  string         `json:"schema"`
	Blocked []book.Blocked `json:"blocked"`
	Removed bool           `json:"removed,omitempty"` // those are not on it any more
}

// FavouriteList is what the actions on favourites return.
type FavouriteList struct {
	Schema     string           `json:"schema"`
	Favourites []book.Favourite `json:"favourites"`
	Removed    bool             `json:"removed,omitempty"`
}

// listArgs are the arguments of the lists and of what stands in them.
type listArgs struct {
	Query       string `json:"query"`
	Limit       int    `json:"limit"`
	List        string `json:"list"`
	Callback    string `json:"callback"`
	Interaction string `json:"interaction"`
	Kind        string `json:"kind"`
	From        string `json:"from"`
	Until       string `json:"until"`
	Number      string `json:"number"`
	Reason      string `json:"reason"`
	Target      string `json:"target"`
	Name        string `json:"name"`
}

func lookUpActions() []ActionSpec {
	number := ArgSpec{Name: "number", Type: "string", Required: true, Help: "the number, in any notation"}
	target := ArgSpec{Name: "target", Type: "string", Required: true, Help: "extension, number or SIP URI"}
	return []ActionSpec{
		{Name: "directory", Targets: OnRecords, Args: []ArgSpec{queryArg(), limitArg()},
			Help: "one search over the team, favourites, contacts and the last calls; a number or URI stands first as it is", Example: `{"query":"佐藤"}`, Result: DirectoryList{}, ask: asking(askDirectory)},
		{Name: "callbacks", Targets: OnRecords, Args: []ArgSpec{{Name: "list", Type: "string", Help: strings.Join(book.CallbackLists(), ", ")}, queryArg(), limitArg()},
			Help: "the callbacks that this phone knows", Example: `{"list":"due"}`, Result: CallbackList{}, ask: asking(askCallbacks)},
		{Name: "callbacks-show", Targets: OnRecords, Args: []ArgSpec{callbackArg()},
			Help: "a callback with its attempts and reports", Example: `{"callback":"cb-9"}`, Result: CallbackResult{}, ask: asking(askCallback)},
		{Name: "history", Targets: OnRecords,
			Args: []ArgSpec{queryArg(), {Name: "kind", Type: "string", Help: "call, voicecallback or webcallback"}, {Name: "from", Type: "string", Help: "begun then or later: " + pastForms},
				{Name: "until", Type: "string", Help: "begun before then: " + pastForms}, limitArg()},
			Help: "the interactions of the past, the newest first", Example: `{"query":"山田","from":"24h"}`, Result: HistoryList{}, ask: asking(askHistory)},
		{Name: "history-show", Targets: OnRecords, Args: []ArgSpec{{Name: "interaction", Type: "string", Required: true, Help: "id such as i7"}},
			Help: "all that was kept of an interaction: timeline, attempts, note, digits, transfers, SIP messages and audio quality", Example: `{"interaction":"i7"}`, Result: HistoryResult{}, ask: asking(askWork)},
		{Name: "blocked", Targets: OnRecords, Args: []ArgSpec{queryArg()},
			Help: "the do-not-call list", Example: `{}`, Result: BlockedList{}, ask: asking(askBlocked)},
		{Name: "blocked-add", Targets: OnRecords, Edits: true, Args: []ArgSpec{number, {Name: "reason", Type: "string", Help: "why"}},
			Help: "put a number on the do-not-call list", Example: `{"number":"03-1234-5678","reason":"asked for it"}`, Result: BlockedList{}, ask: asking(askBlock)},
		{Name: "blocked-remove", Targets: OnRecords, Edits: true, Args: []ArgSpec{number},
			Help: "take a number off the do-not-call list", Example: `{"number":"03-1234-5678"}`, Result: BlockedList{}, ask: asking(askUnblock)},
		{Name: "favourites", Targets: OnRecords, Args: []ArgSpec{queryArg()},
			Help: "the targets kept at hand", Example: `{}`, Result: FavouriteList{}, ask: asking(askFavourites)},
		{Name: "favourites-add", Targets: OnRecords, Edits: true, Args: []ArgSpec{target, {Name: "name", Type: "string", Help: "its name; the colleague's or the contact's when left out"}},
			Help: "keep a target at hand", Example: `{"target":"2001","name":"受付"}`, Result: FavouriteList{}, ask: asking(askAddFavourite)},
		{Name: "favourites-remove", Targets: OnRecords, Edits: true, Args: []ArgSpec{target},
			Help: "forget a favourite, named by its target or its name", Example: `{"target":"2001"}`, Result: FavouriteList{}, ask: asking(askRemoveFavourite)},
	}
}

func askDirectory(ctx context.Context, r *Records, a listArgs) (any, error) {
	r.readWritten(ctx) // the last calls are in it
	found, err := r.book.Directory(a.Query, r.team(), a.Limit)
	return DirectoryList{"ringback.directory/1", found}, err
}

// team are the configured entries, with their presence while a phone runs.
func (r *Records) team() []book.Entry {
	var team []book.Entry
	if r.state == nil {
		for _, m := range newTeam(*r.cfg) {
			team = append(team, book.Entry{Kind: string(m.entry.Kind), Name: m.entry.Name, Target: m.entry.Target})
		}
		return team
	}
	for _, m := range r.state().Team {
		team = append(team, book.Entry{Kind: string(m.Kind), Name: m.Name, Target: m.Target, Presence: m.Presence})
	}
	return team
}

func askCallbacks(_ context.Context, r *Records, a listArgs) (any, error) {
	if a.List == "" {
		a.List = book.ListAll
	}
	found, err := r.book.Callbacks(book.CallbackQuery{List: a.List, Text: a.Query, Limit: a.Limit})
	return CallbackList{"ringback.callbacks/1", a.List, found}, err
}

func askCallback(_ context.Context, r *Records, a listArgs) (any, error) {
	c, err := r.book.Callback(a.Callback)
	return CallbackResult{"ringback.callback/1", c}, err
}

// readWritten lets the history's writer come up to now.
func (r *Records) readWritten(ctx context.Context) {
	if r.written != nil {
		r.written(ctx)
	}
}

func askHistory(ctx context.Context, r *Records, a listArgs) (any, error) {
	r.readWritten(ctx)
	q := book.HistoryQuery{Text: a.Query, Kind: a.Kind, Limit: a.Limit}
	if kinds := []string{"", string(KindCall), string(KindVoiceCallback), string(KindWebCallback)}; oneOf("kind", a.Kind, kinds...) != nil {
		return nil, refuse(CodeInvalid, "history: kind %q is not known", a.Kind).hint("it is one of %s", join(kinds[1:]))
	}
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"from", a.From, &q.From}, {"until", a.Until, &q.Until}} {
		at, ok := pastTime(t.text, r.now())
		if !ok {
			return nil, refuse(CodeInvalid, "history: %s %q is no time", t.name, t.text).hint("write it as one of: %s", pastForms)
		}
		*t.to = at
	}
	found, err := r.book.History(q)
	return HistoryList{"ringback.history/1", found}, err
}

// pastForms are the forms of a time in the past.
const pastForms = "2026-11-25, 2026-11-25 15:04, 2026-11-25T15:04:05+09:00, or 24h for so long ago"

// pastTime reads a time in the past; the zero time for "".
func pastTime(text string, now time.Time) (time.Time, bool) {
	if text == "" {
		return time.Time{}, true
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago.Abs()), true
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, true
	}
	for _, form := range []string{time.DateOnly, "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(form, text, now.Location()); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func askWork(ctx context.Context, r *Records, a listArgs) (any, error) {
	r.readWritten(ctx)
	w, err := r.book.Work(a.Interaction)
	return HistoryResult{"ringback.history-entry/1", w}, err
}

func blockedList(all []book.Blocked, removed bool) BlockedList {
	return BlockedList{"ringback.blocked/1", all, removed}
}

func askBlocked(_ context.Context, r *Records, a listArgs) (any, error) {
	all, err := r.book.Blocked(a.Query)
	return blockedList(all, false), err
}

func askBlock(_ context.Context, r *Records, a listArgs) (any, error) {
	e, err := r.book.Block(a.Number, a.Reason)
	return blockedList([]book.Blocked{e}, false), err
}

func askUnblock(_ context.Context, r *Records, a listArgs) (any, error) {
	e, err := r.book.Unblock(a.Number)
	return blockedList([]book.Blocked{e}, true), err
}

func favouriteList(all []book.Favourite, removed bool) FavouriteList {
	return FavouriteList{"ringback.favourites/1", all, removed}
}

func askFavourites(_ context.Context, r *Records, a listArgs) (any, error) {
	all, err := r.book.Favourites(a.Query)
	return favouriteList(all, false), err
}

func askAddFavourite(_ context.Context, r *Records, a listArgs) (any, error) {
	for _, m := range r.team() {
		if m.Target == a.Target {
			a.Name = cmp.Or(a.Name, m.Name)
		}
	}
	f, err := r.book.AddFavourite(a.Target, a.Name)
	return favouriteList([]book.Favourite{f}, false), err
}

func askRemoveFavourite(_ context.Context, r *Records, a listArgs) (any, error) {
	f, err := r.book.RemoveFavourite(a.Target)
	return favouriteList([]book.Favourite{f}, true), err
}
