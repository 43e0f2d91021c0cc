package book

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ringback/agent/phone"
	"ringback/agent/store"
)

// The forms of files of contacts.
const (
	FormVCard = "vcard" // RFC 6350 (4.0) and RFC 2426 (3.0)
	FormCSV   = "csv"   // a header row, and a row for each contact
)

// Imported says what became of a file.
type Imported struct {
	Form       string   `json:"form"`
	Contacts   int      `json:"contacts"` // in the file
	New        int      `json:"new"`
	Changed    int      `json:"changed"`
	Left       int      `json:"left"`        // nothing in the file was different
	PassedOver []string `json:"passed_over"` // columns or properties that a contact has no place for
	Unread     int      `json:"unread"`      // long numbers that name no country and are none of the region: nobody is found by them
}

// ImportError is everything that is wrong with a file, each with its line. Nothing
// was imported.
type ImportError struct {
	Faults []Fault
	More   int // beside those
}

// Fault is one thing that is wrong in a file.
type Fault struct {
	Line  int
	Field string // column or property; empty: the line itself
	Why   string // with the value, and what to write
}

// maxFaults is how many faults are told.
const maxFaults = 20

// Error names the first faults, one a line.
func (e *ImportError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the file has %s, nothing was imported", plural(len(e.Faults)+e.More, "fault"))
	for _, f := range e.Faults {
		fmt.Fprintf(&b, "\n  line %d: ", f.Line)
		if f.Field != "" {
			b.WriteString(f.Field + ": ")
		}
		b.WriteString(f.Why)
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n  and %d more", e.More)
	}
	return b.String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (e *ImportError) add(line int, field, why string) {
	if len(e.Faults) >= maxFaults {
		e.More++
		return
	}
	e.Faults = append(e.Faults, Fault{line, field, why})
}

// file is what was read of a file of contacts.
type file struct {
	entries []entry
	faults  ImportError
	passed  map[string]bool // columns or properties that are passed over
}

// entry is a contact as it stands in a file.
type entry struct {
	line int
	id   int64 // of the contact, as the file's export knew it; 0: none
	store.Contact
}

// addPoint keeps a point of an entry; the same one twice is one.
func (e *entry) addPoint(p store.Point) {
	if !slices.ContainsFunc(e.Points, func(old store.Point) bool { return samePoint(old, p) }) {
		e.Points = append(e.Points, p)
	}
}

// samePoint: the same number in another notation, or the same address.
func samePoint(a, b store.Point) bool {
	if a.Kind != b.Kind {
		return false
	}
	if a.E164 != "" || b.E164 != "" {
		return a.E164 == b.E164
	}
	return strings.EqualFold(a.Value, b.Value)
}

// read reads a file in the form; empty: what it looks like.
func (b *Book) read(r io.Reader, form string) (*file, string, error) {
	text, err := readAll(r)
	if err != nil {
		return nil, "", err
	}
	if form == "" {
		form = FormCSV
		if begin := strings.TrimSpace(text[:min(len(text), 200)]); len(begin) >= 11 && strings.EqualFold(begin[:11], "BEGIN:VCARD") {
			form = FormVCard
		}
	}
	f := &file{passed: map[string]bool{}}
	switch form {
	case FormVCard:
		b.readCards(f, text)
	case FormCSV:
		b.readSheet(f, text)
	default:
		return nil, "", Invalid("form %q is not known", form).hint("it is %s or %s", FormVCard, FormCSV)
	}
	for i := range f.entries {
		e := &f.entries[i]
		if err := checkContact(&e.Contact); err != nil {
			field, why, _ := strings.Cut(err.Error(), ": ")
			f.faults.add(e.line, field, why)
		}
	}
	if len(f.faults.Faults) > 0 {
		slices.SortStableFunc(f.faults.Faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
		return nil, form, &f.faults
	}
	if len(f.entries) == 0 {
		return nil, form, Invalid("the file has no contacts").hint("a CSV file has a header row with name, phone, ...; a vCard file begins with BEGIN:VCARD")
	}
	return f, form, nil
}

// unread counts the numbers that are too long for extensions, and no E.164 numbers.
func (f *file) unread() int {
	n := 0
	for _, e := range f.entries {
		for _, p := range e.Points {
			if p.Kind == PointPhone && p.E164 == "" && len(phone.Digits(p.Value)) > maxExtension {
				n++
			}
		}
	}
	return n
}

// maxExtension is how many digits an extension has at most.
const maxExtension = 8

func (f *file) passedOver() []string {
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(f.passed))))
}
