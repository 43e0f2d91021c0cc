package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"ringback/agent/book"
	"ringback/agent/store"
)

// ResponseList is what the action responses returns.
type ResponseList struct {
	Schema    string          `json:"schema"`
	Responses []book.Response `json:"responses"`
}

// ResponseResult is what the actions that edit a response return.
type ResponseResult struct {
	Schema   string        `json:"schema"`
	Response book.Response `json:"response"`
	Deleted  bool          `json:"deleted,omitempty"`
}

// FilledResult is what the action responses-show returns.
type FilledResult struct {
	Schema      string        `json:"schema"`
	Interaction InteractionID `json:"interaction"` // whose facts it was filled in with; empty: none's
	book.Filled
}

type responseArgs struct {
	Query       string        `json:"query"`
	Category    *string       `json:"category"`
	Response    string        `json:"response"`
	Interaction InteractionID `json:"interaction"`
	Title       *string       `json:"title"`
	Language    *string       `json:"language"`
	Text        *string       `json:"text"`
}

func responseActions() []ActionSpec {
	which := func(required bool, help string) ArgSpec {
		return ArgSpec{Name: "response", Type: "string", Required: required, Help: help}
	}
	category := ArgSpec{Name: "category", Type: "string", Help: "of this category"}
	return []ActionSpec{
		{Name: "responses", Targets: OnRecords, Args: []ArgSpec{{Name: "query", Type: "string", Help: "words of the title or the text; all when left out"}, category},
			Help: "search the standard texts", Example: `{"query":"挨拶"}`, Result: ResponseList{}, ask: asking(askResponses)},
		{Name: "responses-show", Targets: OnRecords, Args: []ArgSpec{which(true, "its id such as r3, or a part of its title that only it has"), interactionArg()},
			Help: "a standard text, its fields filled in for an interaction", Example: `{"response":"r3","interaction":"i7"}`, Result: FilledResult{}, ask: asking(askResponse)},
		{Name: "responses-set", Targets: OnRecords, Edits: true,
			Args: []ArgSpec{which(false, "its id or title; left out: a new one"), {Name: "title", Type: "string", Help: "what it is found by"}, category,
				{Name: "language", Type: "string", Help: "ja or en: how dates and times in it are written"}, {Name: "text", Type: "string", Help: "the text, with fields such as {contact.name}"}},
			Help: "add a standard text, or change one; what is left out stays", Example: `{"title":"Greeting","text":"Hello {contact.name}"}`, Result: ResponseResult{}, ask: asking(askSetResponse)},
		{Name: "responses-delete", Targets: OnRecords, Edits: true, Args: []ArgSpec{which(true, "its id or title")},
			Help: "delete a standard text", Example: `{"response":"r3"}`, Result: ResponseResult{}, ask: asking(askDeleteResponse)},
	}
}

func askResponses(_ context.Context, r *Records, a responseArgs) (any, error) {
	category := ""
	if a.Category != nil {
		category = *a.Category
	}
	found, err := r.book.Responses(category, a.Query)
	return ResponseList{"ringback.responses/1", found}, err
}

func askResponse(_ context.Context, r *Records, a responseArgs) (any, error) {
	subject, id, err := r.subject(a.Interaction)
	if err != nil {
		return nil, err
	}
	filled, err := r.book.Response(a.Response, subject)
	return FilledResult{"ringback.response/1", id, filled}, err
}

func askSetResponse(_ context.Context, r *Records, a responseArgs) (any, error) {
	p, err := r.book.SetResponse(a.Response, book.ResponseEdit{Category: a.Category, Title: a.Title, Language: a.Language, Text: a.Text})
	return ResponseResult{"ringback.response/1", p, false}, err
}

func askDeleteResponse(_ context.Context, r *Records, a responseArgs) (any, error) {
	p, err := r.book.DeleteResponse(a.Response)
	return ResponseResult{"ringback.response/1", p, true}, err
}

// subject is what the fields of a response are filled in with: the facts of the
// interaction that is named, or of the only open one, and of the agent.
func (r *Records) subject(id InteractionID) (book.Subject, InteractionID, error) {
	s := book.Subject{AgentName: r.cfg.Account.name(), Now: r.now(), Case: map[string]string{}}
	if aor, err := parseTarget(r.cfg.Account.AOR, ""); err == nil {
		s.AgentNumber = aor.UserText()
	}
	in, found, err := r.interaction(id)
	if err != nil || !found {
		return s, "", err
	}
	s.ContactName, s.ContactReading, s.ContactNumber = in.Contact.Name, in.Contact.Reading, in.Contact.Shown
	if s.ContactNumber == "" {
		s.ContactNumber = in.Contact.Number
	}
	if c := in.Callback; c != nil {
		s.CallbackID, s.CallbackReason = c.ID, c.Reason
		if c.DesiredTime != nil {
			s.CallbackTime = inZone(*c.DesiredTime, c.Timezone)
		}
	}
	if in.Reschedule != nil {
		s.CallbackTime = inZone(in.Reschedule.At, in.Reschedule.Zone)
	}
	for key, value := range in.Case {
		s.Case[key] = fmt.Sprint(value)
	}
	return s, in.ID, nil
}

func inZone(t time.Time, zone string) time.Time {
	if z := zoneNamed(zone); z != nil {
		return t.In(z)
	}
	return t.Local()
}

// interaction is the one that is named, as the phone has it or as it was kept; the
// only open one for "", or none.
func (r *Records) interaction(id InteractionID) (InteractionState, bool, error) {
	if r.state != nil {
		var open []InteractionState
		for _, in := range r.state().Interactions {
			if in.ID == id {
				return in, true, nil
			}
			if in.State != PhaseDone {
				open = append(open, in)
			}
		}
		if id == "" && len(open) == 1 {
			return open[0], true, nil
		}
	}
	if id == "" {
		return InteractionState{}, false, nil
	}
	i, found, err := r.store.Interaction(string(id))
	if err == nil && !found {
		err = refuse(CodeNotFound, "there is no interaction %s", id).hint("see: ringback history")
	}
	if err != nil {
		return InteractionState{}, false, err
	}
	return r.kept(i)
}

// kept is an interaction of the store in the form in which a phone publishes it.
func (r *Records) kept(i store.Interaction) (InteractionState, bool, error) {
	in := InteractionState{ID: InteractionID(i.ID), Contact: Contact{Name: i.Name, Number: i.Number}, Case: map[string]any{}}
	var body interactionBody
	// What cannot be read leaves its fields without a value.
	_, _ = json.Unmarshal(i.Body, &body), json.Unmarshal(i.Case, &in.Case)
	in.Callback = body.Callback
	f, err := r.find(in.ID, i.Number)
	in.Contact.Known = f.known
	return in, true, err
}
