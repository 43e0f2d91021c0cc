package agent

import (
	"context"
	"strings"

	"ringback/agent/book"
)

// ContactList is what the action contacts returns.
type ContactList struct {
	Schema   string         `json:"schema"`
	Contacts []book.Contact `json:"contacts"`
}

// ContactResult is what the actions on one contact return.
type ContactResult struct {
	Schema  string       `json:"schema"`
	Contact book.Contact `json:"contact"`
	Deleted bool         `json:"deleted,omitempty"`
}

// ImportResult is what the action contacts-import returns.
type ImportResult struct {
	Schema string `json:"schema"`
	book.Imported
}

// ExportResult is what the action contacts-export returns.
type ExportResult struct {
	Schema   string `json:"schema"`
	Form     string `json:"form"`
	Contacts int    `json:"contacts"` // in the text
	Text     string `json:"text"`     // the file's content
}

func queryArg() ArgSpec {
	return ArgSpec{Name: "query", Type: "string", Help: "words, each any part of a name, or a number in any notation; all when left out"}
}

func limitArg() ArgSpec {
	return ArgSpec{Name: "limit", Type: "integer", Help: "how many at most, 1 to 1000; 50 when left out"}
}

func contactArg(required bool, help string) ArgSpec {
	return ArgSpec{Name: "contact", Type: "string", Required: required, Help: help}
}

const whichContact = "its id such as k12, a number, or a name that only it has"

// lookUpArgs are the arguments of a search.
type lookUpArgs struct {
	Query string `json:"query"`
	Limit int    `json:"limit"`
}

// contactArgs are the arguments of the actions on one contact.
type contactArgs struct {
	Contact string           `json:"contact"`
	Name    *string          `json:"name"`
	Reading *string          `json:"reading"`
	Zone    *string          `json:"zone"`
	Note    *string          `json:"note"`
	Points  []book.PointEdit `json:"points"`
}

// fileArgs are the arguments of import and export.
type fileArgs struct {
	Form  string `json:"form"`
	Text  string `json:"text"`
	Query string `json:"query"`
}

func contactActions() []ActionSpec {
	form := ArgSpec{Name: "form", Type: "string", Help: "vcard or csv"}
	field := func(name, help string) ArgSpec {
		return ArgSpec{Name: name, Type: "string", MayBeEmpty: true, Help: help}
	}
	return []ActionSpec{
		{Name: "contacts", Targets: OnRecords, Args: []ArgSpec{queryArg(), limitArg()},
			Help: "search the contacts", Example: `{"query":"山田"}`, Result: ContactList{}, ask: asking(askContacts)},
		{Name: "contacts-show", Targets: OnRecords, Args: []ArgSpec{contactArg(true, whichContact)},
			Help: "a contact with its numbers and addresses, and what can be done with each", Example: `{"contact":"k12"}`, Result: ContactResult{}, ask: asking(askContact)},
		{Name: "contacts-set", Targets: OnRecords, Edits: true,
			Args: []ArgSpec{contactArg(false, whichContact+"; left out: a new contact"), field("name", "its name"), field("reading", "how the name is read"),
				field("zone", "IANA time zone"), field("note", "free text"),
				{Name: "points", Type: "points", Help: "numbers and addresses; they replace those of their kinds, and one without a value leaves none of its kind"}},
			Help: "add a contact, or change one; what is left out stays", Example: `{"name":"山田 太郎","points":[{"kind":"phone","value":"03-1234-5678"}]}`,
			Result: ContactResult{}, ask: asking(askSetContact)},
		{Name: "contacts-delete", Targets: OnRecords, Edits: true, Args: []ArgSpec{contactArg(true, whichContact)},
			Help: "delete a contact; its history stays", Example: `{"contact":"k12"}`, Result: ContactResult{}, ask: asking(askDeleteContact)},
		{Name: "contacts-import", Targets: OnRecords, Edits: true, Large: true,
			Args: []ArgSpec{{Name: "text", Type: "string", Required: true, Help: "a file of vCards 3.0 or 4.0, or CSV with a header row"}, form},
			Help: "add the contacts of a file to those that are there; all or, when one has a fault, none", Example: `{"text":"name,phone\n山田 太郎,03-1234-5678\n"}`,
			Result: ImportResult{}, ask: asking(askImport)},
		{Name: "contacts-export", Targets: OnRecords, Args: []ArgSpec{form, queryArg()},
			Help: "the contacts as a file", Example: `{"form":"csv"}`, Result: ExportResult{}, ask: asking(askExport)},
	}
}

func askContacts(_ context.Context, r *Records, a lookUpArgs) (any, error) {
	found, err := r.book.Contacts(a.Query, a.Limit)
	return ContactList{"ringback.contacts/1", found}, err
}

func contactResult(c book.Contact, deleted bool) ContactResult {
	return ContactResult{"ringback.contact/1", c, deleted}
}

func askContact(_ context.Context, r *Records, a contactArgs) (any, error) {
	c, err := r.book.Contact(a.Contact)
	return contactResult(c, false), err
}

func askSetContact(_ context.Context, r *Records, a contactArgs) (any, error) {
	edit := book.ContactEdit{Name: a.Name, Reading: a.Reading, Zone: a.Zone, Note: a.Note, Points: a.Points}
	var c book.Contact
	var err error
	if a.Contact == "" {
		c, err = r.book.AddContact(edit)
	} else {
		c, err = r.book.SetContact(a.Contact, edit)
	}
	return contactResult(c, false), err
}

func askDeleteContact(_ context.Context, r *Records, a contactArgs) (any, error) {
	c, err := r.book.DeleteContact(a.Contact)
	return contactResult(c, true), err
}

// importHeld is how many contacts one import may write while a phone runs on the
// same store: that takes about half a second, in which nothing else is written.
const importHeld = 5000

func askImport(ctx context.Context, r *Records, a fileArgs) (any, error) {
	most := 0
	if r.state != nil {
		most = importHeld
	}
	told, err := r.book.Import(ctx, strings.NewReader(a.Text), a.Form, most)
	return ImportResult{"ringback.import/1", told}, err
}

func askExport(ctx context.Context, r *Records, a fileArgs) (any, error) {
	var text strings.Builder
	form := a.Form
	if form == "" {
		form = book.FormCSV
	}
	n, err := r.book.Export(ctx, &text, form, a.Query)
	return ExportResult{"ringback.export/1", form, n, text.String()}, err
}
