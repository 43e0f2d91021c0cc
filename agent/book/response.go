package book

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"ringback/agent/store"
)

// ResponseID names a response of a profile (r3).
type ResponseID string

// Response is a standard text to read out. Its fields stand in braces, such as
// {contact.name}.
type Response struct {
	ID       ResponseID `json:"id"`
	Category string     `json:"category"`
	Title    string     `json:"title"`
	Language string     `json:"language"` // ja or en: how dates and times are written
	Text     string     `json:"text"`
}

// Filled is a response with its fields filled in.
type Filled struct {
	Response
	Empty []string `json:"empty"` // fields that have nothing to be filled in with now; they stand in the text as they are
}

// The languages of dates and times.
const (
	Japanese = "ja"
	English  = "en"
)

// maxResponse is the longest response in bytes.
const maxResponse = 16 << 10

// Subject is what the fields of a response are filled in from. What is empty is not
// known.
type Subject struct {
	ContactName, ContactReading, ContactNumber string
	CallbackID, CallbackReason                 string
	CallbackTime                               time.Time // in the contact's zone
	AgentName, AgentNumber                     string
	Now                                        time.Time
	Case                                       map[string]string
}

// caseField begins the fields that are case data: {case.product}.
const caseField = "case."

// fields are the names of the fields, each with what it is filled in with.
var fields = []struct {
	name  string
	value func(s Subject, language string) string
}{
	{"contact.name", func(s Subject, _ string) string { return s.ContactName }},
	{"contact.reading", func(s Subject, _ string) string { return s.ContactReading }},
	{"contact.number", func(s Subject, _ string) string { return s.ContactNumber }},
	{"callback.id", func(s Subject, _ string) string { return s.CallbackID }},
	{"callback.reason", func(s Subject, _ string) string { return s.CallbackReason }},
	{"callback.date", func(s Subject, language string) string { return dateText(s.CallbackTime, language) }},
	{"callback.time", func(s Subject, language string) string { return timeText(s.CallbackTime, language) }},
	{"agent.name", func(s Subject, _ string) string { return s.AgentName }},
	{"agent.number", func(s Subject, _ string) string { return s.AgentNumber }},
	{"date", func(s Subject, language string) string { return dateText(s.Now, language) }},
	{"time", func(s Subject, language string) string { return timeText(s.Now, language) }},
}

// FieldNames are the fields that a response may have. case.NAME is filled in with
// the case data of that name.
func FieldNames() []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	return append(names, caseField+"NAME")
}

// weekdays are those of a Japanese date, from Sunday on.
var weekdays = []rune("日月火水木金土")

// dateText is a date as it is read out: 11月25日（水）, Wednesday 25 November.
func dateText(t time.Time, language string) string {
	switch {
	case t.IsZero():
		return ""
	case language == Japanese:
		return fmt.Sprintf("%d月%d日（%c）", t.Month(), t.Day(), weekdays[t.Weekday()])
	}
	return t.Format("Monday 2 January")
}

// timeText is a time of day as it is read out: 15時, 9時30分; 15:00.
func timeText(t time.Time, language string) string {
	switch {
	case t.IsZero():
		return ""
	case language == Japanese && t.Minute() == 0:
		return fmt.Sprintf("%d時", t.Hour())
	case language == Japanese:
		return fmt.Sprintf("%d時%d分", t.Hour(), t.Minute())
	}
	return t.Format("15:04")
}

var fieldForm = regexp.MustCompile(`\{([^{}\n]{0,100})\}`)

// unknownFields are the fields of a text that there are not.
func unknownFields(text string) []string {
	var unknown []string
	for _, m := range fieldForm.FindAllStringSubmatch(text, -1) {
		name := strings.TrimSpace(m[1])
		known := strings.HasPrefix(name, caseField) && len(name) > len(caseField)
		for _, f := range fields {
			known = known || f.name == name
		}
		if !known && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// fill puts the values into a text. Fields without one stay, and are named.
func fill(text, language string, s Subject) (string, []string) {
	empty := []string{}
	filled := fieldForm.ReplaceAllStringFunc(text, func(whole string) string {
		name := strings.TrimSpace(whole[1 : len(whole)-1])
		value := ""
		if key, isCase := strings.CutPrefix(name, caseField); isCase {
			value = s.Case[key]
		}
		for _, f := range fields {
			if f.name == name {
				value = f.value(s, language)
			}
		}
		if value == "" {
			if !slices.Contains(empty, name) {
				empty = append(empty, name)
			}
			return whole
		}
		return value
	})
	return filled, empty
}

func response(p store.Response) Response {
	return Response{ID: ResponseID("r" + strconv.FormatInt(p.ID, 10)), Category: p.Category, Title: p.Title, Language: p.Language, Text: p.Text}
}

// Responses lists those of a category (empty: of all) that have every word of a text
// in their title or text, by category and title.
func (b *Book) Responses(category, text string) ([]Response, error) {
	found, err := b.store.Responses(category, text)
	list := []Response{}
	for _, p := range found {
		list = append(list, response(p))
	}
	return list, err
}

// Response is one response with its fields filled in: named by its id, or by its
// title or a part of it that only it has.
func (b *Book) Response(which string, s Subject) (Filled, error) {
	p, err := b.findResponse(which)
	if err != nil {
		return Filled{}, err
	}
	out := Filled{Response: response(p)}
	out.Text, out.Empty = fill(p.Text, p.Language, s)
	return out, nil
}

func (b *Book) findResponse(which string) (store.Response, error) {
	all, err := b.store.Responses("", "")
	if err != nil {
		return store.Response{}, err
	}
	id := idNumber(which, "r")
	var found []store.Response
	for _, p := range all {
		if p.ID == id || p.Title == which {
			return p, nil
		}
		if id == 0 && hasWords(p.Title, which) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return store.Response{}, NotFound("there is no response %q", which).hint("see: ringback responses")
	}
	refused := NotFound("response %q: more than one could be meant", which).hint("name one by its id")
	for _, p := range found[:min(len(found), candidates)] {
		refused.Candidates = append(refused.Candidates, string(response(p).ID)+" "+p.Title)
	}
	return store.Response{}, refused
}

// ResponseEdit is what is set of a response; what is nil stays.
type ResponseEdit struct {
	Category, Title, Language, Text *string
}

// SetResponse adds a response (which is empty) or changes one. A text with a field
// that there is not is refused, with its name.
func (b *Book) SetResponse(which string, e ResponseEdit) (Response, error) {
	p := store.Response{Language: English}
	if which != "" {
		var err error
		if p, err = b.findResponse(which); err != nil {
			return Response{}, err
		}
	}
	for _, f := range []struct {
		to, from *string
		lines    bool
	}{{&p.Category, e.Category, false}, {&p.Title, e.Title, false}, {&p.Language, e.Language, false}, {&p.Text, e.Text, true}} {
		if f.from != nil {
			*f.to = clean(*f.from, f.lines)
		}
	}
	if which == "" && e.Language == nil && eastAsian(p.Text) {
		p.Language = Japanese
	}
	if err := checkResponse(p); err != nil {
		return Response{}, err
	}
	err := b.store.UpdateNamed("response", func(tx *store.Tx) (err error) {
		p.ID, err = tx.PutResponse(p)
		return err
	})
	if err != nil {
		return Response{}, err
	}
	return response(p), nil
}

func checkResponse(p store.Response) error {
	switch {
	case p.Title == "" || p.Text == "":
		return Invalid("title or text: it is empty").hint("a response has a title and a text")
	case len(p.Title) > maxName || len(p.Category) > maxName:
		return Invalid("title: %d bytes are too many", max(len(p.Title), len(p.Category))).hint("write at most %d", maxName)
	case len(p.Text) > maxResponse:
		return Invalid("text: %d bytes are too many", len(p.Text)).hint("write at most %d", maxResponse)
	case p.Language != Japanese && p.Language != English:
		return Invalid("language: %q is not known", p.Language).hint("it is %s or %s", Japanese, English)
	}
	if unknown := unknownFields(p.Text); len(unknown) > 0 {
		return Invalid("text: there is no field {%s}", strings.Join(unknown, "}, {")).hint("the fields are {%s}", strings.Join(FieldNames(), "}, {"))
	}
	return nil
}

// DeleteResponse removes a response, and says which it was.
func (b *Book) DeleteResponse(which string) (Response, error) {
	p, err := b.findResponse(which)
	if err != nil {
		return Response{}, err
	}
	return response(p), b.store.UpdateNamed("response-delete", func(tx *store.Tx) error { return tx.DeleteResponse(p.ID) })
}

// DateTimeText is a date with its time of day as it is read in a list: 2026年11月25日（水） 15:30,
// Wed 25 Nov 2026 15:30.
func DateTimeText(t time.Time, language string) string {
	if language == Japanese {
		return fmt.Sprintf("%d年%d月%d日（%c） %s", t.Year(), t.Month(), t.Day(), weekdays[t.Weekday()], t.Format("15:04"))
	}
	return t.Format("Mon 2 Jan 2006 15:04")
}
